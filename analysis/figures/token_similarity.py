"""The figure of one token beside all others, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.canvas import (
    INK,
    Limits,
    color_bar,
    heat,
    mark_pixel,
    new_figure,
    picture_height,
)
from analysis.representation.token_similarity import TokenSimilarity

PANEL = 2.4
"""Width of a map in inches."""


def similarity_figure(
    found: Sequence[TokenSimilarity], picture: np.ndarray, pixel: tuple[int, int]
) -> Figure:
    """Draw for each stage the cosines with the token at ``pixel`` (x, y), above its components."""
    height, width = picture.shape[:2]
    tall = picture_height((height, width), PANEL)
    figure = new_figure(
        PANEL * len(found) + 1,
        2 * tall + 1.9,
        f"Which tokens hold the same as the one at pixel ({pixel[0]}, {pixel[1]})?",
        "statistic",
        "Above: cosine with the marked token, mean token taken off. Alike does not mean looked at. "
        "Below: what varies most, three principal components as red, green and blue on one scale; "
        "like colours are like features, which colour it is means nothing.",
    )
    panels = figure.subplots(2, len(found), squeeze=False)
    for axes, one in zip(panels[0], found, strict=True):
        image = heat(
            axes, one.centered, Limits(-1, 1), (height, width), signed=True, picture=picture
        )
        mark_pixel(axes, *pixel)
        axes.set_title(f"stage {one.stage}", fontsize=9, color=INK)
    color_bar(figure, image, list(panels[0]), "cosine")
    for axes, one in zip(panels[1], found, strict=True):
        axes.imshow(
            component_colors(one.components), extent=(0, width, height, 0), interpolation="nearest"
        )
        axes.set_xticks([])
        axes.set_yticks([])
        mark_pixel(axes, *pixel)
        axes.set_xlabel(f"{one.explained.sum():.0%} of the variance", fontsize=8, color=INK)
    return figure


def component_colors(components: np.ndarray) -> np.ndarray:
    """Return ``components`` (rows, columns, 3) as RGB, 0 to 1: grey at 0, all three on one scale.

    The scale fits 99 % of the values, so that single tokens do not leave the rest grey.
    """
    reach = np.percentile(np.abs(components), 99)
    return np.clip(0.5 + 0.5 * components / (reach or 1.0), 0, 1)
