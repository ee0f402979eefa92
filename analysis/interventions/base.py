"""What all interventions inside blocks share: where they act, how they are named and controlled.

The size of a change is the length of what it does to a block's output, as a share of the length of
that output without it. Controls are as large by it, or leave as many edges or tokens elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, TypeVar

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_stage
from analysis.core.errors import AnalysisError
from analysis.core.forward import Patch, Place, run_block
from analysis.core.words import say
from uniformer.blocks import GlobalBlock, LocalBlock

ALIKE = 4.0
"""A change is made at most this many times larger or smaller to be as large as another one."""


@dataclass(frozen=True)
class BlockIntervention(Patch, ABC):
    """A change inside block number ``block`` of ``stage``, or in all its blocks if that is None."""

    kinds: ClassVar[tuple[type, ...]] = (LocalBlock, GlobalBlock)
    scaled: ClassVar[bool] = True
    """Whether controls are brought to the size of the change; else they leave as many places alone.

    Of the latter only those that turn out as large are compared with.
    """

    stage: int
    block: int | None

    def places(self, trace: Trace) -> list[Place]:
        """Return the blocks that change; :class:`AnalysisError` if this cannot be done there."""
        depth = len(trace.windows[check_stage(self.stage) - 1])
        numbers = range(depth) if self.block is None else [self.block]
        if not isinstance(trace.block(self.stage, numbers[0]), self.kinds):
            raise AnalysisError(
                "Windows, edges and heads belong to the global affinity of stages 3 and 4, kernels "
                f"to the local affinity of stages 1 and 2: stage {self.stage} is not one of them."
            )
        self.check(trace)
        return [Place(self.stage, number) for number in numbers]

    def check(self, trace: Trace) -> None:
        """Raise :class:`AnalysisError` if the rest of the settings does not fit ``trace``."""

    def at(self, place: Place) -> Self:
        """Return the same for one block only."""
        return replace(self, block=place.block)

    def describe(self) -> str:
        """Return what is done, in a few words that name the place; blocks are counted from 0."""
        if self.block is None:
            return say("stage {stage}, all blocks: {action}", stage=self.stage, action=self.action)
        return say(
            "stage {stage}, block {block}: {action}",
            stage=self.stage,
            block=self.block,
            action=self.action,
        )

    @property
    @abstractmethod
    def action(self) -> str:
        """What is done there, in a few words."""

    def controls(
        self, trace: Trace, rng: np.random.Generator, count: int, picture: np.ndarray | None = None
    ) -> list[Self]:
        """Return up to ``count`` different random changes to compare with; none if there are none.

        They are those of the :meth:`others` that can be made as large, unless a kind draws its own.
        ``picture`` is the one that was traced, for interventions that change it.
        """
        return others_as_large(trace, self, self.others(trace), rng, count)

    def others(self, trace: Trace) -> Sequence[Self]:
        """Return the same change in all other places it could be made; none where it has no such.

        As of a kind that draws its controls at random, or of one made everywhere.
        """
        return ()

    def overlap(self, control: Self, trace: Trace) -> float:
        """Return which share of its place, 0 to 1, ``control`` has too; 0 if it is no place."""
        return 0.0


SameKind = TypeVar("SameKind", bound=BlockIntervention)


def change_size(changed: Tensor, clean: Tensor) -> float:
    """Return the length of a change as a share of that of what it changes, 0 or more.

    Both tensors have one shape, whatever it is.
    """
    return ((changed - clean).norm() / clean.norm().clamp_min(1e-30)).item()


def size_of(trace: Trace, intervention: BlockIntervention) -> float:
    """Return the size of a change, each block given its clean input; root mean square of blocks."""
    squares = []
    with torch.no_grad():
        for place in intervention.places(trace):
            block, x = trace.block(*place), trace.block_inputs[place.stage - 1][place.block]
            window = trace.windows[place.stage - 1][place.block]
            changed = run_block(block, x, window, intervention.at(place))
            squares.append(change_size(changed, run_block(block, x, window)) ** 2)
    return float(np.mean(squares) ** 0.5)


def others_as_large(
    trace: Trace,
    present: SameKind,
    others: Sequence[SameKind],
    rng: np.random.Generator,
    count: int,
) -> list[SameKind]:
    """Return up to ``count`` of ``others``, drawn at random, that can be made as large."""
    if not others:
        return []
    wanted = size_of(trace, present)
    found: list[SameKind] = []
    for number in rng.permutation(len(others)):
        if len(found) == count:
            break
        if wanted / ALIKE <= size_of(trace, others[number]) <= wanted * ALIKE:
            found.append(others[number])
    return found
