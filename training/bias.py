"""Undo, in the classifier's bias, what balance in training taught about how frequent classes are.

A network trained on balanced classes says rare ones too often in pictures as they come. One number
per class, fitted on such pictures with all other weights held, puts that right: bias-corrected
calibration, Alexandari et al., arXiv 1901.06852, without the temperature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data import Example
from uniformer.classes import IGNORE_INDEX
from uniformer.preprocess import preprocess

PICTURES = 600
PIXELS = 300
"""Pixels of a picture that is labelled everywhere; others give as many fewer."""

DECAY = 1e-4
"""Keeps the bias of a class that no picture shows near 0."""


def fit_bias(model: nn.Module, examples: Sequence[Example]) -> Tensor:
    """Return what to add to the logits for the least cross entropy, float32 (classes,), mean 0.

    At most ``PICTURES`` of the ``examples`` are looked at, evenly spaced over all, and random
    pixels of them at the stride of the logits, the same in every call.
    """
    stride = max(1, -(-len(examples) // PICTURES))
    rng = np.random.default_rng(0)
    found = [_known_pixels(model, example, rng) for example in examples[::stride]]
    logits, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
    bias = torch.zeros(logits.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(logits + bias, labels) + DECAY * bias.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return bias.detach() - bias.detach().mean()


@torch.no_grad()
def _known_pixels(
    model: nn.Module, example: Example, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Return logits (n, classes) and labels (n,) at random labelled pixels."""
    x = preprocess(example.picture, model.config.short_side, model.config.size_divisor)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(x.to(memory_format=torch.channels_last))[0].float()
    whole = torch.from_numpy(example.labels)[None, None].float()
    labels = F.interpolate(whole, size=logits.shape[-2:], mode="nearest")[0, 0].long().flatten()
    known = np.flatnonzero(labels != IGNORE_INDEX)
    chosen = rng.permutation(known)[: round(PIXELS * len(known) / len(labels))]
    return logits.flatten(1).T[chosen], labels[chosen]
