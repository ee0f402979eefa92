"""Figures of interventions: what changed where, what each head does, how near is near enough."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis.figures.canvas import (
    INK,
    QUIET,
    color_bar,
    hatch,
    heat,
    new_figure,
    outline,
    picture_height,
    plain_ticks,
    plot_axes,
    shared_limits,
)
from analysis.figures.palette import SERIES
from analysis.interventions.effect import Effect, EffectReport
from analysis.interventions.head_sweep import HeadSweep
from analysis.interventions.radius_curve import RadiusCurve
from analysis.interventions.reach_cost import ReachCost
from uniformer.classes import ClassSet

LEGEND_CLASSES = 12
"""Classes named below the labels, those with the largest areas before or after."""

MARKERS = "osD^v"
"""Of the kinds of reach: equal ones lie on top of each other."""

LINE = 54
"""Characters of a line of numbers below the maps."""

PANEL = 3.4
"""Width of a map in inches."""

CROWDED = 1.3
"""Radii that differ by less than this factor have no room for both numbers."""

UNCHANGED = 0.25
"""How much of a class's colour is left where nothing changed."""


def effect_figure(
    report: EffectReport, *, watched: np.ndarray | None = None, hidden: np.ndarray | None = None
) -> Figure:
    """Return before | after | changed with the numbers of the effect and of its controls.

    ``watched`` (H, W), bool, is the region whose margin is told, outlined before and after;
    ``hidden`` (H, W), bool, what of the picture was hidden, hatched before.
    """
    effect, palette = report.effect, report.classes.palette
    tall = min(picture_height(effect.changed.shape, PANEL), 5.2)
    marks = [] if watched is None else ["Outlined: the region that is watched."]
    marks += [] if hidden is None else ["Hatched: what was hidden."]
    figure = new_figure(
        3 * PANEL + 0.5,
        tall + 2.2,
        _title(effect),
        "causal",
        " ".join([
            "Colours are classes, with the change of their area in points of the whole and how "
            "they overlap with before; on the right only changed pixels keep the full colour of "
            "their new class.", *marks,
            "Controls: random changes as large, with the range of 95 % of them.",
        ]),
    )  # fmt: skip
    panels: dict[str, Axes] = figure.subplot_mosaic(
        [["before", "after", "changed"], ["legend", "legend", "numbers"]],
        height_ratios=[tall, 0.9],
    )
    colors = palette[effect.labels_after]
    faded = 255 - UNCHANGED * (255 - colors.astype(float))
    panels["before"].imshow(palette[report.labels_before], interpolation="nearest")
    panels["after"].imshow(colors, interpolation="nearest")
    changed = np.where(effect.changed[..., None], colors, faded).astype(np.uint8)
    panels["changed"].imshow(changed, interpolation="nearest")
    for name, axes in panels.items():
        axes.set_axis_off()
        if name in ("before", "after", "changed"):
            axes.set_title(name, fontsize=10, color=INK)
        if watched is not None and name in ("before", "after"):
            outline(axes, watched)
    if hidden is not None:
        hatch(panels["before"], hidden)
    legend = panels["legend"].legend(
        handles=_legend(report), loc="upper left", ncols=3, fontsize=8, frameon=False
    )
    numbers = panels["numbers"].text(
        0, 0.9, "\n".join(_numbers(report)), va="top", fontsize=8, color=INK, linespacing=1.5
    )
    for words in (legend, numbers):
        words.set_in_layout(False)  # or their widths would push the pictures apart
    return figure


def head_sweep_figure(sweep: HeadSweep) -> Figure:
    """Return the change of the region's margin for each silenced head, a map per stage."""
    maps = sweep.margin_change_nats
    figure = new_figure(
        9,
        4.2,
        "What each head does for this region",
        "causal",
        "Blue: the margin falls without the head, so it speaks for the class; red: against it. A "
        "head matters as far as it stands out from others whose change is as large. Heads can "
        "stand in for each other, so the effects do not add up.",
    )
    panels = figure.subplots(
        1, len(maps), width_ratios=[values.shape[1] for values in maps.values()]
    )
    limits = shared_limits(*maps.values(), signed=True)
    for axes, (stage, values) in zip(panels, maps.items(), strict=True):
        blocks, heads = values.shape
        image = heat(axes, values, limits, values.shape, signed=True)
        axes.set_xticks(np.arange(heads) + 0.5, range(heads))
        axes.set_yticks(np.arange(blocks) + 0.5, range(blocks))
        axes.tick_params(labelsize=8, colors=QUIET, length=0)
        axes.set_xlabel("head", fontsize=9, color=QUIET)
        axes.set_ylabel("block", fontsize=9, color=QUIET)
        axes.set_title(f"stage {stage}", fontsize=10, color=INK)
    color_bar(figure, image, list(panels), "change of the margin without the head (nats)")
    return figure


def radius_curve_figure(curve: RadiusCurve) -> Figure:
    """Return effect against radius, beside neighbourhoods of equal size around other tokens."""
    stages = ("stages " if len(curve.stages) > 1 else "stage ") + " and ".join(
        map(str, curve.stages)
    )
    figure = new_figure(
        9,
        4,
        f"Attention to a neighbourhood only, {stages}",
        "causal",
        "Where the line meets zero, edges beyond that radius were not needed. If controls lie as "
        "low, nearness was not what mattered; there are none where no place is apart.",
    )
    flipped, divergence = figure.subplots(1, 2)
    drawn = [
        (radius, control)
        for radius, report in zip(curve.radius_tokens, curve.reports, strict=True)
        for control in report.apart
    ]
    for axes, key, scale in ((flipped, "flipped_share", 100), (divergence, "kl_nats", 1)):
        values = [scale * getattr(report.effect, key) for report in curve.reports]
        style = {"color": SERIES[0], "ms": 4, "label": "around each token"}
        axes.plot(curve.radius_tokens, values, "o-", **style)
        values = [scale * getattr(control, key) for _, control in drawn]
        style = {"color": SERIES[1], "ms": 7, "label": "controls: as many keys elsewhere"}
        axes.plot([radius for radius, _ in drawn], values, "_", **style)
    _radius_axes(flipped, curve, "pixels that change label (%)")
    _radius_axes(divergence, curve, "mean KL(clean || cut) (nats)")
    flipped.legend(fontsize=8, frameon=False)
    return figure


def reach_cost_figure(cost: ReachCost) -> Figure:
    """Return the effect of every reach of stage 3 against the length of its softmax."""
    figure = new_figure(
        7,
        4.2,
        "What reach costs in stage 3",
        "causal",
        "Change against the reach that was traced, same weights: a model trained in a reach may do "
        "better in it. Small numbers are the sides of the windows in tokens; dashes are controls, "
        "masked windows of other tokens.",
    )
    axes = figure.subplots()
    names = dict.fromkeys(run.name for run in cost.runs)
    for name, color, marker in zip(names, SERIES, MARKERS, strict=False):
        runs = [run for run in cost.runs if run.name == name]
        keys = [run.keys_per_query for run in runs]
        nats = [run.report.effect.kl_nats for run in runs]
        axes.plot(keys, nats, marker, color=color, mfc="none", mew=1.6, label=name)
        for run in runs:
            if run.window_tokens:
                axes.annotate(
                    str(run.window_tokens),
                    (run.keys_per_query, run.report.effect.kl_nats),
                    xytext=(4, 4),
                    textcoords="offset points",
                    fontsize=7,
                    color=QUIET,
                )
    drawn = [(run.keys_per_query, one.kl_nats) for run in cost.runs for one in run.report.apart]
    if drawn:
        axes.plot(*zip(*drawn, strict=True), "_", color=QUIET, ms=9, label="controls")
    axes.set_xscale("log")
    plain_ticks(axes.xaxis)
    plot_axes(axes, "keys per query, padding included", "mean KL(clean || changed) (nats)")
    axes.legend(fontsize=8, frameon=False)
    return figure


def _radius_axes(axes: Axes, curve: RadiusCurve, label: str) -> None:
    axes.set_xscale("symlog", linthresh=1)
    radii = list(curve.radius_tokens)
    crowded = len(radii) > 1 and radii[-1] < CROWDED * radii[-2]
    axes.set_xticks(radii, ["" if crowded and radius == radii[-2] else radius for radius in radii])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    plot_axes(axes, "radius (tokens, along each axis)", label)


def _legend(report: EffectReport) -> list[Patch]:
    """Return the classes with the largest areas, each with its change."""
    effect, classes = report.effect, report.classes
    count = len(classes)
    after = np.bincount(effect.labels_after.ravel(), minlength=count) / effect.labels_after.size
    area = np.maximum(after, after - effect.area_change)
    largest = [index for index in np.argsort(-area, kind="stable")[:LEGEND_CLASSES] if area[index]]
    return [
        Patch(color=classes.colors[index], label=_row(classes, effect, index)) for index in largest
    ]


def _row(classes: ClassSet, effect: Effect, index: int) -> str:
    change, iou = 100 * float(effect.area_change[index]), float(effect.iou[index])
    return f"{classes.names[index]}: {change:+.1f} points, IoU {iou:.2f}"


def _title(effect: Effect) -> str:
    """Return what was done; of many interventions the first and how many follow."""
    first, *others = effect.interventions
    return f"{first}, and {len(others)} more" if len(others) > 1 else " + ".join((first, *others))


def _numbers(report: EffectReport) -> list[str]:
    """Return the numbers of the effect and of its controls."""
    effect = report.effect
    lines = [
        f"effect: {100 * effect.flipped_share:.2f} % of pixels change label",
        f"    KL {effect.kl_nats:.3g} nats",
    ]
    if effect.margin_change_nats is not None:
        lines[-1] += f", margin of the region {effect.margin_change_nats:+.2f} nats"
    if report.withheld:
        return [*lines, *wrap(report.withheld, LINE)]
    nats, margin = report.kl_nats, report.margin_change_nats
    lines += [
        f"{len(report.controls)} controls: KL {nats.low:.2g} to {nats.high:.2g} nats",
        f"    effect by KL: {report.standing}",
    ]
    if margin is not None:
        lines[-2] += f", margin {margin.low:+.2g} to {margin.high:+.2g}"
        lines[-1] += f"; by margin: {report.margin_standing}"
    return lines
