"""The average of the weights over the last steps, which is what a run results in."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Averaged:
    """An exponential moving average of a model: of parameters and of BatchNorm's statistics.

    The average reaches back over about 1 / (1 - ``decay``) steps, and over a share of all steps in
    the beginning, when those are fewer.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards ``model`` as it is after step ``step``, counted from 0."""
        keep = min(self.decay, (1 + step) / (10 + step))
        mine, theirs = self.model.state_dict(), model.state_dict()
        floats = [name for name, value in mine.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [mine[name] for name in floats], [theirs[name] for name in floats], 1 - keep
        )
