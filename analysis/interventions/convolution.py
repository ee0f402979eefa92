"""Interventions in the convolutions: position encoding (all stages), local affinity (stages 1-2).

Both are learned filters that see content as well as place: taking the position encoding away takes
away a 3x3 filter of the features too, not only the position.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.words import say
from analysis.interventions.base import BlockIntervention
from uniformer.blocks import LocalBlock


@dataclass(frozen=True)
class PositionEncoding(BlockIntervention):
    """Change what the dynamic position encoding adds to the tokens.

    ``form`` "off" adds nothing; "mean" adds its mean over all tokens to each, so that the place is
    lost and the level stays. With a ``noise_seed`` the encoding stays and a random vector is added
    to it instead, as long as the change that the form would make at that token, another one in
    every block.
    """

    form: Literal["off", "mean"]
    noise_seed: int | None = None

    def __post_init__(self) -> None:
        if self.form not in ("off", "mean"):
            raise AnalysisError(f"The position encoding can be off or mean, not {self.form!r}.")

    @property
    def action(self) -> str:
        """What is done there, in a few words."""
        words = {"off": "off", "mean": "frozen to its mean"}[self.form]
        if self.noise_seed is not None:
            return say("position encoding with noise as large as {what}", what=words)
        return {"off": "position encoding off", "mean": "position encoding frozen to its mean"}[
            self.form
        ]

    def position(self, encoding: Tensor) -> Tensor:
        """Return what is added as position encoding instead of ``encoding``."""
        if self.form == "off":
            changed = torch.zeros_like(encoding)
        else:
            changed = encoding.mean(dim=(2, 3), keepdim=True).expand_as(encoding)
        if self.noise_seed is None:
            return changed
        rng = np.random.default_rng([self.noise_seed, self.stage, self.block])
        noise = torch.from_numpy(rng.standard_normal(encoding.shape)).to(encoding)
        length = (changed - encoding).norm(dim=1, keepdim=True)
        return encoding + noise * (length / noise.norm(dim=1, keepdim=True))

    def controls(
        self, trace: Trace, rng: np.random.Generator, count: int, picture: np.ndarray | None = None
    ) -> list[Self]:
        """Return noise as long as the change, token by token; none for noise itself."""
        seeds = [] if self.noise_seed is not None else rng.integers(2**31, size=count)
        return [replace(self, noise_seed=int(seed)) for seed in seeds]


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
        return {
            "centre": "local affinity centre tap only",
            "mean": "local affinity mean of its taps",
            "shuffled": "local affinity shuffled",
        }[self.form]

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

    def controls(
        self, trace: Trace, rng: np.random.Generator, count: int, picture: np.ndarray | None = None
    ) -> list[Self]:
        """Return the kernels with their taps shuffled; none for shuffled ones."""
        seeds = [] if self.form == "shuffled" else rng.integers(2**31, size=count)
        return [replace(self, form="shuffled", seed=int(seed)) for seed in seeds]
