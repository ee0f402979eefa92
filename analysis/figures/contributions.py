"""The figure of what the keys of one row add to the output, head by head, by length or with sign.

A large weight on a small value adds little: this is what weights alone do not show.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.affinity.global_affinity import GlobalAffinity, joint_contribution_norm
from analysis.core.activation_cache import Trace
from analysis.figures.affinity import mark_query
from analysis.figures.canvas import (
    INK,
    Limits,
    color_bar,
    heat_of_tokens,
    new_figure,
    picture_height,
    pixel_words,
    shared_limits,
)

PANEL = 2.4
"""Width of a map in inches."""

COLUMNS = 3

UNITS = {
    "length": "log2 of length / mean length (0: an average key of an average head)",
    "share": "% of the output, signed",
}

CAPTIONS = {
    "length": "Length of what each key adds to the output through a head: weight times projected "
    "value. All heads: the length of their sum, in which heads can cancel. What is fainter is "
    "drawn like the lower end.",
    "share": "Part of the output that each key makes up through a head, negative where it works "
    "against the rest. With padding, all keys of all heads add up to 100%. The few beyond "
    "the scale have the colours of its ends.",
}


def contributions_figure(
    trace: Trace,
    picture: np.ndarray,
    row: GlobalAffinity,
    show: Literal["length", "share"],
    pixel: tuple[int, int] | None = None,
) -> Figure:
    """Draw what each key of a row adds, for every head and all of them, on one colour scale.

    ``show`` chooses the length of each contribution or its signed share of the output.
    ``pixel`` (x, y) is marked.
    """
    values = _lengths(trace, row) if show == "length" else 100 * _with_sum(row.signed_share)
    grid = trace.grid(row.stage)
    down = math.ceil(len(values) / COLUMNS)
    figure = new_figure(
        PANEL * COLUMNS + 1,
        down * (picture_height(picture.shape[:2], PANEL) + 0.6) + 1.3,
        f"What keys add in stage {row.stage}, block {row.block}, at {pixel_words(pixel)}",
        "exact",
        CAPTIONS[show],
    )
    panels: list[Axes] = figure.subplots(down, COLUMNS, squeeze=False).ravel().tolist()
    limits = _limits(values, show)
    for head, (axes, each) in enumerate(zip(panels, values, strict=False)):
        image = heat_of_tokens(axes, each, limits, grid, picture, signed=True)
        mark_query(axes, grid, row, pixel)
        last = head == len(row.weight)
        axes.set_title("all heads" if last else f"head {head}", fontsize=9, color=INK)
        shares = row.signed_share.sum((1, 2)) + row.padding_signed_share
        share = shares.sum() if last else shares[head]
        axes.set_xlabel(f"{share:.0%} of the output", fontsize=8, color=INK)
    for axes in panels[len(values) :]:
        axes.axis("off")
    color_bar(figure, image, panels, UNITS[show], beyond="min" if show == "length" else "both")
    return figure


def _lengths(trace: Trace, row: GlobalAffinity) -> np.ndarray:
    """Return log2 of the lengths of each head, and of their sum, over the mean of all heads."""
    norms = np.concatenate([row.contribution_norm, joint_contribution_norm(trace, row)[None]])
    seen = np.zeros(norms.shape[1:], dtype=bool)
    window = row.window
    rows = slice(window.top, window.top + window.rows)
    seen[rows, window.left : window.left + window.columns] = True
    tiny = np.finfo(np.float32).tiny
    mean = max(float(row.contribution_norm[:, seen].mean()), tiny)
    return np.where(seen, np.log2(np.maximum(norms / mean, tiny)), np.nan)


def _with_sum(shares: np.ndarray) -> np.ndarray:
    return np.concatenate([shares, shares.sum(0, keepdims=True)])


def _limits(values: np.ndarray, show: str) -> Limits:
    """Return limits about 0: that the greatest length reaches, or all shares but one in 200."""
    if show == "share":
        return shared_limits(values, signed=True, percentile=99.5)
    high = max(float(np.nanmax(values)), 1.0)
    return Limits(-high, high)
