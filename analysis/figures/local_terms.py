"""The figure of a convolution at one token: the terms of its neighbours, and the kernel itself."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from analysis.affinity.local_affinity import LocalAffinity
from analysis.core.activation_cache import Trace
from analysis.core.grid import Grid
from analysis.figures.canvas import (
    INK,
    NOTHING,
    color_bar,
    heat,
    mark_pixel,
    new_figure,
    outline_box,
    pixel_words,
    shared_limits,
)

LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue."""

MARGIN = 3
"""Tokens around the query that a magnified picture shows, beyond the 5 x 5 ones."""


def local_figure(
    trace: Trace,
    picture: np.ndarray,
    row: LocalAffinity,
    pixel: tuple[int, int] | None = None,
) -> Figure:
    """Draw the terms of a convolution at one pixel, with numbers, beside the kernel itself.

    ``pixel`` (x, y) is marked.
    """
    place = f"stage {row.stage}, block {row.block}, at {pixel_words(pixel)}"
    figure = new_figure(
        9,
        8.4,
        f"The {row.inside.size} terms of {place}",
        "exact",
        "Length: how much each neighbour adds here, whichever way it points. Signed: its part in "
        "the sum of all, negative where it works against it; these add up to 100 %. Together with "
        "a constant the terms are the branch's output. The kernel, mean of |a| over channels, is "
        "the same for every picture. Grey: outside the map, where terms are 0.",
    )
    (crop, share), (signed, kernel) = figure.subplots(2, 2)
    _neighbourhood(crop, picture, trace.grid(row.stage), row)
    if pixel is not None:
        mark_pixel(crop, *pixel, size=4)
    shares = np.where(row.inside, 100 * row.norm_share, np.nan)
    image = _numbers(share, shares, "length of each term", "{:.1f}")
    color_bar(figure, image, share, "% of the sum of lengths")
    shares = np.where(row.inside, 100 * row.signed_share, np.nan)
    image = _numbers(signed, shares, "signed part of each term", "{:+.1f}", signed=True)
    color_bar(figure, image, signed, "% of the sum of all terms")
    image = _numbers(kernel, np.abs(row.kernel).mean(0), "kernel, mean |a|", "{:.3f}")
    color_bar(figure, image, kernel, "mean |a|, without unit")
    return figure


def _neighbourhood(axes: Axes, picture: np.ndarray, grid: Grid, row: LocalAffinity) -> None:
    """Draw the picture around the query, with the cells of all terms inside the map outlined."""
    height, width = picture.shape[:2]
    axes.set_facecolor(NOTHING)
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    for place in np.argwhere(row.inside) + row.token - len(row.inside) // 2:
        box = grid.box((int(place[0]), int(place[1])))
        side = (box.right_px - box.left_px, box.bottom_px - box.top_px)
        axes.add_patch(Rectangle(box[:2], *side, fill=False, lw=0.8, ec="white"))
    query = grid.box(row.token)
    outline_box(axes, query)
    reach = MARGIN + len(row.inside) // 2
    across, down = query.right_px - query.left_px, query.bottom_px - query.top_px
    axes.set_xlim(query.left_px - reach * across, query.right_px + reach * across)
    axes.set_ylim(query.bottom_px + reach * down, query.top_px - reach * down)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title("neighbours in the picture", fontsize=9, color=INK)


def _numbers(
    axes: Axes, values: np.ndarray, title: str, form: str, *, signed: bool = False
) -> AxesImage:
    """Draw a small map with the number of every cell in it; cells without one stay empty."""
    limits = shared_limits(values, np.zeros(1), signed=signed)
    axes.set_facecolor(NOTHING)
    image = heat(axes, values, limits, values.shape, signed=signed)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = np.dot(image.cmap(image.norm(value))[:3], LUMINANCE) < 0.45
            axes.text(
                column + 0.5, row + 0.5, form.format(value), fontsize=8, ha="center", va="center",
                color="white" if dark else INK,
            )  # fmt: skip
    axes.set_title(title, fontsize=9, color=INK)
    return image
