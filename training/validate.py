"""Scores on labelled pictures at their own resolution, while a run goes on."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from training.data import Example
from uniformer.heads import resize_bilinear
from uniformer.metrics import Counts, Scores, count, score
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter


@torch.inference_mode()
def validate(model: Segmenter, examples: Sequence[Example], limit: int | None = None) -> Scores:
    """Return the scores of ``model``, in eval mode, in the reach and short side of its config.

    With a ``limit`` only that many examples, evenly spaced over all, are looked at.
    """
    stride = max(1, -(-len(examples) // limit)) if limit else 1
    counts = Counts.zero(len(model.classes))
    for example in examples[::stride]:
        x = preprocess(example.picture, model.config.short_side, model.config.size_divisor)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(x.to(memory_format=torch.channels_last))
        labels = resize_bilinear(logits.float(), example.labels.shape).argmax(dim=1)
        counts = counts + count(
            labels[0].to(torch.uint8).numpy(), example.labels, len(model.classes)
        )
    return score(counts)
