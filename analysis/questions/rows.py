"""One row of the affinity as plain numbers: what `probe` and `affinity` say of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.affinity.attended_classes import attended_classes
from analysis.affinity.global_affinity import GlobalAffinity, global_affinity
from analysis.affinity.local_affinity import LocalAffinity, local_affinity
from analysis.affinity.row_statistics import global_row_statistics, local_row_statistics
from analysis.core.activation_cache import Trace
from analysis.core.token_classes import TokenClasses
from analysis.profile.depth_profile import MASSES
from analysis.questions.answer import Row

Affinity = LocalAffinity | GlobalAffinity

LOCAL_STAGES = (1, 2)


def affinity_row(trace: Trace, stage: int, block: int, x: int, y: int) -> Affinity:
    """Return the affinity, local or global, of the token that sees a pixel in a block."""
    token = trace.grid(stage).token_at(x, y)
    return (local_affinity if stage in LOCAL_STAGES else global_affinity)(
        trace, stage, block, token
    )


def row_numbers(trace: Trace, row: Affinity, tokens: TokenClasses, head: int | None = None) -> Row:
    """Return how far, how evenly and at which classes a row looks, for one head or their mean.

    A convolution has no heads: ``head`` is for the others. Stage 1 to 4; block and head from 0;
    lengths in pixels of the network's input; all else shares, 0 to 1. ``name`` is that of figures.
    Raises :class:`AnalysisError` for a head that does not exist.
    """
    local = isinstance(row, LocalAffinity)
    head = None if local else head
    # First, since it refuses heads that do not exist.
    attended = attended_classes(row, tokens, head)
    found = (local_row_statistics if local else global_row_statistics)(row)
    chosen = slice(None) if head is None else slice(head, head + 1)
    spread, uniform = found.heads, found.uniform
    return {
        "name": f"{row.stage}.{row.block + 1}",
        "stage": row.stage,
        "block": row.block,
        "head": "mean" if head is None else head,
        "kind": "local" if local else "global",
        "token_row": row.token[0],
        "token_column": row.token[1],
        "keys": found.keys,
        "distance_px": float(spread.distance_px[chosen].mean()),
        "uniform_distance_px": float(uniform.distance_px[0]),
        "entropy": float(spread.entropy[chosen].mean()),
        "effective_keys": float(found.effective_keys[chosen].mean()),
        **{name: float(getattr(spread, name)[chosen].mean()) for name in MASSES},
        "padding_mass": float(found.padding_mass[chosen].mean()),
        "attended": attended.in_words(trace.model.classes),
    }


def class_rows(
    trace: Trace, row: Affinity, tokens: TokenClasses, head: int | None = None
) -> list[Row]:
    """Return the share of the weight on each predicted class, beside that of uniform weights."""
    attended = attended_classes(row, tokens, None if isinstance(row, LocalAffinity) else head)
    names = [trace.model.classes.names[label] for label in attended.classes]
    place = {"stage": row.stage, "block": row.block}
    shares = zip(names, attended.share, attended.uniform_share, strict=True)
    found = [
        {**place, "class": name, "share": float(share), "uniform_share": float(even)}
        for name, share, even in shares
    ]
    padding = (attended.padding_mass, attended.uniform_padding_mass)
    share, even = map(float, padding)
    return [*found, {**place, "class": "(padding)", "share": share, "uniform_share": even}]


def term_rows(row: LocalAffinity) -> list[Row]:
    """Return the terms of a convolution, a row per neighbour by its step in tokens."""
    radius = len(row.inside) // 2
    return [
        {
            "stage": row.stage,
            "block": row.block,
            "step_down": int(down) - radius,
            "step_right": int(right) - radius,
            "inside": bool(row.inside[down, right]),
            "norm_share": float(row.norm_share[down, right]),
            "signed_share": float(row.signed_share[down, right]),
        }
        for down, right in np.ndindex(row.inside.shape)
    ]


def row_arrays(rows: Sequence[Affinity]) -> dict[str, np.ndarray]:
    """Return the maps of rows, named by stage and block (from 0): ``stage3_block4_weight``."""
    arrays: dict[str, Any] = {}
    for row in rows:
        names = ("kernel", "norm_share", "signed_share", "contribution", "bias", "inside")
        if isinstance(row, GlobalAffinity):
            names = ("weight", "contribution_norm", "signed_share", "padding_mass")
        for name in names:
            arrays[f"stage{row.stage}_block{row.block}_{name}"] = getattr(row, name)
    return arrays
