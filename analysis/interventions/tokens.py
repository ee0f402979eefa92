"""Interventions on whole tokens: leave a block out, or bring in what another picture left there.

Activation patching: Vig et al., "Causal Mediation Analysis", arXiv 2004.12265; on its pitfalls
Zhang and Nanda, arXiv 2309.16042.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_region
from analysis.core.errors import AnalysisError
from analysis.core.words import say
from analysis.interventions.base import BlockIntervention
from analysis.interventions.elsewhere import moved_elsewhere


@dataclass(frozen=True)
class DropBlock(BlockIntervention):
    """Leave the block out: its output is its input. None drops all blocks of the stage."""

    @property
    def drops(self) -> bool:
        """Whether the block is left out altogether."""
        return True

    @property
    def action(self) -> str:
        """What is done there, in a few words."""
        return "left out"

    def others(self, trace: Trace) -> list[Self]:
        """Return other blocks of the stage left out."""
        if self.block is None:
            return []
        blocks = range(len(trace.windows[self.stage - 1]))
        return [replace(self, block=block) for block in blocks if block != self.block]


@dataclass(frozen=True)
class PatchTokens(BlockIntervention):
    """Replace ``tokens`` (rows, columns) of the block's input by those of the trace ``source``.

    ``source`` is another picture seen by the same model at the same size. See
    :func:`region_tokens` for the tokens of a region of the picture.
    """

    scaled: ClassVar[bool] = False

    tokens: np.ndarray
    source: Trace

    def check(self, trace: Trace) -> None:
        """Raise :class:`AnalysisError` if the settings do not fit ``trace``."""
        check_tokens(self.tokens, trace, self.stage)
        if self.source.model is not trace.model:
            raise AnalysisError("The other picture must be traced with the same model.")
        if self.source.network_size_px != trace.network_size_px:
            here, there = (
                " x ".join(map(str, side.network_size_px)) for side in (trace, self.source)
            )
            raise AnalysisError(
                f"The network sees this picture as {here} pixels and the other one as {there}: "
                "crop one to the proportions of the other."
            )

    @property
    def action(self) -> str:
        """What is done there, in a few words."""
        return say(
            "{tokens} tokens taken from another picture", tokens=np.count_nonzero(self.tokens)
        )

    def received(self, x: Tensor) -> Tensor:
        """Return what the block receives instead of ``x``."""
        assert self.block is not None  # as `at` made it
        there = self.source.block_inputs[self.stage - 1][self.block]
        return torch.where(torch.from_numpy(self.tokens).to(x.device), there, x)

    def controls(
        self, trace: Trace, rng: np.random.Generator, count: int, picture: np.ndarray | None = None
    ) -> list[Self]:
        """Return the same number of tokens elsewhere, from the same source."""
        return [replace(self, tokens=each) for each in moved_elsewhere(self.tokens, rng, count)]

    def overlap(self, control: Self, trace: Trace) -> float:
        """Return which share of the tokens that it replaces ``control`` replaces too, 0 to 1."""
        return float(control.tokens[self.tokens].mean())


def region_tokens(trace: Trace, stage: int, region: np.ndarray) -> np.ndarray:
    """Return the tokens of ``stage`` that see any pixel of ``region`` (H, W), bool (rows, columns).

    Tokens of late stages are large: they also see pixels outside the region. Raises
    :class:`AnalysisError` for an empty region, one of another size, or an unknown stage.
    """
    return trace.grid(stage).pixels_of(check_region(region, trace.picture_size_px)) > 0


def check_tokens(tokens: np.ndarray, trace: Trace, stage: int) -> None:
    """Raise :class:`AnalysisError` unless ``tokens`` are some of those of ``stage``."""
    shape = trace.grid(stage).shape
    if np.shape(tokens) != shape or tokens.dtype != bool or not tokens.any():
        raise AnalysisError(
            f"Choose tokens of stage {stage} by a boolean array of {shape[0]} x {shape[1]}, "
            "at least one of them True."
        )
