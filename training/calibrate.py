"""Bias and temperature of the classifier: what balance and length of training have bent, put right.

Balanced sampling teaches a network that rare classes are frequent; one number per class, fitted to
pictures as they come, undoes that. Training makes it surer than it is right; one temperature for
all classes, fitted to ordinary photos it never saw, undoes that. All other weights are held:
bias-corrected temperature scaling, Alexandari et al., arXiv 1901.06852.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data import Sample
from uniformer.classes import IGNORE_INDEX
from uniformer.dataset import DatasetError
from uniformer.preprocess import preprocess

PICTURES_PER_SOURCE = 25
PIXELS = 1500
"""Random pixels of a picture, at the stride of the logits."""

DECAY = 0.003
"""Holds the bias of a class that few pictures show near 0."""

SURE = 128
"""Labels count that are at least as likely right as wrong, of 255."""


def fit_bias(model: nn.Module, examples: Sequence[Sample]) -> Tensor:
    """Return what to add to the logits for the least cross entropy, float32 (classes,), mean 0.

    Looks at ``PICTURES_PER_SOURCE`` of ``examples`` of each source, evenly spaced, and at the same
    pixels of them in every call. Raises :class:`~uniformer.dataset.DatasetError` when none of them
    has a certain label.
    """
    sources: dict[str, list[Sample]] = {}
    for example in examples:
        sources.setdefault(example.source, []).append(example)
    chosen = [
        example
        for group in sources.values()
        for example in group[:: -(-len(group) // PICTURES_PER_SOURCE)]
    ]
    seen = _known_pixels(model, chosen)
    bias = torch.zeros(seen[0][0].shape[1], requires_grad=True)

    def loss() -> Tensor:
        return _cross_entropy(seen, 1.0, bias) + DECAY * bias.square().sum()

    _minimise(loss, bias)
    return bias.detach() - bias.detach().mean()


def fit_temperature(model: nn.Module, examples: Sequence[Sample], bias: Tensor) -> float:
    """Return what to divide the logits plus ``bias`` by for the least cross entropy.

    Where the labels of ``examples`` are coarse, the probability of a coarse class is the sum of
    those of its members. Raises as :func:`fit_bias`.
    """
    seen = _known_pixels(model, examples)
    log_temperature = torch.zeros(1, requires_grad=True)
    _minimise(lambda: _cross_entropy(seen, log_temperature.exp(), bias), log_temperature)
    return log_temperature.exp().item()


_Pixels = tuple[Tensor, Tensor, Tensor]
"""Logits (n, classes), labels (n,), and the label that each class is compared as (classes,)."""


def _cross_entropy(seen: Sequence[_Pixels], temperature: Tensor | float, bias: Tensor) -> Tensor:
    total, pixels = torch.zeros(()), 0
    for logits, labels, table in seen:
        p = ((logits + bias) / temperature).softmax(dim=1)
        merged = p.new_zeros(p.shape).index_add(1, table, p)
        total = total + F.nll_loss(merged.clamp_min(1e-12).log(), labels, reduction="sum")
        pixels += len(labels)
    return total / pixels


def _minimise(loss: Callable[[], Tensor], parameter: Tensor) -> None:
    optimizer = torch.optim.LBFGS([parameter], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)


@torch.no_grad()
def _known_pixels(model: nn.Module, examples: Sequence[Sample]) -> list[_Pixels]:
    rng = np.random.default_rng(0)
    seen = [_pixels_of(model, example, rng) for example in examples]
    if not any(len(labels) for _, labels, _ in seen):
        raise DatasetError("No picture to calibrate on has a pixel whose class is certain.")
    return seen


def _pixels_of(model: nn.Module, example: Sample, rng: np.random.Generator) -> _Pixels:
    x = preprocess(example.picture, model.config.short_side, model.config.size_divisor)
    logits = model(x.to(memory_format=torch.channels_last))[0].float()
    sure = np.where(example.confidence >= SURE, example.labels, IGNORE_INDEX)
    whole = torch.from_numpy(sure)[None, None].float()
    labels = F.interpolate(whole, size=logits.shape[-2:], mode="nearest")[0, 0].long().flatten()
    # Groups, too, are left out: their ids lie above those of the classes.
    known = np.flatnonzero(labels < len(logits))
    chosen = rng.permutation(known)[: round(PIXELS * len(known) / len(labels))]
    table = np.arange(len(logits)) if example.coarse is None else example.coarse
    return logits.flatten(1).T[chosen], labels[chosen], torch.from_numpy(table).long()
