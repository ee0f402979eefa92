"""Figures of rows of the affinity: one pixel through the stages, its 25 terms, all its heads.

All maps count weight in times uniform: what a key weighs over what every key of that query would
weigh if all weighed the same. That puts a convolution of 25 terms and attention to a thousand
tokens on one colour scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from analysis.affinity_global import GlobalAffinity
from analysis.affinity_local import LocalAffinity
from analysis.errors import AnalysisError
from analysis.figures.canvas import (
    ACCENT,
    INK,
    Limits,
    color_bar,
    heat,
    new_figure,
    shared_limits,
)
from analysis.grid import Box, Grid
from analysis.row_statistics import global_row_statistics, local_row_statistics
from analysis.tracing import Trace

Affinity = LocalAffinity | GlobalAffinity

UNIT = "log2 of weight / uniform weight (0: as by chance)"
MARGIN = 3
"""Tokens around the query that a magnified picture shows, beyond the 5 x 5 ones."""


def stages_figure(
    trace: Trace, picture: np.ndarray, rows: Sequence[Affinity], head: int | None = None
) -> Figure:
    """Draw what one pixel attends to in several blocks, such as one of each stage, side by side.

    ``head`` chooses a head of the global blocks, None their mean. Below each map stand its numbers
    and, in words, what went to padding.
    """
    whose = "mean of heads" if head is None else f"head {head + 1}"
    figure = new_figure(
        3.4 * len(rows) + 0.8,
        4.3,
        "What one pixel attends to, block by block",
        "exact",
        "Shares of the exact terms of a convolution (stages 1 and 2, by length) and attention "
        f"weights (stages 3 and 4, {whose}), in times uniform. Small square: the query. Large one: "
        "its window. Weight alone is not importance.",
    )
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    maps = [_times_uniform(row, trace.grid(row.stage).shape, head) for row in rows]
    limits = _limits(maps)
    for axes, row, values in zip(panels, rows, maps, strict=True):
        image = _on_picture(axes, picture, values, limits, trace.grid(row.stage), row)
        axes.set_title(f"stage {row.stage}, block {row.block + 1}", fontsize=9, color=INK)
        axes.set_xlabel(_words(row, head), fontsize=8, color=INK)
    color_bar(figure, image, list(panels), UNIT)
    return figure


def heads_figure(trace: Trace, picture: np.ndarray, row: GlobalAffinity) -> Figure:
    """Draw the row of every head of a global block and their mean, on one colour scale."""
    grid, heads = trace.grid(row.stage), len(row.weight)
    maps = [_times_uniform(row, grid.shape, head) for head in (*range(heads), None)]
    across = min(4, heads + 1)
    down = math.ceil((heads + 1) / across)
    figure = new_figure(
        3.1 * across + 0.8,
        3.7 * down + 1,
        f"Heads of stage {row.stage}, block {row.block + 1}, at one pixel",
        "exact",
        "Attention weights in times uniform, all on one scale. Small square: the query. The mean "
        "hides heads that do something of their own.",
    )
    panels = list(figure.subplots(down, across, squeeze=False).flat)
    limits = _limits(maps)
    for number, (axes, values) in enumerate(zip(panels, maps, strict=False)):
        head = number if number < heads else None
        image = _on_picture(axes, picture, values, limits, grid, row)
        axes.set_title("mean" if head is None else f"head {head + 1}", fontsize=9, color=INK)
        axes.set_xlabel(_words(row, head), fontsize=8, color=INK)
    for axes in panels[heads + 1 :]:
        axes.axis("off")
    color_bar(figure, image, panels, UNIT)
    return figure


def local_figure(trace: Trace, picture: np.ndarray, row: LocalAffinity) -> Figure:
    """Draw the terms of a convolution at one pixel, with numbers, beside the kernel itself."""
    figure = new_figure(
        12,
        4.4,
        f"The {row.inside.size} terms of stage {row.stage}, block {row.block + 1}, at one pixel",
        "exact",
        "Left: the neighbours in the picture. Middle: how much each adds here, by length; together "
        "with a constant these terms are the branch's output. Right: the learned kernel, mean of "
        "|a| over channels; it is the same for every picture.",
    )
    crop, share, kernel = figure.subplots(1, 3)
    _neighbourhood(crop, picture, trace.grid(row.stage), row)
    shares = np.where(row.inside, 100 * row.norm_share, np.nan)
    image = _numbers(share, shares, "contribution", "{:.1f}")
    color_bar(figure, image, share, "% of the sum of lengths")
    image = _numbers(kernel, np.abs(row.kernel).mean(0), "kernel, mean |a|", "{:.3f}")
    color_bar(figure, image, kernel, "mean |a|, without unit")
    return figure


def _times_uniform(row: Affinity, shape: tuple[int, int], head: int | None) -> np.ndarray:
    """Return log2 of weight over uniform weight on the map; NaN beyond the keys of the query."""
    values = np.full(shape, np.nan)
    if isinstance(row, LocalAffinity):
        cells = np.argwhere(row.inside)
        places = tuple((cells + row.token - len(row.inside) // 2).T)
        weight = row.norm_share[row.inside] * len(cells)
    else:
        if head is not None and not 0 <= head < len(row.weight):
            raise AnalysisError(
                f"There is no head {head}: its block has heads 0 to {len(row.weight) - 1}."
            )
        places = _keys(row)
        weights = row.weight_over_uniform[(slice(None), *places)]
        weight = weights.mean(0) if head is None else weights[head]
    # Weights too small for a float are drawn as such, not left out.
    values[places] = np.log2(np.maximum(weight, np.finfo(np.float32).tiny))
    return values


def _keys(row: GlobalAffinity) -> tuple[slice, slice]:
    window = row.window
    return (
        slice(window.top, window.top + window.rows),
        slice(window.left, window.left + window.columns),
    )


def _limits(maps: Sequence[np.ndarray]) -> Limits:
    """Return limits about 0, uniform weight, that the largest weight reaches.

    Weights have no lower end on a logarithmic scale; those below it are drawn like its end.
    """
    high = max(float(np.nanmax(values)) for values in maps)
    return Limits(-max(high, 1.0), max(high, 1.0))


def _on_picture(
    axes: Axes, picture: np.ndarray, values: np.ndarray, limits: Limits, grid: Grid, row: Affinity
) -> AxesImage:
    """Draw a map of tokens where they lie, with the query and, if it has one, its window."""
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="antialiased")
    # Strips right and bottom that do not fill a token are not covered.
    covered = grid.box((0, 0), *grid.shape)
    image = heat(axes, values, limits, (covered.bottom_px, covered.right_px), signed=True)
    image.set_alpha(0.75)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    _rectangle(axes, grid.box(row.token))
    if isinstance(row, GlobalAffinity) and row.window.real_tokens < values.size:
        window = row.window
        _rectangle(axes, grid.box((window.top, window.left), window.rows, window.columns))
    return image


def _rectangle(axes: Axes, box: Box, color: str = ACCENT) -> None:
    """Outline a box so that it shows on light and on dark."""
    corner, width, height = box[:2], box.right_px - box.left_px, box.bottom_px - box.top_px
    for line, edge in ((2.6, "white"), (1.3, color)):
        axes.add_patch(Rectangle(corner, width, height, fill=False, lw=line, ec=edge))


def _words(row: Affinity, head: int | None) -> str:
    """Return distance and evenness of a row, and what padding takes of it, in words."""
    local = isinstance(row, LocalAffinity)
    found = local_row_statistics(row) if local else global_row_statistics(row)
    chosen = slice(None) if head is None or local else slice(head, head + 1)
    distance, entropy = found.heads.distance_px[chosen].mean(), found.heads.entropy[chosen].mean()
    words = [f"{distance:.0f} px on average (uniform {found.uniform.distance_px[0]:.0f})"]
    words += [f"entropy {entropy:.0%} of its maximum"] if np.isfinite(entropy) else []
    padding = found.padding_mass[chosen].mean()
    words += [f"{padding:.0%} of the weight is on padding"] if padding > 0 else []
    return "\n".join(words)


def _neighbourhood(axes: Axes, picture: np.ndarray, grid: Grid, row: LocalAffinity) -> None:
    """Draw the picture around the query, with the cells of all terms inside the map outlined."""
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    for place in np.argwhere(row.inside) + row.token - len(row.inside) // 2:
        box = grid.box(tuple(map(int, place)))
        side = (box.right_px - box.left_px, box.bottom_px - box.top_px)
        axes.add_patch(Rectangle(box[:2], *side, fill=False, lw=0.8, ec="white"))
    query = grid.box(row.token)
    _rectangle(axes, query)
    reach = MARGIN + len(row.inside) // 2
    across, down = query.right_px - query.left_px, query.bottom_px - query.top_px
    axes.set_xlim(query.left_px - reach * across, query.right_px + reach * across)
    axes.set_ylim(query.bottom_px + reach * down, query.top_px - reach * down)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title("neighbours in the picture", fontsize=9, color=INK)


def _numbers(axes: Axes, values: np.ndarray, title: str, form: str) -> AxesImage:
    """Draw a small map with the number of every cell in it; cells without one stay empty."""
    rows, columns = values.shape
    limits = shared_limits(values, np.zeros(1))
    image = heat(axes, values, limits, (rows, columns))
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            light = value < (limits.low + limits.high) / 2
            axes.text(
                column + 0.5, row + 0.5, form.format(value), fontsize=8, ha="center", va="center",
                color="white" if light else INK,
            )  # fmt: skip
    axes.set_title(title, fontsize=9, color=INK)
    return image
