"""The figure of a depth profile: a dot per head from the first block to the last, beside nulls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.core.uncertainty import Spread, spread
from analysis.figures.canvas import INK, new_figure, plain_ticks, plot_axes, shade_stages
from analysis.figures.palette import SERIES
from analysis.profile.depth_profile import BlockProfile, DepthProfile
from analysis.profile.nulls import Nulls

Values = Callable[[BlockProfile], np.ndarray]

MASSES = {"3 x 3": "mass_3x3", "5 x 5": "mass_5x5", "7 x 7": "mass_7x7"}
MASS_COLORS = (SERIES[0], SERIES[2], SERIES[4])
HEADS, NULLS, NULL_MARKS = SERIES[0], ((SERIES[1], "--"), (SERIES[3], ":")), "x+"


def profile_figure(profile: DepthProfile, nulls: Nulls | None = None) -> Figure:
    """Draw distance, distance over uniform, local mass and entropy of every block, stage by stage.

    ``nulls`` are draws of profiles by name, of the same blocks, such as those of
    :attr:`analysis.profile.nulls.ProfileWithNulls.nulls`; a line is the mean over heads and draws,
    a band the range in which 95 % of draws are.
    """
    nulls = nulls or {}
    figure = new_figure(
        10.5,
        7.6,
        "How far and how evenly every block looks",
        "statistic",
        f"One dot per head, mean over all queries of one picture.{_null_words(nulls)} Stages "
        "1 and 2 are convolutions (one dot, shares of their exact terms): local by construction, "
        f"and their uniform is that of their own 5 x 5 tokens. {_padding_words(profile)}",
    )
    (distance, ratio), (mass, entropy) = figure.subplots(2, 2, sharex=True)
    _dots(distance, profile, nulls, lambda block: block.heads.distance_picture_px)
    _ticks(distance, profile, lambda block: block.uniform.distance_picture_px)
    distance.set_yscale("log")
    plain_ticks(distance.yaxis)
    plot_axes(distance, "", "distance, pixels of the picture")
    _dots(ratio, profile, nulls, lambda block: block.distance_over_uniform)
    _ticks(ratio, profile, lambda block: np.ones(1))
    plot_axes(ratio, "", "distance / uniform distance")
    _masses(mass, profile, nulls)
    plot_axes(mass, "block", "share of weight, mean of heads")
    _dots(entropy, profile, nulls, lambda block: block.heads.entropy)
    _ticks(entropy, profile, lambda block: np.ones(1))
    entropy.set_ylim(0, 1.05)
    plot_axes(entropy, "block", "entropy / maximum")
    names = [block.name for block in profile.blocks]
    for axes in (distance, ratio, mass, entropy):
        shade_stages(axes, [block.stage for block in profile.blocks], named=True)
        axes.set_xticks(range(len(names)), names, rotation=90 if len(names) > 20 else 0)
    for axes in (mass, entropy):  # in whose lower left corners convolutions leave room
        axes.legend(fontsize=7, edgecolor="none", loc="lower left")
    return figure


def _null_words(nulls: Nulls) -> str:
    """Return what lines and bands of nulls are; nothing without any."""
    if not nulls:
        return ""
    count = len(next(iter(nulls.values())))
    return f" Nulls: means of heads in {count} draws, bands hold 95 % of draws."


def _dots(axes: Axes, profile: DepthProfile, nulls: Nulls, values: Values) -> None:
    """Draw a dot per head, and the mean of the heads of every null as a line in its band."""
    for (name, draws), (color, line) in zip(nulls.items(), NULLS, strict=False):
        drawn = _spreads(draws, values)
        axes.plot([one.mean for one in drawn], line, color=color, lw=1.2, label=name)
        low, high = ([getattr(one, end) for one in drawn] for end in ("low", "high"))
        axes.fill_between(range(len(drawn)), low, high, color=color, alpha=0.15, lw=0)
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


def _spreads(draws: Sequence[DepthProfile], values: Values) -> list[Spread]:
    """Return the spread over draws of the mean over heads, block by block."""
    means = [[float(np.mean(values(block))) for block in null.blocks] for null in draws]
    return [spread(drawn) for drawn in zip(*means, strict=True)]


def _masses(axes: Axes, profile: DepthProfile, nulls: Nulls) -> None:
    """Draw the mass within three squares, solid, that of uniform weights, dotted, and of nulls."""
    for (label, name), color in zip(MASSES.items(), MASS_COLORS, strict=True):
        found = [getattr(block.heads, name).mean() for block in profile.blocks]
        uniform = [getattr(block.uniform, name)[0] for block in profile.blocks]
        axes.plot(found, "o-", ms=3.5, lw=1.2, color=color, label=f"{label} tokens")
        axes.plot(uniform, ":", lw=1.2, color=color)
        for draws, mark in zip(nulls.values(), NULL_MARKS, strict=False):
            drawn = _spreads(draws, attrgetter(f"heads.{name}"))
            axes.plot([one.mean for one in drawn], mark, ms=5, color=color)
    axes.plot([], [], ":", color=INK, label="uniform weights")
    for label, mark in zip(nulls, NULL_MARKS, strict=False):
        axes.plot([], [], mark, ms=5, color=INK, label=label)
    axes.set_ylim(0, 1.05)


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
