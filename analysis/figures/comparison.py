"""The figure of two predictions: labels side by side, where they differ, agreement by class."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from analysis.evaluation.label_comparison import LabelComparison
from analysis.figures.canvas import (
    INK,
    color_bar,
    heat,
    new_figure,
    outline,
    picture_height,
    plot_axes,
    shared_limits,
)

PANEL = 4.2
"""Width of a map in inches."""

MAX_CLASSES = 10
"""Classes drawn, those with the largest areas."""


def comparison_figure(found: LabelComparison, names: tuple[str, str]) -> Figure:
    """Draw the labels of A and B, KL(A || B) with changed labels outlined, and IoU by class."""
    size = found.labels_a.shape
    tall = min(picture_height(size, PANEL), 5.2)
    figure = new_figure(
        2 * PANEL + 1.4,
        2 * tall + 1.9,
        f"{names[0]} | {names[1]}: {100 * found.differing_share:.2f} % of pixels differ",
        "exact",
        "Where the two predictions differ, not which one is right. Colours are classes, named "
        "where their agreement stands. Outlined: another label. KL also sees changes that flip no "
        "label.",
    )
    (a, b), (kl, bars) = figure.subplots(2, 2)
    for axes, labels, name in ((a, found.labels_a, names[0]), (b, found.labels_b, names[1])):
        axes.imshow(found.classes.palette[labels], interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(name, fontsize=10, color=INK)
    limits = shared_limits(found.kl_map_nats, np.zeros(1))
    image = heat(kl, found.kl_map_nats, limits, size)
    kl.set_title("how far the probabilities differ", fontsize=10, color=INK)
    outline(kl, found.differs)
    color_bar(figure, image, kl, "KL(left || right), nats")
    rows = found.rows()[:MAX_CLASSES]
    at = np.arange(len(rows))
    colors = [found.classes.colors[found.classes.names.index(row["class"])] for row in rows]
    # The whole width in the class's colour, so that a class without agreement is named as well.
    bars.barh(at, np.ones(len(rows)), color=colors, alpha=0.25)
    bars.barh(at, [row["iou"] for row in rows], color=colors, edgecolor=INK, linewidth=0.5)
    bars.set_yticks(at, [row["class"] for row in rows])
    bars.invert_yaxis()
    bars.set_xlim(0, 1)
    bars.set_title("agreement by class", fontsize=10, color=INK)
    plot_axes(bars, "intersection over union, 0 to 1", "")
    return figure
