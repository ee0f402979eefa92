"""What a network must offer to have its receptive fields measured beside those of others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from analysis.core.errors import AnalysisError
from analysis.core.grid import Token
from analysis.receptive_field.effective import Readout
from analysis.receptive_field.theoretical import (
    ReceptiveField,
    Sliding,
    Step,
    input_interval,
    unbounded_side,
)

SIDE_MULTIPLE = 32
"""Sides of pictures are multiples of it, so that no network here drops or pads pixels."""


@dataclass(frozen=True)
class Level:
    """One map of a network, and what lies between it and the pixels along either axis."""

    name: str
    rows: tuple[Step, ...]
    columns: tuple[Step, ...]

    @property
    def stride_px(self) -> int:
        """Input pixels from one unit to the next."""
        return math.prod(step.stride for step in self.rows if isinstance(step, Sliding))

    @property
    def theoretical_px(self) -> int | None:
        """Side of a unit's theoretical field in a picture without borders.

        None where that is the whole picture, or where it depends on the unit and the picture, as
        with shifted windows. With other windows it is the largest there is.
        """
        return unbounded_side(self.rows)

    def unit_at(self, pixel: tuple[int, int], size_px: tuple[int, int]) -> Token:
        """Return the unit (row, column) whose centre is nearest to ``pixel`` (row, column).

        Of two that are as near it is the upper or left one.
        """
        steps = (self.rows, self.columns)
        row, column = (
            _nearest(along, at, side) for along, at, side in zip(steps, pixel, size_px, strict=True)
        )
        return row, column

    def center_px(self, unit: Token) -> tuple[float, float]:
        """Return (row, column) of a unit's centre, where 0 is the middle of the first pixel.

        The centre is where strides and paddings put it, not the middle of the picture: half a
        stride apart between patches (stride J: u J + (J - 1) / 2) and padded convolutions (u J).
        """
        row, column = (
            _first_center(steps) + index * self.stride_px
            for steps, index in zip((self.rows, self.columns), unit, strict=True)
        )
        return row, column

    def field(self, size_px: tuple[int, int], unit: Token) -> ReceptiveField:
        """Return the pixels of a picture of ``size_px`` (height, width) that ``unit`` can see."""
        rows = input_interval(self.rows, size_px[0], unit[0])
        return ReceptiveField(*rows, *input_interval(self.columns, size_px[1], unit[1]))


@dataclass(frozen=True)
class Network:
    """A network made for pictures of ``size_px`` (height, width).

    ``weights`` is one phrase: where they come from, or how they were initialised if not
    ``trained``. ``maps`` takes a picture (1, 3, H, W) and returns the map (1, C, rows, columns) of
    every level, by name. ``readout`` takes the unit (row, column) of any levels and returns what
    :func:`analysis.receptive_field.effective.effective_fields` measures, keyed by level.
    """

    name: str
    size_px: tuple[int, int]
    trained: bool
    weights: str
    levels: tuple[Level, ...]
    maps: Callable[[Tensor], Mapping[str, Tensor]]
    readout: Callable[[Mapping[str, Token]], Readout[str]]


def check_size(size_px: tuple[int, int]) -> None:
    """Raise :class:`AnalysisError` unless both sides are positive multiples of 32 pixels."""
    if any(side < SIDE_MULTIPLE or side % SIDE_MULTIPLE for side in size_px):
        raise AnalysisError(
            f"Networks are compared on pictures whose sides are multiples of {SIDE_MULTIPLE} "
            f"pixels, not {size_px[0]} x {size_px[1]}."
        )


def _first_center(steps: Sequence[Step]) -> float:
    center = 0.0
    for step in reversed(steps):
        if isinstance(step, Sliding):
            center = center * step.stride - step.padding + (step.kernel - 1) / 2
    return center


def _nearest(steps: Sequence[Step], pixel: int, side: int) -> int:
    stride, units = 1, side
    for step in steps:
        units = step.outputs(units)
        stride *= step.stride if isinstance(step, Sliding) else 1
    nearest = math.ceil((pixel - _first_center(steps)) / stride - 0.5)
    return min(max(nearest, 0), units - 1)
