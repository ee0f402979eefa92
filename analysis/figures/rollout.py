"""Figures of rollout and relevance: the map, what the branches weigh, and how far to trust it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from analysis.core.forward import Place
from analysis.figures.canvas import (
    INK,
    QUIET,
    color_bar,
    heat,
    new_figure,
    outline,
    picture_height,
    plot_axes,
    shared_limits,
)
from analysis.figures.palette import SERIES
from analysis.rollout.agreement import Agreement
from analysis.rollout.relevance import Relevance
from analysis.rollout.rollout import Rollout

MAP = 4.6
"""Width of the map in inches."""

PERCENTILE = 99.5
"""Of the map's values, where the colours end."""

REFERENCES = {
    "gradient": "gradient of\nthe score",
    "change": "change when\nhidden",
    "fall": "fall when\nhidden",
}


def rollout_figure(
    rollout: Rollout,
    picture: np.ndarray,
    region: np.ndarray,
    *,
    agreement: Agreement | None = None,
) -> Figure:
    """Draw the flow over the picture (H, W, 3), the shares of all branches, and the comparison.

    ``region`` (H, W) is outlined. Without ``agreement`` its place says that nothing was compared.
    """
    figure, axes = _panels(
        f"What the output of stage {rollout.stage} in the region flows from",
        f"Lost to the padding of windows: {rollout.total_lost_mass:.1%}. Colours end at the "
        f"{PERCENTILE} % quantile. No class enters, and the decoder's own paths are left out.",
        picture,
        "shares",
    )
    _overlay(figure, axes["map"], rollout.pixels, picture, region)
    _share_bars(axes["shares"], rollout)
    _comparison_table(axes["table"], agreement)
    return figure


def relevance_figure(
    relevance: Relevance,
    picture: np.ndarray,
    region: np.ndarray,
    class_name: str,
    *,
    agreement: Agreement | None = None,
) -> Figure:
    """Draw the relevance for a class over the picture (H, W, 3), its seeds, and the comparison."""
    total = sum(float(seed.sum()) for seed in relevance.seeds)
    figure, axes = _panels(
        f"What speaks for {class_name} in the region",
        f"Lost to the padding of windows: {relevance.lost_relevance / total:.1%}. Colours end at "
        f"the {PERCENTILE} % quantile. What speaks against the class is not shown.",
        picture,
        "seeds",
    )
    _overlay(figure, axes["map"], relevance.pixels, picture, region)
    seeds = [100 * float(seed.sum()) / total for seed in relevance.seeds]
    axes["seeds"].bar(range(1, 5), seeds, color=SERIES[0], width=0.6)
    axes["seeds"].set_xticks(range(1, 5))
    axes["seeds"].set_title("Where the decoder takes it from", fontsize=9, color=INK)
    plot_axes(axes["seeds"], "stage", "share of the relevance, %")
    _comparison_table(axes["table"], agreement)
    return figure


def _panels(
    title: str, caption: str, picture: np.ndarray, bars: str
) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure and its axes: the map beside ``bars``, which stand above the table."""
    tall = min(max(picture_height(picture.shape[:2], MAP), 3.2), 5.4)
    figure = new_figure(11, tall + 1.3, title, "heuristic", caption)
    axes: dict[str, Axes] = figure.subplot_mosaic(
        [["map", bars], ["map", "table"]], width_ratios=(1, 1), height_ratios=(1.5, 1)
    )
    return figure, axes


def _overlay(
    figure: Figure, axes: Axes, pixels: np.ndarray, picture: np.ndarray, region: np.ndarray
) -> None:
    """Draw a map of the network's input in units of what each pixel would get if all got alike."""
    even = pixels / pixels.mean()
    limits = shared_limits(even, percentile=PERCENTILE)
    image = heat(axes, even, limits, picture.shape[:2], picture=picture)
    outline(axes, region)
    color_bar(figure, image, axes, "times the even share (1 = uniform)", beyond="max")


def _share_bars(axes: Axes, rollout: Rollout) -> None:
    """Draw what the two branches of each block weigh against the stream they are added to."""
    names = [
        Place(stage, block).name
        for stage, shares in enumerate(rollout.affinity_share, start=1)
        for block in range(len(shares))
    ]
    branches = {"affinity": rollout.affinity_share, "position encoding": rollout.position_share}
    at = np.arange(len(names))
    for offset, (name, shares), color in zip((-0.2, 0.2), branches.items(), SERIES, strict=False):
        axes.bar(at + offset, np.concatenate(shares), width=0.4, label=name, color=color)
    axes.set_xticks(at, names)
    axes.set_ylim(0, 1)
    fixed = rollout.fixed_share is not None
    axes.set_title(
        "Share of the branch, set by hand" if fixed else "Share of the branch, as measured",
        fontsize=9,
        color=INK,
    )
    axes.set_xlim(-0.6, len(names) - 0.4)
    plot_axes(axes, "block", "share, 0 to 1")
    axes.legend(fontsize=7, edgecolor="none", ncols=2)


def _comparison_table(axes: Axes, agreement: Agreement | None) -> None:
    """Write the rank correlations: over all, beyond distance, and what chance gives."""
    axes.axis("off")
    if agreement is None:
        words = "Not compared with the gradient and with hiding: take it as a guess."
        axes.text(0.5, 0.5, words, ha="center", color=QUIET, fontsize=9)
        return
    names = list(dict.fromkeys(one.map for one in agreement.comparisons))
    found = {(one.map, one.reference): one for one in agreement.comparisons}
    cells = [
        [
            f"{one.correlation.spearman:+.2f} ({one.correlation.corrected:+.2f}; {one.chance:.2f})"
            for one in (found[name, reference] for reference in REFERENCES)
        ]
        for name in names
    ]
    table = axes.table(
        cells,
        rowLabels=names,
        colLabels=list(REFERENCES.values()),
        cellLoc="center",
        edges="horizontal",
        bbox=Bbox.from_bounds(0.3, 0.1, 0.7, 0.75),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    axes.set_title(
        f"Rank correlation with three references, {agreement.fall.size} cells\n"
        "(beyond distance to the region; 95 % of moved maps stay below)",
        fontsize=9,
        color=INK,
    )
