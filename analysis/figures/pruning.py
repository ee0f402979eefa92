"""The figure of the tokens that passed through each block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.affinity.pruning import BlockPruning
from analysis.core.activation_cache import Trace
from analysis.core.forward import Place
from analysis.figures.canvas import (
    INK,
    color_bar,
    heat_of_tokens,
    new_figure,
    picture_height,
    shared_limits,
)

PANEL = 1.9
"""Width of a map in inches."""

COLUMNS = 6

OUTLIERS = 99
"""Percentile of the scores at which the scale ends."""


def pruning_figure(trace: Trace, picture: np.ndarray, found: Sequence[BlockPruning]) -> Figure:
    """Draw what every block kept, coloured by the score it was chosen for; dropped tokens are bare.

    ``picture`` is uint8 RGB (H, W, 3), the one that was traced. Scores are in units of an even
    share, so that 1 is what all tokens would have on average.
    """
    rows, columns = -(-len(found) // COLUMNS), min(COLUMNS, len(found))
    tall = picture_height(picture.shape[:2], PANEL)
    figure = new_figure(
        PANEL * columns + 1,
        rows * (tall + 0.35) + 1.2,
        "Which tokens passed through each block?",
        "exact",
        "Coloured tokens were kept, bare ones merged into one. Colour: the class token's running "
        "attention over its mean; blocks without scores keep all. Dropped does not mean unused.",
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    values = [_relative(one) for one in found]
    limits = shared_limits(*values, percentile=OUTLIERS)
    for axes, one, scores in zip(panels, found, values, strict=False):
        image = heat_of_tokens(axes, scores, limits, trace.grid(one.stage), picture)
        axes.set_title(
            f"{Place(one.stage, one.block).name}: {one.kept.sum()} of {one.kept.size}",
            fontsize=8,
            color=INK,
        )
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    color_bar(figure, image, list(panels[: len(found)]), "score over its mean", beyond="max")
    return figure


def _relative(one: BlockPruning) -> np.ndarray:
    """Return scores over their mean where kept, else NaN; 1 where a block has none."""
    relative = one.score / one.score.mean() if one.prunes else np.ones(one.kept.shape)
    return np.where(one.kept, relative, np.nan)
