"""The one way figures are made: a caption with the evidence grade, heat maps with colour bars.

Figures are objects of their own, never pyplot's global state: servers draw in many threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Literal, NamedTuple

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from analysis.core.evidence import GRADES, Grade
from analysis.core.grid import Box, Grid
from analysis.figures.palette import SEQUENTIAL

FILE_SETTINGS = {"svg.hashsalt": "figure"}
"""Settings of Matplotlib for files: ids in an SVG are random otherwise, and no two files equal."""

rcParams.update(FILE_SETTINGS)

DIVERGING = "RdBu_r"
"""For signed quantities, white at 0; colour-blind safe as :data:`SEQUENTIAL` is."""

INK, QUIET, ACCENT = "#1c1f1e", "#5e6663", "#c2410c"

NOTHING, SHADE = "#d9dcda", "#eef1ef"
"""Of places without a value, and behind every other stage."""

OPACITY, PALENESS = 0.75, 0.55
"""Of maps over a picture, and of the picture under them: colours stay those of the colour bar."""


class Limits(NamedTuple):
    """What the ends of a colour bar stand for."""

    low: float
    high: float


def pixel_words(pixel: tuple[int, int] | None) -> str:
    """Return what a title calls the pixel (x, y), or one that it was not told."""
    return "one pixel" if pixel is None else f"pixel ({pixel[0]}, {pixel[1]})"


def new_figure(width: float, height: float, title: str, grade: Grade, caption: str) -> Figure:
    """Return an empty figure of that size in inches.

    ``caption`` is one or two sentences on what the figure shows and what it does not.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=12, color=INK, fontweight="bold")
    figure.supxlabel(f"[{GRADES[grade]}]  {caption}", fontsize=8, color=QUIET, wrap=True)
    return figure


def pale(picture: np.ndarray) -> np.ndarray:
    """Return a picture, uint8 (H, W, 3), in light greys."""
    grey = picture.mean(axis=2, keepdims=True)
    return np.repeat(255 - PALENESS * (255 - grey), 3, axis=2).astype(np.uint8)


def picture_height(size_px: tuple[int, int], width: float) -> float:
    """Return how high a picture of ``size_px`` (height, width) is at a ``width`` in inches.

    Very long pictures do not fill their panel: it is from a third to twice as high as it is wide.
    """
    height_px, width_px = size_px
    return width * min(max(height_px / width_px, 1 / 3), 2.0)


def shared_limits(*maps: np.ndarray, signed: bool = False, percentile: float = 100) -> Limits:
    """Return limits that fit all ``maps``, of any shape, symmetric about 0 if ``signed``.

    ``percentile`` below 100 lets outliers leave the scale, which the caption should say.
    """
    values = np.concatenate([np.ravel(values) for values in maps])
    values = values[np.isfinite(values)]
    if not values.size:
        return Limits(-1.0, 1.0) if signed else Limits(0.0, 1.0)
    if signed:
        high = float(np.percentile(np.abs(values), percentile)) or 1.0
        return Limits(-high, high)
    low, high = float(values.min()), float(np.percentile(values, percentile))
    return Limits(low, high if high > low else low + 1.0)


def heat(
    axes: Axes,
    values: np.ndarray,
    limits: Limits,
    size_px: tuple[int, int],
    *,
    signed: bool = False,
    picture: np.ndarray | None = None,
    covered_px: tuple[float, float] | None = None,
) -> AxesImage:
    """Draw ``values`` (rows, columns) over a picture of ``size_px`` (height, width).

    Every value fills the box it belongs to, without smoothing: that is the true resolution. NaN
    stays clear. The ``picture`` is drawn pale and grey, so that none of its colours is taken for
    one of the map. ``covered_px`` (height, width) is less than the size where the map ends before
    the picture does. Give the result to :func:`color_bar`.
    """
    height, width = size_px
    bottom, right = covered_px or size_px
    if picture is not None:
        axes.imshow(pale(picture), extent=(0, width, height, 0), interpolation="antialiased")
    image = axes.imshow(
        np.ma.masked_invalid(values),
        extent=(0, right, bottom, 0),
        cmap=DIVERGING if signed else SEQUENTIAL,
        vmin=limits.low,
        vmax=limits.high,
        alpha=OPACITY if picture is not None else 1.0,
        interpolation="nearest",
    )
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    return image


def heat_of_tokens(
    axes: Axes,
    values: np.ndarray,
    limits: Limits,
    grid: Grid,
    picture: np.ndarray,
    *,
    signed: bool = False,
) -> AxesImage:
    """Draw a map (rows, columns) of tokens where they lie, over a picture (H, W, 3).

    Strips of the picture that do not fill a token are not covered.
    """
    covered = grid.box((0, 0), *grid.shape)
    return heat(
        axes, values, limits, picture.shape[:2], signed=signed, picture=picture,
        covered_px=(covered.bottom_px, covered.right_px),
    )  # fmt: skip


def color_bar(
    figure: Figure,
    image: AxesImage,
    axes: Axes | list[Axes],
    unit: str,
    *,
    beyond: Literal["neither", "min", "max", "both"] = "neither",
) -> None:
    """Add the colour bar of ``image`` beside ``axes``; ``unit`` says what its numbers count.

    An arrow at an end of it says that values may lie ``beyond``.
    """
    # A pad of its own would let the titles of neighbouring axes overlap.
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=26, extend=beyond)
    bar.set_label(unit, fontsize=8, color=QUIET)
    bar.ax.tick_params(labelsize=7, colors=QUIET)
    bar.outline.set_visible(False)


def mark_pixel(axes: Axes, x: float, y: float, size: float = 7) -> None:
    """Mark the pixel in column ``x`` and row ``y``, visible on light and dark.

    The ring is ``size`` points wide, whatever the picture's size.
    """
    # Not cut off where the pixel is at the border.
    for edge, width in (("white", 2.5), (ACCENT, 1.3)):
        axes.plot(x + 0.5, y + 0.5, "o", ms=size, mfc="none", mec=edge, mew=width, clip_on=False)


def outline_box(axes: Axes, box: Box) -> None:
    """Outline a rectangle of the picture, such as a token or a window, on light and on dark."""
    corner, width, height = box[:2], box.right_px - box.left_px, box.bottom_px - box.top_px
    for line, edge in ((2.2, "white"), (1.1, ACCENT)):
        axes.add_patch(
            Rectangle(corner, width, height, fill=False, lw=line, ec=edge, clip_on=False)
        )


def outline(axes: Axes, region: np.ndarray) -> None:
    """Draw the border of a boolean ``region`` (H, W); one that is all or nothing has none."""
    rows, columns = np.nonzero(region)
    if len(rows) == 1:
        mark_pixel(axes, float(columns[0]), float(rows[0]))
        return
    if len(rows) in (0, region.size):
        return
    height, width = region.shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    for color, line in (("white", 2.4), (ACCENT, 1.2)):
        axes.contour(x, y, region.astype(float), levels=[0.5], colors=color, linewidths=line)


def hatch(axes: Axes, region: np.ndarray) -> None:
    """Hatch a boolean ``region`` (H, W) of the picture."""
    height, width = region.shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    levels = {"levels": [0.5, 1.5], "hatches": ["////"], "colors": "none"}
    axes.contourf(x, y, region.astype(float), **levels).set_edgecolor(INK)


def plot_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """Give axes with lines or points their labels and a calm frame."""
    axes.set_xlabel(x_label, fontsize=9, color=QUIET)
    axes.set_ylabel(y_label, fontsize=9, color=QUIET)
    axes.tick_params(labelsize=8, colors=QUIET)
    axes.grid(color="#e4e7e5", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def plain_ticks(axis: Axis) -> None:
    """Label a logarithmic axis at 1, 2 and 5 times powers of ten, in plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(NullLocator())


def shade_stages(axes: Axes, stages: Sequence[int], *, named: bool = False) -> None:
    """Shade the blocks of every other stage; ``stages`` has that of each block from 0 on.

    With ``named`` the stages are written above.
    """
    start = 0
    for stage, blocks in groupby(stages):
        end = start + len(list(blocks))
        if stage % 2 == 0:
            axes.axvspan(start - 0.5, end - 0.5, color=SHADE, zorder=0, lw=0)
        if named:
            axes.text(
                (start + end - 1) / 2, 1.02, f"stage {stage}", fontsize=8, color=QUIET,
                ha="center", transform=axes.get_xaxis_transform(),
            )  # fmt: skip
        start = end
    axes.set_xlim(-0.6, start - 0.4)
