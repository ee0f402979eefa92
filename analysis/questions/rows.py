"""Tables and arrays of one row of the affinity, for `probe` and `affinity`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.affinity.attended_classes import attended_classes
from analysis.affinity.global_affinity import GlobalAffinity
from analysis.affinity.local_affinity import LocalAffinity
from analysis.affinity.row_summary import Affinity
from analysis.core.activation_cache import Trace
from analysis.core.token_classes import TokenClasses
from analysis.questions.answer import Row


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


LOCAL_MAPS = ["kernel", "norm_share", "signed_share", "contribution", "bias", "inside"]
GLOBAL_MAPS = ["weight", "contribution_norm", "signed_share", "padding_mass"]
"""What an answer has of a row."""


def row_arrays(rows: Sequence[Affinity]) -> dict[str, np.ndarray]:
    """Return the maps of rows, named by stage and block (from 0): ``stage3_block4_weight``.

    Shapes and units are those of :class:`GlobalAffinity` and :class:`LocalAffinity`.
    """
    arrays: dict[str, Any] = {}
    for row in rows:
        names: tuple[str, ...] = (
            "kernel",
            "norm_share",
            "signed_share",
            "contribution",
            "bias",
            "inside",
        )
        if isinstance(row, GlobalAffinity):
            names = ("weight", "contribution_norm", "signed_share", "padding_mass")
        for name in names:
            arrays[f"stage{row.stage}_block{row.block}_{name}"] = getattr(row, name)
    return arrays
