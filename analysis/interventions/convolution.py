"""Interventions in the convolutions: position encoding (all stages), local affinity (stages 1-2).

Both are learned filters that see content as well as place: taking the position encoding away takes
away a 3x3 filter of the features too, not only the position.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.interventions.base import BlockIntervention
from uniformer.blocks import LocalBlock


@dataclass(frozen=True)
class PositionEncoding(BlockIntervention):
    """Change what the dynamic position encoding adds to the tokens.

    ``form`` "off" adds nothing; "mean" adds its mean over all tokens to each, so that the place is
    lost and the level stays; "noise" adds a random vector as long as the encoding of that token,
    another one in every block.
    """

    form: Literal["off", "mean", "noise"]
    seed: int = 0

    def __post_init__(self) -> None:
        if self.form not in ("off", "mean", "noise"):
            raise AnalysisError(
                f"The position encoding can be off, mean or noise, not {self.form!r}."
            )

    @property
    def action(self) -> str:
        """What is done there, in a few words."""
        words = {"off": "off", "mean": "frozen to its mean", "noise": "noise of equal norm"}
        return f"position encoding {words[self.form]}"

    def position(self, encoding: Tensor) -> Tensor:
        """Return what is added as position encoding instead of ``encoding``."""
        if self.form == "off":
            return torch.zeros_like(encoding)
        if self.form == "mean":
            return encoding.mean(dim=(2, 3), keepdim=True).expand_as(encoding)
        rng = np.random.default_rng([self.seed, self.stage, self.block])
        noise = torch.from_numpy(rng.standard_normal(encoding.shape)).to(encoding)
        return noise * (encoding.norm(dim=1, keepdim=True) / noise.norm(dim=1, keepdim=True))

    def control(self, trace: Trace, rng: np.random.Generator) -> PositionEncoding | None:
        """Return noise of equal norm in place of the encoding; None for noise itself."""
        if self.form == "noise":
            return None
        return replace(self, form="noise", seed=int(rng.integers(2**31)))


@dataclass(frozen=True)
class LocalKernel(BlockIntervention):
    """Change the 5x5 kernels of the local affinity, the same way in every channel.

    ``form`` "centre" keeps the centre tap only, so that no neighbour is used; "mean" gives all 25
    taps their mean, a box that weighs near and far alike; "shuffled" puts the taps in random order.
    """

    kinds: ClassVar[tuple[type, ...]] = (LocalBlock,)

    form: Literal["centre", "mean", "shuffled"]
    seed: int = 0

    def __post_init__(self) -> None:
        if self.form not in ("centre", "mean", "shuffled"):
            raise AnalysisError(f"A kernel can be centre, mean or shuffled, not {self.form!r}.")

    @property
    def action(self) -> str:
        """What is done there, in a few words."""
        words = {"centre": "centre tap only", "mean": "mean of its taps", "shuffled": "shuffled"}
        return f"local affinity {words[self.form]}"

    def kernel(self, kernel: Tensor) -> Tensor:
        """Return the kernel used instead of ``kernel``."""
        if self.form == "mean":
            return kernel.mean(dim=(2, 3), keepdim=True).expand_as(kernel)
        if self.form == "centre":
            center = torch.zeros_like(kernel)
            center[..., 2, 2] = kernel[..., 2, 2]
            return center
        order = np.random.default_rng([self.seed, self.stage, self.block]).permutation(25)
        return kernel.flatten(2)[..., torch.from_numpy(order)].unflatten(2, (5, 5))

    def control(self, trace: Trace, rng: np.random.Generator) -> LocalKernel | None:
        """Return the kernels with their taps shuffled; None for shuffled ones."""
        if self.form == "shuffled":
            return None
        return replace(self, form="shuffled", seed=int(rng.integers(2**31)))
