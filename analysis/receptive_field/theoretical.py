"""Theoretical receptive fields: the input pixels that can change a token, whatever the weights.

Every operator of these networks reads a box, one interval per axis, so an interval carried from a
token down to the pixels is exact, at borders and across windows too. Cf. Araujo, Norris, Sim,
"Computing Receptive Fields of Convolutional Neural Networks", Distill 2019, whose single number
per layer (:func:`receptive_field_size`) holds away from borders and windows only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from analysis.core.checks import check_not_optimized, check_sides, check_stage
from analysis.core.errors import AnalysisError
from uniformer.backbone import UniFormer
from uniformer.segmenter import Segmenter


class Step(Protocol):
    """One operator along one axis; a network is a sequence of them, first operator first."""

    def reads(self, first: float, last: float) -> tuple[float, float]:
        """Return first and last input position that outputs ``first`` to ``last`` depend on.

        Positions may lie outside the map; the caller clips them.
        """

    def outputs(self, side: int) -> int:
        """Return how many outputs an input of ``side`` positions has."""


@dataclass(frozen=True)
class Sliding:
    """A convolution or pooling without dilation; ``padding`` is that before the first position."""

    kernel: int
    stride: int = 1
    padding: int = 0

    def reads(self, first: float, last: float) -> tuple[float, float]:
        """Return the reach of the kernels of the outermost two outputs."""
        return (
            first * self.stride - self.padding,
            last * self.stride - self.padding + self.kernel - 1,
        )

    def outputs(self, side: int) -> int:
        """Return how often the kernel fits into the padded map."""
        return (side + 2 * self.padding - self.kernel) // self.stride + 1


@dataclass(frozen=True)
class Windowed:
    """Attention within windows of ``size`` tokens, counted from the first row or column."""

    size: int

    def reads(self, first: float, last: float) -> tuple[float, float]:
        """Return the borders of the windows that the outputs are in."""
        return first // self.size * self.size, last // self.size * self.size + self.size - 1

    def outputs(self, side: int) -> int:
        """Return ``side``: every token stays a token."""
        return side


@dataclass(frozen=True)
class Whole:
    """Global attention: every output depends on every input."""

    def reads(self, first: float, last: float) -> tuple[float, float]:
        """Return everything there is."""
        return -math.inf, math.inf

    def outputs(self, side: int) -> int:
        """Return ``side``: every token stays a token."""
        return side


@dataclass(frozen=True)
class ReceptiveField:
    """A box of input pixels; ``bottom_px`` and ``right_px`` are the first ones outside it."""

    top_px: int
    bottom_px: int
    left_px: int
    right_px: int

    @property
    def height_px(self) -> int:
        """Rows of pixels in the box."""
        return self.bottom_px - self.top_px

    @property
    def width_px(self) -> int:
        """Columns of pixels in the box."""
        return self.right_px - self.left_px


def input_interval(steps: Sequence[Step], side: int, index: int) -> tuple[int, int]:
    """Return (first, one past the last) of the ``side`` input positions that output ``index`` sees.

    Raises :class:`AnalysisError` if ``index`` is not an output.
    """
    sides = [side]
    for step in steps:
        sides.append(step.outputs(sides[-1]))
    if not 0 <= index < sides[-1]:
        raise AnalysisError(f"There is no token {index}: the map has {sides[-1]} along this axis.")
    first: float = index
    last: float = index
    for step, size in zip(reversed(steps), reversed(sides[:-1]), strict=True):
        first, last = step.reads(first, last)
        first, last = max(first, 0), min(last, size - 1)
    return int(first), int(last) + 1


def uniformer_steps(
    backbone: UniFormer, stage: int, block: int | None = None, position_encoding: bool = True
) -> list[Step]:
    """Return what lies between the pixels and the tokens of ``stage``, per axis.

    ``block`` counts the blocks of the stage that have run: 0 stands for its patch embedding, None
    for its normed output (the norm reads its own token only). ``position_encoding`` False leaves
    the DPE of all blocks out. Raises :class:`AnalysisError` for a stage or block that does not
    exist.
    """
    depth = len(backbone.stage(check_stage(stage))[1])
    if block is not None and not 0 <= block <= depth:
        raise AnalysisError(f"Stage {stage} has no block {block}: choose 0 to {depth}.")
    steps: list[Step] = []
    for number in range(1, stage + 1):
        embed, blocks, _ = backbone.stage(number)
        steps += [_convolution(each) for each in embed.modules() if isinstance(each, nn.Conv2d)]
        for each in blocks[:block] if number == stage else blocks:
            if position_encoding:
                steps.append(_convolution(each.pos_embed))
            if isinstance(each.attn, nn.Conv2d):
                steps.append(_convolution(each.attn))
            else:
                window = getattr(each, "window_size", None)  # blocks that prune have none
                steps.append(Windowed(window) if window else Whole())
    return steps


def receptive_field(
    model: Segmenter,
    size_px: tuple[int, int],
    stage: int,
    token: tuple[int, int],
    block: int | None = None,
    position_encoding: bool = True,
) -> ReceptiveField:
    """Return the pixels that ``token`` = (row, column) of ``stage`` can see, in the present reach.

    ``size_px`` is (height, width) of the network's input. ``block`` and ``position_encoding`` are
    those of :func:`uniformer_steps`. Raises :class:`AnalysisError` for an optimized model, a
    picture the network refuses, and a stage, block or token that does not exist.
    """
    check_not_optimized(model)
    check_sides(size_px)
    steps = uniformer_steps(model.backbone, stage, block, position_encoding)
    rows, columns = (
        input_interval(steps, side, index) for side, index in zip(size_px, token, strict=True)
    )
    return ReceptiveField(*rows, *columns)


def receptive_field_size(
    model: Segmenter, stage: int, block: int | None = None, position_encoding: bool = True
) -> int | None:
    """Return the side in pixels of a token's receptive field in a picture without borders.

    None means the whole picture. With windows the side depends on the token; this is the largest.
    Arguments and errors are those of :func:`receptive_field`.
    """
    check_not_optimized(model)
    return unbounded_side(uniformer_steps(model.backbone, stage, block, position_encoding))


def unbounded_side(steps: Sequence[Step]) -> int | None:
    """Return the side of what a token sees through ``steps`` in a map without borders.

    With windows it is the largest over tokens. None if that is the whole map, or if the steps are
    made for a map of one size.
    """
    if not all(isinstance(step, Sliding | Windowed) for step in steps):
        return None
    tokens = range(max((step.size for step in steps if isinstance(step, Windowed)), default=1))
    return max(_side_from(steps, token) for token in tokens)


def _convolution(conv: nn.Conv2d) -> Sliding:
    return Sliding(conv.kernel_size[0], conv.stride[0], conv.padding[0])


def _side_from(steps: Sequence[Step], token: int) -> int:
    first: float = token
    last: float = token
    for step in reversed(steps):
        first, last = step.reads(first, last)
    return int(last - first) + 1
