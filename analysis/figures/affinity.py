"""Figures of rows of the affinity: one pixel through the stages, and in all heads of a block.

All maps count weight in times uniform: what a key weighs over what every key of that query would
weigh if all weighed the same. That puts a convolution of 25 terms and attention to a thousand
tokens on one colour scale.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.affinity.global_affinity import GlobalAffinity
from analysis.affinity.in_degree import InDegree
from analysis.affinity.local_affinity import LocalAffinity
from analysis.affinity.row_summary import Affinity, row_statistics
from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.grid import Grid
from analysis.figures.canvas import (
    INK,
    Limits,
    color_bar,
    heat_of_tokens,
    mark_pixel,
    new_figure,
    outline_box,
    picture_height,
    pixel_words,
)

UNIT = "log2 of weight / uniform weight\n(0: as by chance)"
PANEL = 2.4
"""Width of a map in inches."""

COLUMNS = 4

MEAN = "Under the heads' mean row stand the means of the heads' own numbers. "

RECEIVED = (
    " From all queries: what each token is given by all of them, mean of heads; a sink draws much "
    "whatever the query."
)


def stages_figure(
    trace: Trace,
    picture: np.ndarray,
    rows: Sequence[Affinity],
    head: int | None = None,
    pixel: tuple[int, int] | None = None,
) -> Figure:
    """Draw what one pixel attends to in several blocks, such as one of each stage, side by side.

    ``head`` chooses a head of the global blocks, None their mean; ``pixel`` (x, y) is marked. Below
    each map stand its numbers and, in words, what went to padding.
    """
    whose = "mean of heads" if head is None else f"head {head}"
    figure = new_figure(
        PANEL * len(rows) + 1,
        picture_height(picture.shape[:2], PANEL) + 1.8,
        f"What {pixel_words(pixel)} attends to, block by block",
        "exact",
        "Shares of the exact terms of a convolution (stages 1 and 2, by length) and attention "
        f"weights (stages 3 and 4, {whose}), in times uniform; what is fainter than the scale is "
        "drawn like its lower end. Small square: the query's token. Large one: the tokens it can "
        f"see, where that is not all. Px: of the picture. {MEAN if head is None else ''}"
        "Weight alone is not importance.",
    )
    panels = figure.subplots(1, len(rows), squeeze=False)[0]
    maps = [_times_uniform(row, trace.grid(row.stage).shape, head) for row in rows]
    limits = _limits(maps)
    for axes, row, values in zip(panels, rows, maps, strict=True):
        image = heat_of_tokens(axes, values, limits, trace.grid(row.stage), picture, signed=True)
        mark_query(axes, trace.grid(row.stage), row, pixel)
        axes.set_title(f"stage {row.stage}, block {row.block}", fontsize=9, color=INK)
        axes.set_xlabel(_words(row, head), fontsize=8, color=INK)
    color_bar(figure, image, list(panels), UNIT, beyond="min")
    return figure


def heads_figure(
    trace: Trace,
    picture: np.ndarray,
    row: GlobalAffinity,
    received: InDegree | None = None,
    pixel: tuple[int, int] | None = None,
) -> Figure:
    """Draw the row of every head of a global block and their mean, on one colour scale.

    With ``received``, the in-degree of the block, also what all queries give each token, mean of
    heads: sinks stand out. ``pixel`` (x, y) is marked.
    """
    grid, heads = trace.grid(row.stage), len(row.weight)
    maps = [_times_uniform(row, grid.shape, head) for head in (*range(heads), None)]
    titles = [*(f"head {head}" for head in range(heads)), "mean of heads"]
    words = [_words(row, head) for head in (*range(heads), None)]
    if received is not None:
        maps.append(_received(trace, received))
        titles.append("from all queries")
        words.append(f"top 1% of tokens: {received.top_1_percent_share.mean():.0%}")
    down = math.ceil(len(maps) / COLUMNS)
    figure = new_figure(
        PANEL * COLUMNS + 1,
        down * (picture_height(picture.shape[:2], PANEL) + 0.85) + 0.9,
        f"Heads of stage {row.stage}, block {row.block}, at {pixel_words(pixel)}",
        "exact",
        "Attention weights in times uniform, all on one scale; what is fainter is drawn like its "
        "lower end. Small square: the query's token. Large one: its window. Px: of the picture. "
        f"{MEAN}The mean hides heads that do something of their own."
        + (RECEIVED if received is not None else ""),
    )
    panels: list[Axes] = figure.subplots(down, COLUMNS, squeeze=False).ravel().tolist()
    limits = _limits(maps)
    for number, (axes, values) in enumerate(zip(panels, maps, strict=False)):
        image = heat_of_tokens(axes, values, limits, grid, picture, signed=True)
        if number <= heads:
            mark_query(axes, grid, row, pixel)
        axes.set_title(titles[number], fontsize=9, color=INK)
        axes.set_xlabel(words[number], fontsize=8, color=INK)
    for axes in panels[len(maps) :]:
        axes.axis("off")
    color_bar(figure, image, panels, UNIT, beyond="min")
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


def _received(trace: Trace, received: InDegree) -> np.ndarray:
    """Return log2 of what every token receives, mean of heads, over what even weights give it.

    With even weights a token of a window without padding receives 1, else less.
    """
    grid = trace.grid(received.stage)
    size = trace.windows[received.stage - 1][received.block]
    windows = [grid.window(token, size) for token in np.ndindex(grid.shape)]
    even: np.ndarray = np.reshape(
        [window.real_tokens / window.tokens for window in windows], grid.shape
    )
    return np.log2(np.maximum(received.degree.mean(0) / even, np.finfo(np.float32).tiny))


def mark_query(axes: Axes, grid: Grid, row: Affinity, pixel: tuple[int, int] | None) -> None:
    """Outline the query and, if they are not the whole map, the tokens it can see."""
    if isinstance(row, LocalAffinity):
        inside = np.argwhere(row.inside)
        (top, left), (rows, columns) = inside[0], np.ptp(inside, axis=0) + 1
        top, left = np.add((top, left), row.token) - len(row.inside) // 2
    else:
        top, left, rows, columns, _ = astuple(row.window)
    if (rows, columns) != grid.shape:
        outline_box(axes, grid.box((int(top), int(left)), int(rows), int(columns)))
    outline_box(axes, grid.box(row.token))
    if pixel is not None and isinstance(row, GlobalAffinity):  # else the token is hardly larger
        mark_pixel(axes, *pixel, size=2)


def _words(row: Affinity, head: int | None) -> str:
    """Return distance and evenness of a row, and what padding takes of it, in words."""
    found = row_statistics(row).of(None if isinstance(row, LocalAffinity) else head)
    distance, uniform = found["distance_picture_px"], found["uniform_distance_picture_px"]
    words = [f"{distance:.0f} px on average (uniform {uniform:.0f})"]
    if np.isfinite(found["entropy"]):
        words.append(f"entropy {found['entropy']:.0%} of its maximum")
    padding = found["padding_mass"]
    if padding > 0:
        share = "under 1%" if padding < 0.005 else f"{padding:.0%}"
        words.append(f"{share} of the weight is on padding")
    return "\n".join(words)
