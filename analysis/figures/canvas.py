"""The one way figures are made: a caption with the evidence grade, heat maps with colour bars.

Figures are objects of their own, never pyplot's global state: servers draw in many threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from analysis.evidence import GRADES, Grade

SEQUENTIAL, DIVERGING = "cividis", "RdBu_r"
"""Perceptually uniform and colour-blind safe; diverging for signed quantities, white at 0."""

INK, QUIET, ACCENT = "#1c1f1e", "#5e6663", "#c2410c"

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours of lines, after Okabe and Ito: told apart with any colour vision."""


class Limits(NamedTuple):
    """What the ends of a colour bar stand for."""

    low: float
    high: float


def color_steps(count: int) -> list[str]:
    """Return ``count`` colours (#rrggbb) of the sequential scale, for what draws in a browser."""
    return [to_hex(colormaps[SEQUENTIAL](step / (count - 1))) for step in range(count)]


def new_figure(width: float, height: float, title: str, grade: Grade, caption: str) -> Figure:
    """Return an empty figure of that size in inches.

    ``caption`` is one or two sentences on what the figure shows and what it does not.
    """
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=12, color=INK, fontweight="bold")
    figure.supxlabel(f"[{GRADES[grade]}]  {caption}", fontsize=8, color=QUIET, wrap=True)
    return figure


def shared_limits(*maps: np.ndarray, signed: bool = False, percentile: float = 100) -> Limits:
    """Return limits that fit all ``maps``, symmetric about 0 if ``signed``.

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
    opacity: float = 0.65,
) -> AxesImage:
    """Draw ``values`` (rows, columns) over a picture of ``size_px`` (height, width).

    Every value fills the box it belongs to, without smoothing: that is the true resolution. NaN
    stays clear. Give the result to :func:`color_bar`.
    """
    height, width = size_px
    extent = (0, width, height, 0)
    if picture is not None:
        axes.imshow(picture, extent=extent, interpolation="antialiased")
    image = axes.imshow(
        np.ma.masked_invalid(values),
        extent=extent,
        cmap=DIVERGING if signed else SEQUENTIAL,
        vmin=limits.low,
        vmax=limits.high,
        alpha=opacity if picture is not None else 1.0,
        interpolation="nearest",
    )
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    return image


def color_bar(figure: Figure, image: AxesImage, axes: Axes | list[Axes], unit: str) -> None:
    """Add the colour bar of ``image`` beside ``axes``; ``unit`` says what its numbers count."""
    # A pad of its own would let the titles of neighbouring axes overlap.
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label(unit, fontsize=8, color=QUIET)
    bar.ax.tick_params(labelsize=7, colors=QUIET)
    bar.outline.set_visible(False)


def mark_pixel(axes: Axes, x: float, y: float) -> None:
    """Mark the pixel in column ``x`` and row ``y``, visible on light and dark."""
    axes.plot(x + 0.5, y + 0.5, "o", ms=7, mfc="none", mec="white", mew=2.5)
    axes.plot(x + 0.5, y + 0.5, "o", ms=7, mfc="none", mec=ACCENT, mew=1.3)


def outline(axes: Axes, region: np.ndarray) -> None:
    """Draw the border of a boolean ``region`` (H, W) of the picture."""
    rows, columns = np.nonzero(region)
    if len(rows) == 1:
        mark_pixel(axes, columns[0], rows[0])
        return
    height, width = region.shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    for color, line in (("white", 2.4), (ACCENT, 1.2)):
        axes.contour(x, y, region.astype(float), levels=[0.5], colors=color, linewidths=line)


def plot_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """Give axes with lines or points their labels and a calm frame."""
    axes.set_xlabel(x_label, fontsize=9, color=QUIET)
    axes.set_ylabel(y_label, fontsize=9, color=QUIET)
    axes.tick_params(labelsize=8, colors=QUIET)
    axes.grid(color="#e4e7e5", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
