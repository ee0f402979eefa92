"""Figures of what the maps of a model hold: CKA, redundancy, rank and frequencies by depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import mul
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from analysis.core.evidence import most_doubtful
from analysis.figures.canvas import (
    INK,
    QUIET,
    Limits,
    color_bar,
    heat,
    new_figure,
    picture_height,
    plot_axes,
    shade_stages,
    shared_limits,
)
from analysis.figures.palette import SERIES
from analysis.representation.block_cka import BlockCka
from analysis.representation.spectrum import NYQUIST, Spectrum
from analysis.representation.survey import PARTS, BlockSurvey, Survey

Value = Callable[[BlockSurvey], float]

PART_NAMES = dict(
    zip(PARTS[1:], ("position encoding", "affinity", "feed-forward network"), strict=True)
)
NULL: dict[str, Any] = {"color": QUIET, "ls": ":", "lw": 1.2}
PANEL = 2.4
"""Width of a map in inches."""


def representation_figure(
    found: Survey, nulls: Sequence[Survey], across: Sequence[BlockCka]
) -> Figure:
    """Draw CKA between blocks, and redundancy, rank and frequencies by depth.

    ``nulls`` are surveys of the same picture with draws of random weights, each drawn dotted, and
    ``across`` the CKA of the blocks with those of each; their mean is shown.
    """
    figure = new_figure(
        11.5,
        7.6,
        "What the blocks hold, from first to last",
        found.cka.grade,
        f"Outputs of the blocks for one picture, before any norm. CKA is unbiased, over "
        f"{found.cka.samples} cells of one common grid, with standard errors up to "
        f"{found.cka.largest_error:.2f}: the same spatial layout, not the same meaning. Dotted and "
        f"hollow: the same network with {len(nulls)} draws of random weights, whose mean CKA is "
        "shown. Maps of few tokens have no high frequencies. One picture is an anecdote.",
    )
    (own, other, alike), (gap, rank, smooth) = figure.subplots(2, 3)
    random = replace(across[0], cka=np.mean([one.cka for one in across], axis=0))
    limits = shared_limits(found.cka.cka, random.cka, np.array([0.0, 1.0]))
    _cka(own, found.cka, limits, "CKA, block by block")
    image = _cka(other, random, limits, "CKA with random weights")
    color_bar(figure, image, [own, other], "unbiased linear CKA")
    titles = {alike: "how alike tokens are", gap: "redundancy gap", rank: "effective rank",
              smooth: "what each part does to detail"}  # fmt: skip
    for axes, title in titles.items():
        axes.set_title(title, fontsize=9, color=INK)
    _lines(alike, found, nulls, {
        "any two tokens": lambda block: block.raw.all_pairs,
        "neighbours": lambda block: float(block.raw.neighbours.mean()),
        "neighbours, mean off": lambda block: float(block.centered.neighbours.mean()),
    })  # fmt: skip
    plot_axes(alike, "block", "mean cosine")
    _lines(gap, found, nulls, {
        "tokens": lambda block: block.raw.gap,
        "tokens, mean off": lambda block: block.centered.gap,
        "rows of attention": _query_gap,
    })  # fmt: skip
    plot_axes(gap, "block", "neighbours minus any two, cosine")
    _lines(rank, found, nulls, {
        "effective rank": lambda block: block.rank / block.rank_limit,
        "effective rank, mean off": lambda block: block.rank_centered / block.rank_limit,
    })  # fmt: skip
    rank.set_ylim(0, 1)
    plot_axes(rank, "block", "effective rank / largest possible")
    _changes(smooth, found, nulls)
    return figure


def peers_figure(peers: dict[str, BlockCka], model: str) -> Figure:
    """Draw the CKA of the blocks of ``model`` with the levels of other networks, a panel each."""
    samples = next(iter(peers.values())).samples
    figure = new_figure(
        2.6 + 2.6 * len(peers), 6.2, "Which levels of other networks are the blocks like?",
        most_doubtful(cka.grade for cka in peers.values()),
        f"Unbiased linear CKA over {samples} cells of one common grid over one picture, with "
        f"standard errors up to {max(cka.largest_error for cka in peers.values()):.2f}: the same "
        "spatial layout, not the same meaning. Unrelated maps have about 0; random weights pass "
        "on the layout too.",
    )  # fmt: skip
    panels = list(figure.subplots(1, len(peers), squeeze=False)[0])
    limits = shared_limits(*(cka.cka for cka in peers.values()), np.array([0.0, 1.0]))
    for axes, (name, cka) in zip(panels, peers.items(), strict=True):
        image = _cka(axes, cka, limits, name.replace(", ", "\n"))
    panels[0].set_ylabel(f"blocks of {model}", fontsize=9, color=QUIET)
    color_bar(figure, image, panels, "unbiased linear CKA")
    return figure


def spectrum_figure(found: Survey, nulls: Sequence[Survey] = ()) -> Figure:
    """Draw the spectra after each part of every block, a panel per stage; later blocks darker.

    ``nulls`` are surveys of the same picture with draws of random weights: their last blocks stand
    beside.
    """
    figure = new_figure(
        11.5,
        4.6,
        "Which spatial frequencies does each part keep?",
        found.cka.grade,
        "Log amplitude of the residual stream after each part of a block, relative to the lowest "
        "frequency; white noise is flat. Above each panel the same frequencies in the network's "
        "input: the finest of stage 4 is coarse there. Later blocks are drawn darker.",
    )
    stages = [list(blocks) for _, blocks in groupby(found.blocks, lambda block: block.stage)]
    panels = figure.subplots(1, len(stages), sharey=True)
    for number, (axes, blocks) in enumerate(zip(panels, stages, strict=True)):
        for place, block in enumerate(blocks, start=1):
            last = place == len(blocks)
            for (part, name), color in zip(PART_NAMES.items(), SERIES, strict=False):
                shown = block.spectra[part]
                axes.plot(
                    shown.cycles_per_token / NYQUIST, shown.log_amplitude, color=color, lw=1.3,
                    alpha=place / len(blocks), label=f"after {name}" if last else "",
                )  # fmt: skip
        for draw, null in enumerate(nulls):
            shown = _last_of_stages(null)[number].spectra["produced"]
            axes.plot(shown.cycles_per_token / NYQUIST, shown.log_amplitude, **NULL,
                      label="" if draw else "random weights, last block")  # fmt: skip
        axes.axvline(1, color=INK, lw=0.6, ls=":")
        _pixel_axis(axes, blocks[0].spectra["produced"], f"stage {blocks[0].stage}")
        plot_axes(axes, "frequency / Nyquist", "log amplitude" if axes is panels[0] else "")
    panels[0].legend(fontsize=7, frameon=False)
    return figure


def correlogram_figure(found: Survey, nulls: Sequence[Survey] = ()) -> Figure:
    """Draw the mean cosine of tokens against their distance, for the last block of each stage.

    Up to half of the longer side: beyond, few pairs are left. ``nulls`` are surveys of the same
    picture with draws of random weights, drawn dotted.
    """
    figure = new_figure(
        10,
        4.4,
        "How far apart are tokens still alike?",
        found.cka.grade,
        "Output of the last block of each stage. Raw, a mean vector that all tokens share lifts "
        "every cosine; with it taken off, 0 is as alike as any two. Dotted: random weights.",
    )
    panels = figure.subplots(1, 2, sharex=True)
    for axes, name, title in zip(
        panels, ("raw", "centered"), ("raw", "mean token taken off"), strict=True
    ):
        looks = [(found, {"marker": "o", "ms": 3}), *((null, NULL) for null in nulls)]
        for survey, style in looks:
            for block, color in zip(_last_of_stages(survey), SERIES, strict=False):
                shown, label = (
                    getattr(block, name),
                    f"stage {block.stage}" if survey is found else "",
                )
                half = max(1, len(shown.pairs) // 2)
                look = {"lw": 1.2} | style | {"color": color, "label": label}
                axes.plot(shown.distance_picture_px[:half], shown.by_distance[:half], **look)
        axes.set_title(title, fontsize=9, color=INK)
        plot_axes(axes, "distance, pixels of the picture", "mean cosine")
    panels[0].legend(fontsize=8, frameon=False)
    return figure


def gap_figure(found: Survey, picture: np.ndarray, nulls: Sequence[Survey] = ()) -> Figure:
    """Draw where tokens resemble their neighbours more than any two, last block of each stage.

    Below each map stands its mean, beside those of ``nulls``, surveys with random weights.
    """
    blocks = _last_of_stages(found)
    size_px = picture.shape[:2]
    figure = new_figure(
        PANEL * len(blocks) + 1,
        picture_height(size_px, PANEL) + 1.7,
        "Where is a map redundant?",
        found.cka.grade,
        "Cosine of each token with its neighbours, minus the mean of any two tokens, mean token "
        "taken off: high where a neighbourhood says one thing many times, low at edges.",
    )
    maps = [block.centered.gap_map for block in blocks]
    limits = shared_limits(*maps, signed=True)
    panels = list(figure.subplots(1, len(blocks), squeeze=False)[0])
    for number, (axes, block, values) in enumerate(zip(panels, blocks, maps, strict=True)):
        image = heat(axes, values, limits, size_px, signed=True, picture=picture)
        axes.set_title(f"stage {block.stage}", fontsize=9, color=INK)
        words = f"mean {block.centered.gap:+.2f}"
        drawn = [_last_of_stages(null)[number].centered.gap for null in nulls]
        words += f", random weights\n{min(drawn):+.2f} to {max(drawn):+.2f}" if drawn else ""
        axes.set_xlabel(words, fontsize=8, color=INK)
    color_bar(figure, image, panels, "cosine above any two")
    return figure


def _cka(axes: Axes, cka: BlockCka, limits: Limits, title: str) -> AxesImage:
    rows, columns = cka.cka.shape
    image = heat(axes, cka.cka, limits, (rows, columns))
    axes.set_xticks(np.arange(columns) + 0.5, cka.second, rotation=90, fontsize=7)
    axes.set_yticks(np.arange(rows) + 0.5, cka.first, fontsize=7)
    axes.set_title(title, fontsize=9, color=INK)
    return image


def _lines(axes: Axes, found: Survey, nulls: Sequence[Survey], values: dict[str, Value]) -> None:
    """Draw each value by block, and those of the nulls dotted in the same colour."""
    for (name, value), color in zip(values.items(), SERIES, strict=False):
        axes.plot([value(block) for block in found.blocks], "o-", ms=3.5, lw=1.3, color=color,
                  label=name)  # fmt: skip
        for null in nulls:
            axes.plot([value(block) for block in null.blocks], **(NULL | {"color": color}))
    axes.plot([], [], label="random weights", **NULL)
    axes.legend(fontsize=7, frameon=False)
    _stages(axes, found.blocks)


def _changes(axes: Axes, found: Survey, nulls: Sequence[Survey]) -> None:
    """Draw how each part changes high frequencies, block by block; of the nulls hollow."""
    for (part, name), color in zip(PART_NAMES.items(), SERIES, strict=False):
        axes.plot(
            [block.change(part) for block in found.blocks], "o", ms=4, color=color, label=name
        )
    for null in nulls:
        for part, color in zip(PART_NAMES, SERIES, strict=False):
            changes = [block.change(part) for block in null.blocks]
            axes.plot(changes, "o", ms=4, mfc="none", mew=0.8, color=color)
    axes.plot([], [], "o", ms=4, mfc="none", mew=0.8, color=QUIET, label="random weights")
    axes.axhline(0, color=INK, lw=0.8)
    axes.legend(fontsize=7, frameon=False)
    _stages(axes, found.blocks)
    plot_axes(axes, "block", "change of log(high / low frequencies)")


def _stages(axes: Axes, blocks: Sequence[BlockSurvey]) -> None:
    """Shade every other stage and name the blocks."""
    shade_stages(axes, [block.stage for block in blocks])
    axes.set_xticks(range(len(blocks)), [block.name for block in blocks], rotation=90)


def _pixel_axis(axes: Axes, shown: Spectrum, title: str) -> None:
    """Add an axis above with the same frequencies in the network's input."""
    scale = NYQUIST / shown.stride_px
    # Not lambdas: figures are drawn in another process.
    above = axes.secondary_xaxis("top", functions=(partial(mul, scale), partial(mul, 1 / scale)))
    above.set_xlabel(f"{title} · cycles per input pixel", fontsize=8, color=QUIET)
    above.xaxis.set_major_locator(MaxNLocator(4))  # or they run into those of the next panel
    above.tick_params(labelsize=7, colors=QUIET)


def _query_gap(block: BlockSurvey) -> float:
    if block.queries is None:
        return float("nan")
    return float((block.queries.neighbours - block.queries.all_pairs).mean())


def _last_of_stages(found: Survey) -> list[BlockSurvey]:
    return [list(blocks)[-1] for _, blocks in groupby(found.blocks, lambda block: block.stage)]
