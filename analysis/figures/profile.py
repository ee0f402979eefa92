"""The figure of a depth profile: a dot per head from the first block to the last, beside nulls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.canvas import INK, QUIET, SERIES, new_figure, plot_axes
from analysis.profile.depth_profile import BlockProfile, DepthProfile

Values = Callable[[BlockProfile], np.ndarray]

MASSES = {"3 x 3": "mass_3x3", "5 x 5": "mass_5x5", "7 x 7": "mass_7x7"}
HEADS, NULLS = SERIES[0], ((SERIES[1], "--"), (SERIES[3], ":"))
SHADE = "#eef1ef"


def profile_figure(
    profile: DepthProfile, nulls: Mapping[str, DepthProfile] | None = None
) -> Figure:
    """Draw distance, distance over uniform, local mass and entropy of every block, stage by stage.

    ``nulls`` are profiles by name, of the same blocks, such as those of
    :attr:`analysis.profile.nulls.ProfileWithNulls.nulls`; a line is the mean over the heads.
    """
    nulls = nulls or {}
    figure = new_figure(
        11,
        7.6,
        "How far and how evenly every block looks",
        "statistic",
        "One dot per head, mean over all queries of one picture. Stages 1 and 2 are convolutions "
        "(one dot, shares of their exact terms): local by construction, and their uniform is that "
        f"of their own 5 x 5 tokens. {_padding_words(profile)}",
    )
    (distance, ratio), (mass, entropy) = figure.subplots(2, 2, sharex=True)
    _dots(distance, profile, nulls, lambda block: block.heads.distance_px)
    _ticks(distance, profile, lambda block: block.uniform.distance_px)
    distance.set_yscale("log")
    plot_axes(distance, "", "distance, pixels of the input")
    _dots(ratio, profile, nulls, lambda block: block.distance_over_uniform)
    _ticks(ratio, profile, lambda block: np.ones(1))
    plot_axes(ratio, "", "distance / uniform distance")
    _masses(mass, profile)
    plot_axes(mass, "block", "share of weight, mean of heads")
    _dots(entropy, profile, nulls, lambda block: block.heads.entropy)
    _ticks(entropy, profile, lambda block: np.ones(1))
    entropy.set_ylim(0, 1.05)
    plot_axes(entropy, "block", "entropy / maximum")
    for axes in (distance, ratio, mass, entropy):
        _stages(axes, profile)
    for axes in (ratio, mass):
        axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _dots(
    axes: Axes, profile: DepthProfile, nulls: Mapping[str, DepthProfile], values: Values
) -> None:
    """Draw a dot per head, and the mean of the heads of every null as a line."""
    for (name, null), (color, line) in zip(nulls.items(), NULLS, strict=False):
        means = [np.mean(values(block)) for block in null.blocks]
        axes.plot(means, line, color=color, lw=1.2, label=name)
    for place, block in enumerate(profile.blocks):
        found = values(block)
        across = place + np.linspace(-0.25, 0.25, len(found)) if len(found) > 1 else [place]
        label = "head" if place == 0 else None
        axes.plot(across, found, "o", ms=4, color=HEADS, alpha=0.8, mew=0, label=label)


def _ticks(axes: Axes, profile: DepthProfile, values: Values) -> None:
    """Draw what uniform weights come to as a short line for every block."""
    levels = [values(block)[0] for block in profile.blocks]
    places = np.arange(len(levels))
    axes.hlines(levels, places - 0.42, places + 0.42, color=INK, lw=1, label="uniform weights")


def _masses(axes: Axes, profile: DepthProfile) -> None:
    """Draw the mass within three squares, solid, and that of uniform weights, dotted."""
    for (label, name), color in zip(MASSES.items(), (SERIES[0], SERIES[2], SERIES[4]), strict=True):
        found = [getattr(block.heads, name).mean() for block in profile.blocks]
        uniform = [getattr(block.uniform, name)[0] for block in profile.blocks]
        axes.plot(found, "o-", ms=3.5, lw=1.2, color=color, label=f"{label} tokens")
        axes.plot(uniform, ":", lw=1.2, color=color, label=f"{label}, uniform")
    axes.set_ylim(0, 1.05)


def _stages(axes: Axes, profile: DepthProfile) -> None:
    """Shade every other stage and name all of them, with their blocks below."""
    start = 0
    for stage, blocks in groupby(profile.blocks, key=lambda block: block.stage):
        count = len(list(blocks))
        if stage % 2 == 0:
            axes.axvspan(start - 0.5, start + count - 0.5, color=SHADE, zorder=0, lw=0)
        axes.text(
            start + (count - 1) / 2, 1.02, f"stage {stage}", fontsize=8, color=QUIET, ha="center",
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
        start += count
    axes.set_xlim(-0.6, start - 0.4)
    names = [block.name for block in profile.blocks]
    axes.set_xticks(range(start), names, rotation=90 if start > 20 else 0)


def _padding_words(profile: DepthProfile) -> str:
    """Return one sentence on padding, which takes part in the softmax of windows at borders."""
    worst = max(profile.blocks, key=lambda block: block.padding_mass.mean())
    mass = worst.padding_mass.mean()
    if mass == 0:
        return "No weight is on padding."
    return (
        f"Padding is left out; it takes most in block {worst.name}: {mass:.0%} of all weight "
        "there, mean of its heads."
    )
