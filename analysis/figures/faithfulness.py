"""Figures of how far maps can be trusted: deletion curves, their ranking, the scrambled weights."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.core.uncertainty import spread
from analysis.faithfulness.deletion_insertion import Curve
from analysis.faithfulness.parameter_randomisation import ParameterRandomisation
from analysis.faithfulness.ranking import Ranking
from analysis.figures.canvas import INK, QUIET, new_figure, plot_axes
from analysis.figures.palette import SERIES

PANELS = {
    "deletion": ("Deletion: lower is better", "pixels replaced, %"),
    "insertion": ("Insertion: higher is better", "pixels shown, %"),
    "context": ("Deletion outside the region: lower is better", "pixels outside replaced, %"),
}
LOOKS = (("o", 8, 2.4), ("s", 5.5, 1.4), ("^", 3, 0.8))
"""Marker, its size and width of lines that may lie on each other: the next fits in the last."""

MAX_LINES = len(SERIES) - 1
"""Maps drawn, best first; black is left to the baseline."""


def curves_figure(ranking: Ranking) -> Figure:
    """Draw the curves of the best maps with both baselines; legends give the areas (AUC).

    The grey band spans the random orders.
    """
    drawn = ranking.rows[:MAX_LINES]
    figure = new_figure(
        11,
        4.7 + 0.15 * len(drawn),
        "Does the region's probability rest on what the maps say?",
        "causal",
        "Replacing the region itself lowers its probability whatever the model does: compare with "
        "the distance order, and read the right panel, which leaves the region alone. Pixels go in "
        f"squares of {ranking.deletion.cell_px} pixels of the network's input, replaced by "
        f"{_replacement(ranking)}.",
    )
    for axes, (name, (title, x_label)) in zip(
        figure.subplots(1, 3, sharey=True), PANELS.items(), strict=True
    ):
        axes.set_title(title, fontsize=9, color=INK)
        plot_axes(axes, x_label, "probability of the class in the region")
        axes.set_ylim(0, 1)
        if getattr(ranking.distance, name) is None:
            _no_context(axes)
            continue
        _baselines(axes, ranking, name)
        for row, color in zip(drawn, SERIES, strict=False):
            _line(axes, getattr(ranking.curves[row.method], name), row.method, color, "-")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.16), fontsize=7, frameon=False)
    return figure


def ranking_figure(ranking: Ranking) -> Figure:
    """Draw the areas of all maps in three columns, best first, beside those of the baselines."""
    names = [row.method for row in ranking.rows]
    figure = new_figure(
        10,
        1.8 + 0.3 * len(names),
        "Which map says best what the class rests on",
        "causal",
        "Areas under the curves, best separation of insertion and deletion first. Grey: what 95 % "
        "of random orders have; dashed: outwards from the region.",
    )
    for axes, (name, (title, _)) in zip(
        figure.subplots(1, 3, sharey=True), PANELS.items(), strict=True
    ):
        axes.set_title(title, fontsize=9, color=INK)
        plot_axes(axes, "area under the curve (AUC)", "")
        axes.set_xlim(0, 1)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        if getattr(ranking.distance, name) is None:
            _no_context(axes)
            continue
        random = spread([getattr(one, name).auc for one in ranking.random])
        if np.isfinite(random.low):
            axes.axvspan(random.low, random.high, color=QUIET, alpha=0.3, linewidth=1)
        axes.axvline(getattr(ranking.distance, name).auc, color=INK, linestyle="--", linewidth=1)
        areas = [getattr(ranking.curves[method], name).auc for method in names]
        axes.plot(areas, range(len(names)), "o", color=SERIES[0], ms=6)
    return figure


def parameter_randomisation_figure(check: ParameterRandomisation) -> Figure:
    """Draw how the map changes as weights are scrambled from the decoder downwards.

    Lines are means of all draws, bars go from the least to the most. The nulls: the correlation
    that the shared envelope alone gives (dotted), that of the original with a map that knows only
    how near the region is (dashed), and what moving the map leaves (grey).
    """
    figure = new_figure(
        7.5,
        4.4,
        "Does the map depend on what the model learned?",
        "statistic",
        "A faithful map falls towards the nulls as weights are shuffled within their tensors. "
        "One that stays near 1 shows the picture, not the model. Means of "
        f"{len(check.levels[0].pictures)} draws, bars from least to most; grey: 95 % of the "
        f"map moved elsewhere. {check.region_cells} cells of the map touch the region.",
    )
    axes = figure.subplots()
    plot_axes(axes, "scrambled, with all before it", "rank correlation with the original map")
    pictures = [level.pictures for level in check.levels]
    regions = [level.regions for level in check.levels]
    lines = {
        "picture": [[one.spearman for one in draws] for draws in pictures],
        "picture, envelope taken out": [[one.corrected for one in draws] for draws in pictures],
        "inside the region, envelope taken out": [
            [one.corrected for one in draws] for draws in regions
        ],
    }
    positions = range(1, len(pictures) + 1)
    for (label, drawn), color, look in zip(lines.items(), SERIES, LOOKS, strict=False):
        marker, size, width = look
        means = [1.0, *np.mean(drawn, axis=1)]
        axes.plot(means, marker=marker, color=color, label=label, ms=size, lw=width)
        axes.vlines(positions, np.min(drawn, axis=1), np.max(drawn, axis=1), color=color, lw=1)
    envelope = [np.mean([one.envelope for one in draws]) for draws in pictures]
    axes.plot(positions, envelope, ":", color=INK, label="null: shared envelope alone")
    if np.isfinite(check.chance):
        axes.axhspan(-check.chance, check.chance, color=QUIET, alpha=0.15, lw=0,
                     label="null: the map moved")  # fmt: skip
    axes.axhline(
        check.distance_spearman, label="null: nearness to the region",
        color=QUIET, linestyle="--", linewidth=1,
    )  # fmt: skip
    axes.axhline(0, color=QUIET, linewidth=0.6)
    axes.set_xticks(range(len(pictures) + 1), ["nothing", *(one.name for one in check.levels)])
    axes.set_ylim(min(-0.2, *axes.get_ylim()), 1.05)
    axes.legend(fontsize=7, edgecolor="none")
    return figure


def _baselines(axes: Axes, ranking: Ranking, name: str) -> None:
    random = [getattr(one, name) for one in ranking.random]
    scores = np.stack([one.score for one in random])
    share = 100 * random[0].share
    axes.fill_between(share, scores.min(axis=0), scores.max(axis=0), color=QUIET, alpha=0.2, lw=0)
    mean = Curve(random[0].share, scores.mean(axis=0))
    _line(axes, mean, f"random order, mean of {len(random)}", QUIET, ":")
    _line(axes, getattr(ranking.distance, name), "outwards from the region", INK, "--")


def _no_context(axes: Axes) -> None:
    words = "The region is the whole picture."
    axes.text(0.5, 0.5, words, ha="center", fontsize=8, color=QUIET, transform=axes.transAxes)


def _line(axes: Axes, curve: Curve, label: str, color: str, style: str) -> None:
    label = f"{label} · AUC {curve.auc:.3f}"
    axes.plot(100 * curve.share, curve.score, style, color=color, label=label, lw=1.5)


def _replacement(ranking: Ranking) -> str:
    blurred = ranking.deletion.replacement == "blur"
    return "the blurred picture" if blurred else "the picture's mean colour"
