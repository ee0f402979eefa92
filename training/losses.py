"""Cross entropy on pictures that are labelled in part, by group, or by an uncertain teacher."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.batches import NO_NEGATIVE
from uniformer.classes import IGNORE_INDEX

MAX_PROBABILITY = 1 - 1e-4
"""Bounds the loss and the gradient of a negative pixel."""


def partial_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    confidence: Tensor,
    negatives: Tensor,
    members: Tensor,
    class_weights: Tensor,
    negative_weight: float,
    smoothing: float,
) -> Tensor:
    """Return the weighted mean loss over the pixels about which something is known.

    ``logits`` float32 (B, K, H, W), ``labels`` (B, H, W) with 255 for unknown, ``confidence``
    (B, H, W) in 0..1, ``negatives`` (B,) the class that unknown pixels of a picture do not show or
    -1, ``members`` bool (256, K) which classes an id stands for, ``class_weights`` (K,).

    A pixel of class c adds confidence * class_weights[c] * cross entropy, with ``smoothing`` of its
    target spread over all classes. A pixel of a group adds -log of the sum of its members'
    probabilities, with the mean of their weights. An unlabelled one of a picture with the negative
    class n adds negative_weight * -log(1 - p_n). The sum is divided by the sum of the weights.
    """
    log_p = logits.log_softmax(dim=1)
    labels = labels.long()
    known = labels != IGNORE_INDEX
    grouped = known & (labels >= log_p.shape[1])
    target = labels.masked_fill(~known | grouped, 0)
    weight = class_weights[target] * confidence * (known & ~grouped)
    hit = log_p.gather(1, target[:, None])[:, 0]
    positive = -(1 - smoothing) * hit - smoothing * log_p.mean(dim=1)
    total, count = (weight * positive).sum(), weight.sum()

    if grouped.any():
        row = members[labels[grouped]]
        p = log_p.movedim(1, -1)[grouped].masked_fill(~row, -torch.inf).logsumexp(dim=1)
        weight = confidence[grouped] * (row * class_weights).sum(1) / row.sum(1)
        total, count = total - (weight * p).sum(), count + weight.sum()

    rows = (negatives != NO_NEGATIVE).nonzero()[:, 0]
    if len(rows):
        p = log_p[rows, negatives[rows]].exp().clamp(max=MAX_PROBABILITY)
        unknown = ~known[rows]
        total = total - negative_weight * (torch.log1p(-p) * unknown).sum()
        count = count + negative_weight * unknown.sum()
    return total / count.clamp(min=1)


def resize_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return stride-4 logits as float32 at the size of ``labels``."""
    return F.interpolate(logits.float(), size=labels.shape[-2:], mode="bilinear")
