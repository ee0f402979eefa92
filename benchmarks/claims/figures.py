"""Figures of the claims put to the test: means over pictures with 95 % bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.canvas import QUIET, new_figure, plot_axes
from analysis.figures.palette import SERIES
from benchmarks.claims.conditions import CONTROL, NEAR_TOKENS, RADII_TOKENS
from benchmarks.claims.findings import Findings
from benchmarks.claims.intervals import Interval
from uniformer.config import STRIDES

KL_LABEL = "mean KL(clean || changed), nats"

DODGE = 0.06
"""How far series stand apart, so that their intervals can be told apart."""


def spread_figure(found: Findings) -> Figure:
    """Return how local every block is, beside uniform weights, random weights, shuffled pixels."""
    figure = new_figure(
        10,
        4.2,
        "C1: how local are the blocks that may look anywhere?",
        "statistic",
        f"Means over {found.pictures} pictures and all heads, bars: 95 % intervals. The dashed "
        "line is uniform attention over the whole map.",
    )
    blocks = list(found.spread["traced"])
    near, far = figure.subplots(1, 2)
    for number, (source, values) in enumerate(found.spread.items()):
        for axes, key in ((near, "mass_5x5"), (far, "distance_over_uniform")):
            name = "this model" if source == "traced" else f"null: {source}"
            _points(axes, [values[block][key] for block in blocks], number, name, blocks)
    uniform = [found.spread["traced"][block]["uniform_mass_5x5"].mean for block in blocks]
    near.step(
        range(len(blocks)), uniform, "--", where="mid", color=QUIET, lw=1, label="null: uniform"
    )
    far.axhline(1, linestyle="--", color=QUIET, lw=1)
    plot_axes(near, "block (stage.number)", "attention within 5 x 5 tokens, share")
    plot_axes(far, "block (stage.number)", "mean distance / uniform distance")
    for axes in (near, far):
        axes.set_xticks(range(len(blocks)), blocks)
        axes.set_ylim(bottom=0)
    near.legend(fontsize=8, frameon=False)
    return figure


def redundancy_figure(found: Findings) -> Figure:
    """Return what each block loses with near edges only, beside its control and its silence."""
    sides = " and ".join(f"{2 * near + 1} x {2 * near + 1}" for near in NEAR_TOKENS.values())
    figure = new_figure(
        10,
        4.2,
        "C2: which block needs the edges beyond its neighbourhood?",
        "causal",
        f"One block at a time attends to {sides} tokens (stage 3 and 4). Control: neighbourhoods "
        "of equal size elsewhere. Silenced: the block gathers nothing. Bars: 95 % intervals.",
    )
    blocks = list(found.spread["traced"])
    axes = figure.subplots()
    patterns = {
        "near edges only": "near {}",
        "control: as many edges elsewhere": "near {}" + CONTROL,
        "attention silenced": "silent {}",
        "the mean over tokens for all": "mean {}",
    }
    for number, (name, pattern) in enumerate(patterns.items()):
        values = [_kl(found, pattern.format(block)) for block in blocks]
        _points(axes, values, number, name, blocks)
    axes.set_xticks(range(len(blocks)), blocks)
    axes.set_ylim(bottom=0)
    plot_axes(axes, "block (stage.number)", KL_LABEL)
    axes.legend(fontsize=8, frameon=False)
    return figure


def radius_figure(found: Findings) -> Figure:
    """Return what all blocks of a stage lose with edges up to a radius only, by the radius."""
    figure = new_figure(
        10,
        4.2,
        "C3: how far must each stage see?",
        "causal",
        "All blocks of the stage attend up to the radius only, along each axis. Control: as many "
        "edges elsewhere. Bars: 95 % intervals over pictures.",
    )
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (stage, radii) in zip(panels, RADII_TOKENS.items(), strict=True):
        for number, (name, suffix) in enumerate(
            (("around each token", ""), ("control: moved elsewhere", CONTROL))
        ):
            names = [f"radius {radius} stage {stage}{suffix}" for radius in radii]
            _points(axes, [_kl(found, each) for each in names], number, name)
        axes.set_xticks(range(len(radii)), [radius * STRIDES[stage - 1] for radius in radii])
        axes.set_title(f"stage {stage}", fontsize=10)
        axes.set_ylim(bottom=0)
        plot_axes(axes, "radius, pixels of the network's input", KL_LABEL)
    panels[0].legend(fontsize=8, frameon=False)
    return figure


def reach_figure(found: Findings) -> Figure:
    """Return what every reach of stage 3 costs, in changed pixels and in accuracy."""
    names = [name for name in found.effects if name.startswith("reach ")]
    names += ["radius 0 stage 3"]
    figure = new_figure(
        10,
        1.8 + 0.34 * len(names),
        "What does a shorter reach in stage 3 cost?",
        "causal",
        "Against global reach on the same weights; a model trained in a reach may do better in it. "
        "Windows of a half or a quarter of the short side. Bars: 95 % intervals.",
    )
    panels = figure.subplots(1, 2, sharey=True)
    labels = [name.removeprefix("reach ") for name in names[:-1]] + ["every token on its own"]
    for axes, key, label in zip(
        panels,
        ("flipped_share", "accuracy_change"),
        ("pixels that change label, %", "change of pixel accuracy, points"),
        strict=True,
    ):
        values = [found.effects[name][key] for name in names]
        _bars(axes, values)
        axes.axvline(0, color=QUIET, lw=0.8)
        axes.set_yticks(range(len(names)), labels)
        plot_axes(axes, label, "")
        if not values[0].pictures:
            axes.text(0.5, 0.5, "no annotations given", ha="center", transform=axes.transAxes)
    panels[0].invert_yaxis()
    return figure


FIGURES: dict[str, Callable[[Findings], Figure]] = {
    "claims-spread": spread_figure,
    "claims-redundancy": redundancy_figure,
    "claims-radius": radius_figure,
    "claims-reach": reach_figure,
}
"""The figures of a report, by the name of their file."""


def _kl(found: Findings, condition: str) -> Interval:
    """Return the KL of a condition; one of no picture where it could not be run."""
    measures = found.effects.get(condition)
    return Interval(*[np.nan] * 3, 0, np.nan) if measures is None else measures["kl_nats"]


def _points(
    axes: Axes,
    values: Sequence[Interval],
    number: int,
    label: str,
    blocks: Sequence[str] | None = None,
) -> None:
    """Draw series ``number``, beside the others; no line joins ``blocks`` of two stages."""
    means, low, high = np.array([(v.mean, v.low, v.high) for v in values]).T
    at, color = np.arange(len(values)) + DODGE * number, SERIES[number]
    bars = {"fmt": "o", "color": color, "ms": 4, "capsize": 2}
    axes.errorbar(at, means, yerr=np.stack([means - low, high - means]), label=label, **bars)
    stages = np.array([block.split(".")[0] for block in blocks or [""] * len(values)])
    for stage in np.unique(stages):
        axes.plot(at[stages == stage], means[stages == stage], color=color, lw=1)


def _bars(axes: Axes, values: Sequence[Interval]) -> None:
    """Draw percentages and their intervals, one below the other."""
    means, low, high = 100 * np.array([(v.mean, v.low, v.high) for v in values]).T
    spread = np.stack([means - low, high - means])
    axes.errorbar(means, range(len(values)), xerr=spread, fmt="o", color=SERIES[0], ms=4, capsize=2)
