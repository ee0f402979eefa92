"""Counts on labelled pictures at their own resolution, while a run goes on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from training.data import Example
from uniformer.heads import resize_bilinear
from uniformer.metrics import Counts, count
from uniformer.preprocess import preprocess


@torch.inference_mode()
def validate(model: nn.Module, examples: Sequence[Example], limit: int | None = None) -> Counts:
    """Return the counts of ``model``, in eval mode, in the short side of its config.

    With a ``limit`` only that many examples, evenly spaced over all, are looked at.
    """
    stride = max(1, -(-len(examples) // limit)) if limit else 1
    counts = Counts.zero(len(model.classes))
    for example in examples[::stride]:
        x = preprocess(example.picture, model.config.short_side, model.config.size_divisor)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(x.to(memory_format=torch.channels_last))
        logits = resize_bilinear(logits.float(), example.labels.shape)
        confidence, labels = logits[0].softmax(dim=0).max(dim=0)
        counts = counts + count(
            labels.to(torch.uint8).numpy(),
            example.labels,
            len(model.classes),
            confidence.numpy(),
        )
    return counts
