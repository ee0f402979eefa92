"""CKA between the blocks of one model, or of two: by the tokens of a picture, or by pictures.

The two answer different questions and are never mixed. Tokens: do two blocks lay out this picture
alike? Pictures: do two blocks find the same pictures alike?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.core.activation_cache import Trace, trace
from analysis.core.errors import AnalysisError
from analysis.core.evidence import Grade
from analysis.core.progress import Progress, Work
from analysis.core.uncertainty import jackknife
from analysis.representation.cka import MIN_SAMPLES, CkaSums, cka_sums
from analysis.representation.streams import streams
from uniformer.layers import to_tokens
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

GRID = 16
"""Tokens along each axis of the common grid, at most: 256 samples are enough and cheap."""

PARTS_LEFT_OUT = 8
"""Strips of the grid of which each is left out in turn."""

CLOSE = 0.1
"""Standard error of a CKA up to which it is a statistic."""

BATCH = 16
"""Pictures compared with each other at a time."""

Features = dict[str, Tensor]
"""Of every block by name, (samples, C)."""


@dataclass(frozen=True)
class BlockCka:
    """Unbiased linear CKA (first, second) of the outputs of blocks, about 0 to 1, without units.

    ``first`` and ``second`` name the blocks ("3.1": the first of stage 3). ``samples`` counts
    ``samples_are``, in ``batches``. NaN where a block's output is the same for all samples.
    ``error`` (first, second) is the standard error over samples, by the jackknife: parts of the
    picture are left out in turn, or batches of pictures; NaN where there are too few.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    cka: np.ndarray
    samples_are: Literal["tokens", "pictures"]
    samples: int
    batches: int
    error: np.ndarray

    @property
    def largest_error(self) -> float:
        """The largest standard error of all pairs that have a CKA; NaN where one is not known."""
        known = self.error[np.isfinite(self.cka)]
        return float(known.max()) if known.size else float("nan")

    @property
    def grade(self) -> Grade:
        """A statistic as long as every CKA is known to within ``CLOSE``, else a heuristic."""
        return "statistic" if self.largest_error <= CLOSE else "heuristic"

    def rows(self) -> list[dict[str, str | float]]:
        """Return one row per pair of blocks for a table."""
        return [
            {
                "first": first,
                "second": second,
                "cka": float(self.cka[row, column]),
                "cka_error": float(self.error[row, column]),
            }
            for row, first in enumerate(self.first)
            for column, second in enumerate(self.second)
        ]


def token_cka(first: Trace, second: Trace | None = None) -> BlockCka:
    """Return the CKA of all blocks of ``first`` with those of ``second`` (None: with each other).

    Samples are the cells of the coarsest grid of both, at most 16 x 16, to which all maps are
    averaged by area. Raises :class:`AnalysisError` for traces of different pictures, as far as
    their size tells, and for a grid of fewer than 4 cells.
    """
    traces = [first] if second is None else [first, second]
    if len({tuple(one.picture_size_px) for one in traces}) > 1:
        raise AnalysisError("Compare two models on one picture: these traces are of two.")
    shape = common_grid(*traces)
    sides = [block_features(one, shape) for one in traces]
    return features_cka(*sides)


def features_cka(first: Features, second: Features | None = None) -> BlockCka:
    """Return the CKA of features whose samples are the cells of one grid over one picture.

    They are those of :func:`block_features`; ``second`` (None: the first again) may have other
    blocks. Raises :class:`AnalysisError` for unequal grids, and for one of fewer than 4 cells.
    """
    sides = [first] if second is None else [first, second]
    features = [_features(side) for side in sides]
    cells = np.arange(len(features[0][0]))
    # Neighbouring cells are alike: whole strips of the picture are left out.
    kept = [
        np.setdiff1d(cells, part) for part in np.array_split(cells, min(PARTS_LEFT_OUT, len(cells)))
    ]
    left = [
        cka_sums(*([each[rest] for each in side] for side in features)).cka
        for rest in kept
        if len(rest) >= MIN_SAMPLES
    ]
    return _of_sums(sides[0], sides[-1], cka_sums(*features), left, "tokens")


def picture_cka(
    model: Segmenter,
    pictures: Sequence[PictureSource],
    other: Segmenter | None = None,
    *,
    short_side: int | None = None,
) -> Work[BlockCka]:
    """Yield progress picture by picture, and return the CKA of all blocks over the pictures.

    Each block's output is averaged over its map; ``other`` (None: the same model) sees the same
    pictures. HSIC is summed over batches of 16 to 31 pictures, so that memory does not grow with
    their number. Raises :class:`AnalysisError` for fewer than 4 pictures and what
    :func:`analysis.trace` raises.
    """
    if len(pictures) < MIN_SAMPLES:
        raise AnalysisError(f"Give {MIN_SAMPLES} pictures or more, not {len(pictures)}.")
    models = [model] if other is None else [model, other]
    batches = np.array_split(np.arange(len(pictures)), max(1, len(pictures) // BATCH))
    sums: list[CkaSums] = []
    for batch in batches:
        means: list[list[Features]] = [[] for _ in models]
        for index in batch:
            for side, one in zip(means, models, strict=True):
                side.append(block_features(trace(one, pictures[index], short_side=short_side)))
            yield Progress(index + 1, len(pictures))
        sides = [
            {name: torch.cat([picture[name] for picture in side]) for name in side[0]}
            for side in means
        ]
        sums.append(cka_sums(*map(_features, sides)))
    without = range(len(sums) if len(sums) > 1 else 0)
    left = [reduce(add, sums[:number] + sums[number + 1 :]).cka for number in without]
    return _of_sums(sides[0], sides[-1], reduce(add, sums), left, "pictures")


def common_grid(*traces: Trace) -> tuple[int, int]:
    """Return rows and columns of the coarsest grid of all traces, at most 16 x 16."""
    sides = zip(*(one.stage_outputs[-1].shape[-2:] for one in traces), strict=True)
    rows, columns = (min(GRID, *side) for side in sides)
    return rows, columns


def block_features(trace: Trace, shape: tuple[int, int] = (1, 1)) -> Features:
    """Return the output of every block, by its name, as (cells, C) of a grid of ``shape``."""
    return {stream.name: pooled(stream.produced, shape) for stream in streams(trace)}


def pooled(x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return a map (1, C, rows, columns) averaged by area to ``shape``, as (cells, C).

    Where sides do not divide, neighbouring cells share a row or column of tokens.
    """
    return to_tokens(F.adaptive_avg_pool2d(x, shape))[0]


def _features(side: Features) -> list[Tensor]:
    return list(side.values())


def _of_sums(
    first: Features,
    second: Features,
    sums: CkaSums,
    left: Sequence[np.ndarray],
    samples_are: Literal["tokens", "pictures"],
) -> BlockCka:
    """Return the CKA of ``sums``, with the error that CKAs with a part ``left`` out give."""
    error = jackknife(left) if left else np.full(sums.cka.shape, np.nan)
    return BlockCka(
        tuple(first), tuple(second), sums.cka, samples_are, sums.samples, sums.batches, error
    )
