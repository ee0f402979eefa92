"""One row of an affinity as plain numbers: how far and how evenly it reaches, and at which classes.

Lens, questions, figures and reports all say what is said here. Distances are bounded by map or
window and differ twofold between corner and centre, so every number stands beside that of uniform
weights for the very same query and window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from analysis.affinity.attended_classes import attended_classes
from analysis.affinity.global_affinity import GlobalAffinity, global_affinity
from analysis.affinity.local_affinity import LocalAffinity, local_affinity
from analysis.affinity.statistics import DISTANCES, AffinityStatistics, Rows, spreads
from analysis.core.activation_cache import Trace
from analysis.core.forward import Place
from analysis.core.token_classes import TokenClasses

Affinity = LocalAffinity | GlobalAffinity

LOCAL_STAGES = (1, 2)


@dataclass(frozen=True)
class RowStatistics:
    """The spread of each head's row, and that of uniform weights over the same ``keys`` tokens.

    Padding has no place in the picture: it is left out, the rest is scaled to sum 1, and
    ``padding_mass`` (heads,), 0 to 1, says how much was left out. NaN stands where nothing can be
    said: the entropy of a single key, and everything where all weight went to padding.
    """

    heads: AffinityStatistics
    uniform: AffinityStatistics
    keys: int
    padding_mass: np.ndarray

    @property
    def distance_over_uniform(self) -> np.ndarray:
        """Distance over that of uniform weights, (heads,); NaN if the only key is the query."""
        with np.errstate(invalid="ignore"):
            return self.heads.distance_picture_px / self.uniform.distance_picture_px

    @property
    def effective_keys(self) -> np.ndarray:
        """Perplexity of each head's row, (heads,): how many keys of equal weight are as even.

        1 where one key has all the weight, ``keys`` where all have the same.
        """
        return self.keys**self.heads.entropy

    def of(self, head: int | None) -> dict[str, float]:
        """Return every number of one ``head``, or the mean over heads (None) of their numbers.

        That mean is none of the numbers of the mean row: see ``spreads`` of
        :mod:`analysis.affinity.statistics`.
        """
        chosen = slice(None) if head is None else slice(head, head + 1)
        heads = {**vars(self.heads), "effective_keys": self.effective_keys}
        return {
            "keys": self.keys,
            **{name: float(values[chosen].mean()) for name, values in heads.items()},
            **{f"uniform_{name}": float(getattr(self.uniform, name)[0]) for name in DISTANCES},
            "padding_mass": float(self.padding_mass[chosen].mean()),
        }


def row_statistics(row: Affinity) -> RowStatistics:
    """Return the statistics of a row: of the weights of each head, or of a convolution's terms.

    The norm shares of a convolution are taken as the weights of a single head. Its keys are the
    neighbours inside the map, so that its distance is bounded by its kernel.
    """
    if isinstance(row, LocalAffinity):
        sides = [np.arange(side) - side // 2 for side in row.inside.shape]
        weight, inside, padding = row.norm_share[None], row.inside, np.zeros(1)
    else:
        window = row.window
        rows = np.arange(window.top, window.top + window.rows)
        columns = np.arange(window.left, window.left + window.columns)
        sides = [rows - row.token[0], columns - row.token[1]]
        weight, padding = row.weight[:, rows[:, None], columns], row.padding_mass
        inside = np.ones(weight.shape[1:], dtype=bool)
    offsets = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1).reshape(-1, 2)
    summed = Rows(
        weight=torch.from_numpy(weight.reshape(1, len(weight), 1, -1)).double(),
        padding_mass=torch.from_numpy(padding).double()[None, :, None],
        queries=torch.tensor([[row.token]]),
        offsets=torch.from_numpy(offsets)[None],
        inside=torch.from_numpy(inside.ravel())[None],
    )
    heads, uniform = spreads(summed, row.grid)
    return RowStatistics(
        heads=AffinityStatistics(*heads[0, :, 0].T.numpy()),
        uniform=AffinityStatistics(*uniform.T.numpy()),
        keys=int(inside.sum()),
        padding_mass=padding,
    )


def affinity_row(trace: Trace, stage: int, block: int, x: int, y: int) -> Affinity:
    """Return the affinity, local or global, of the token that sees a pixel in a block."""
    token = trace.grid(stage).token_at(x, y)
    return (local_affinity if stage in LOCAL_STAGES else global_affinity)(
        trace, stage, block, token
    )


def row_numbers(
    trace: Trace, row: Affinity, tokens: TokenClasses, head: int | None = None
) -> dict[str, Any]:
    """Return how far, how evenly and at which classes a row looks, for one head or all (None).

    Numbers of all heads are means of the heads' numbers, see :meth:`RowStatistics.of`. A
    convolution has no heads: ``head`` is for the others. Stage 1 to 4; block and head from 0;
    names of distances say in which pixels they are; all else are shares, 0 to 1. ``name`` is that
    of figures. Raises :class:`AnalysisError` for a head that does not exist.
    """
    local = isinstance(row, LocalAffinity)
    head = None if local else head
    # First, since it refuses heads that do not exist.
    attended = attended_classes(row, tokens, head)
    return {
        "name": Place(row.stage, row.block).name,
        "stage": row.stage,
        "block": row.block,
        "head": "mean" if head is None else head,
        "kind": "local" if local else "global",
        "token_row": row.token[0],
        "token_column": row.token[1],
        **row_statistics(row).of(head),
        "attended": attended.in_words(trace.model.classes),
    }
