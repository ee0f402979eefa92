"""Other networks that questions can set beside the model, named in one text."""

from __future__ import annotations

from typing import Annotated

from analysis.core.errors import AnalysisError
from analysis.receptive_field.networks import PEERS

Peers = Annotated[str | None, f"other networks to measure, comma-separated: {', '.join(PEERS)}"]


def peers_named(peers: str | None) -> list[str]:
    """Return the names of ``PEERS`` in a text, in any case and with _ for -; none for None.

    Raises :class:`AnalysisError` for an unknown name.
    """
    names = [name.strip().lower().replace("_", "-") for name in (peers or "").split(",")]
    names = list(dict.fromkeys(name for name in names if name))
    for name in names:
        if name not in PEERS:
            raise AnalysisError(
                f"There is no network {name!r} to compare with: choose from {', '.join(PEERS)}."
            )
    return names
