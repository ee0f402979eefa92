"""What all interventions inside blocks share: where they act, how they are named and controlled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_stage
from analysis.core.errors import AnalysisError
from analysis.core.forward import Patch, Place
from uniformer.blocks import GlobalBlock, LocalBlock

DRAWS = 64
"""Places tried when a region is moved elsewhere."""

Option = TypeVar("Option")


@dataclass(frozen=True)
class BlockIntervention(Patch, ABC):
    """A change inside block number ``block`` of ``stage``, or in all its blocks if that is None."""

    kinds: ClassVar[tuple[type, ...]] = (LocalBlock, GlobalBlock)

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

    def at(self, place: Place) -> BlockIntervention:
        """Return the same for one block only."""
        return replace(self, block=place.block)

    def describe(self) -> str:
        """Return what is done, in a few words that name the place; blocks are counted from 0."""
        where = "all blocks" if self.block is None else f"block {self.block}"
        return f"stage {self.stage}, {where}: {self.action}"

    @property
    @abstractmethod
    def action(self) -> str:
        """What is done there, in a few words."""

    def control(self, trace: Trace, rng: np.random.Generator) -> BlockIntervention | None:
        """Return as large a change made at random; None where there is none to compare with."""
        return None


def another(present: Option, options: Sequence[Option], rng: np.random.Generator) -> Option | None:
    """Return one of ``options`` other than ``present``, None if there is no other."""
    others = [option for option in options if option != present]
    return others[rng.integers(len(others))] if others else None


def moved_elsewhere(region: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``region`` (H, W) with equal area and shape at a random place that it overlaps least.

    What leaves one side comes in at the opposite one.
    """
    shifts = rng.integers(0, region.shape, (DRAWS, 2))
    moved = (np.roll(region, shift, axis=(0, 1)) for shift in shifts)
    return min(moved, key=lambda other: np.count_nonzero(other & region))
