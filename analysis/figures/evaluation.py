"""Figures of an evaluation: is it calibrated, which classes fail, taken for what, and where."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch

from analysis.evaluation.error_map import BORDER_MISS, HIT, MISS, UNKNOWN, ErrorMap, top_confusions
from analysis.figures.canvas import (
    INK,
    OPACITY,
    QUIET,
    Limits,
    color_bar,
    heat,
    new_figure,
    pale,
    picture_height,
    plot_axes,
)
from analysis.figures.palette import SERIES
from uniformer.evaluation import ClassScore, Evaluation
from uniformer.plural import how_many

PANEL = 5.0
"""Width of a picture in inches."""

MAX_CLASSES = 40
"""Bars in a figure: more could not be read."""

KINDS = {HIT: ("right", SERIES[5]), BORDER_MISS: ("wrong near a border", SERIES[4]),
         MISS: ("wrong elsewhere", SERIES[1])}  # fmt: skip


def reliability_figure(evaluation: Evaluation) -> Figure:
    """Draw how often labels of each confidence are right, and how many pixels have it."""
    bins = evaluation.reliability
    count = len(bins.pixels)
    centers, used = (np.arange(count) + 0.5) / count, bins.pixels > 0
    figure = new_figure(
        6.4,
        6,
        f"Does confidence come true? Calibration error {_percent(evaluation.calibration_error)}",
        "statistic",
        f"{evaluation.pixels:,} annotated pixels of {how_many(evaluation.pictures, 'picture')}. "
        "On the dashed line a confidence of 80 % is right in 80 %; below it the model is too sure. "
        "Pixels of a picture fail together, so that few pictures give no sure figure.",
    )
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], "--", color=INK, lw=1, label="calibrated")
    above.bar(
        centers[used], bins.accuracy[used], 0.9 / count, color=SERIES[0], alpha=0.35,
        label="share that is right",
    )  # fmt: skip
    above.plot(
        bins.confidence[used], bins.accuracy[used], "o", color=SERIES[0],
        label="at the bin's mean confidence",
    )  # fmt: skip
    above.set(xlim=(0, 1), ylim=(0, 1))
    above.legend(fontsize=8, frameon=False)
    plot_axes(above, "", "share labelled right")
    below.bar(centers, bins.pixels / max(evaluation.pixels, 1), 0.9 / count, color=QUIET)
    plot_axes(below, "confidence: probability of the label", "share of pixels")
    return figure


def class_iou_figure(evaluation: Evaluation) -> Figure:
    """Draw IoU, boundary IoU and share of pixels of every class met, best first.

    Beyond 40 classes, those with most annotated pixels are drawn.
    """
    met = [row for row in evaluation.classes if row.iou is not None]
    largest = sorted(met, key=lambda row: -row.pixels)[:MAX_CLASSES]
    drawn = sorted(largest, key=lambda row: row.iou or 0.0, reverse=True)
    left_out = (
        f" Smallest {len(met) - len(drawn)} classes left out." if len(met) > len(drawn) else ""
    )
    figure = new_figure(
        9,
        1.8 + 0.22 * len(drawn),
        f"Which classes are found? Mean IoU {_percent(evaluation.miou)}",
        "statistic",
        f"{len(met)} of {len(evaluation.classes)} classes are annotated or predicted in "
        f"{how_many(evaluation.pictures, 'picture')}. Dashed: means over these. Boundary IoU "
        f"counts a band of 2 % of the diagonal along borders only.{left_out}",
    )
    scores, pixels = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    places = np.arange(len(drawn))
    scores.barh(places, [row.iou for row in drawn], 0.7, color=SERIES[5], label="IoU")
    scores.plot(
        [np.nan if row.boundary_iou is None else row.boundary_iou for row in drawn],
        places, "D", ms=4, color=SERIES[1], label="boundary IoU",
    )  # fmt: skip
    for mean, color in ((evaluation.miou, INK), (evaluation.boundary_iou, SERIES[1])):
        if mean is not None:
            scores.axvline(mean, ls="--", lw=1, color=color)
    scores.set_yticks(places, [row.name for row in drawn])
    scores.set(xlim=(0, 1), ylim=(len(drawn) - 0.5, -0.5))
    scores.legend(fontsize=8, frameon=False, loc="lower right")
    plot_axes(scores, "intersection over union", "")
    pixels.barh(places, [_pixel_share(row, evaluation) for row in drawn], 0.7, color=QUIET)
    plot_axes(pixels, "% of annotated pixels", "")
    return figure


def confusion_figure(evaluation: Evaluation, count: int = 12) -> Figure:
    """Draw the confusion matrix of the classes in the ``count`` most frequent confusions.

    Beside it stand these confusions by name. Rows are shares of an annotated class.
    """
    found = top_confusions(evaluation.confusion, [row.name for row in evaluation.classes], count)
    names = {name for one in found for name in (one.truth, one.predicted)}
    chosen = [row for row in evaluation.classes if row.name in names]
    figure = new_figure(
        13,
        2.6 + 0.32 * max(len(chosen), len(found), 4),
        "What is taken for what?",
        "statistic",
        f"Classes of the {len(found)} most frequent confusions in "
        f"{how_many(evaluation.pictures, 'picture')}. "
        "A row adds up to 1 over all classes; those without such a confusion are left out.",
    )
    matrix, bars = figure.subplots(1, 2, width_ratios=(1.3, 1))
    if not found:
        for axes in (matrix, bars):
            axes.set_axis_off()
        matrix.text(0, 0.5, "No pixel was taken for another class.", color=INK)
        return figure
    color_bar(figure, _matrix(matrix, evaluation, chosen), matrix, "share of the annotated class")
    shares = [100 * one.pixels / evaluation.pixels for one in found]
    bars.barh(range(len(found)), shares, color=SERIES[1])
    words = [f"{one.truth} → {one.predicted} ({one.share:.0%})" for one in found]
    bars.set_yticks(range(len(found)), words)
    bars.set_ylim(len(found) - 0.5, -0.5)
    plot_axes(bars, "% of annotated pixels; in brackets, of the class", "")
    return figure


def error_map_figure(errors: ErrorMap, picture: np.ndarray) -> Figure:
    """Draw where the labels of a picture, uint8 (H, W, 3), are right and where they are wrong."""
    tall = min(picture_height(errors.kind.shape, PANEL), 5.4)
    figure = new_figure(
        2 * PANEL + 0.2,
        tall + 1.5,
        f"Where are the labels wrong? {errors.share(HIT):.0%} of annotated pixels are right",
        "statistic",
        f"Near a border: within {errors.border_px} px of where the annotation changes, where it is "
        "often unsure itself. Pixels without annotation stay clear.",
    )
    plain, mapped = figure.subplots(1, 2)
    plain.imshow(picture)
    plain.set_axis_off()
    mapped.imshow(pale(picture))
    mapped.imshow(
        np.ma.masked_equal(errors.kind, UNKNOWN),
        cmap=ListedColormap([color for _, color in KINDS.values()]),
        vmin=HIT, vmax=MISS, alpha=OPACITY, interpolation="nearest",
    )  # fmt: skip
    mapped.set_axis_off()
    figure.legend(
        handles=[
            Patch(color=color, label=f"{name}: {errors.share(code):.1%}")
            for code, (name, color) in KINDS.items()
        ],
        loc="outside upper right", fontsize=8, frameon=False,
    )  # fmt: skip
    return figure


def _matrix(axes: Axes, evaluation: Evaluation, chosen: list[ClassScore]) -> AxesImage:
    """Draw what becomes of the ``chosen`` classes; NaN where one is not annotated at all."""
    annotated = evaluation.confusion.sum(1, keepdims=True)
    unknown = np.full(evaluation.confusion.shape, np.nan)
    share = np.divide(evaluation.confusion, annotated, out=unknown, where=annotated > 0)
    places, size = [row.index for row in chosen], (len(chosen), len(chosen))
    image = heat(axes, share[np.ix_(places, places)], Limits(0, 1), size)
    middles, names = np.arange(len(chosen)) + 0.5, [row.name for row in chosen]
    axes.set_xticks(middles, names, rotation=90, fontsize=8)
    axes.set_yticks(middles, names, fontsize=8)
    axes.set_xlabel("predicted", color=QUIET, fontsize=9)
    axes.set_ylabel("annotated", color=QUIET, fontsize=9)
    return image


def _pixel_share(row: ClassScore, evaluation: Evaluation) -> float:
    return 100 * row.pixels / max(evaluation.pixels, 1)


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}"
