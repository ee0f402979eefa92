"""Counts on labelled pictures at their own resolution, while a run goes on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from training.data import Sample
from training.vocabulary import COARSE
from uniformer.heads import resize_bilinear
from uniformer.metrics import Counts, count
from uniformer.preprocess import preprocess


@torch.inference_mode()
def validate(
    model: nn.Module,
    examples: Sequence[Sample],
    limit: int | None = None,
    exact: bool = False,
) -> Counts:
    """Return the counts of ``model``, in eval mode, in the short side of its config.

    Examples with coarse labels are counted in coarse classes. With a ``limit`` only that many
    examples, evenly spaced over all, are looked at. In bfloat16, unless the counts are to be
    ``exact``.
    """
    stride = max(1, -(-len(examples) // limit)) if limit else 1
    device = next(model.parameters()).device
    coarse = any(example.coarse is not None for example in examples)
    classes = len(COARSE) if coarse else len(model.classes)
    counts = Counts.zero(classes)
    for example in examples[::stride]:
        size = example.labels.shape
        x = preprocess(example.picture, model.config.short_side, model.config.size_divisor)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=not exact):
            logits = model(x.to(device, memory_format=torch.channels_last))
        p = resize_bilinear(logits.float(), size)[0].softmax(dim=0).cpu()
        labels, confidence = compared(p, example.coarse)
        counts = counts + count(labels, example.labels, classes, confidence)
    return counts


def compared(p: Tensor, coarse: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return labels uint8 and confidence float32 (H, W) of probabilities (classes, H, W).

    With ``coarse`` the label is the coarse class of the likeliest class, as a reader of the label
    would say, and its confidence that of the whole coarse class.
    """
    confidence, labels = p.max(dim=0)
    if coarse is None:
        return labels.to(torch.uint8).numpy(), confidence.numpy()
    table = torch.from_numpy(coarse).long()
    merged = p.new_zeros(int(table.max()) + 1, *p.shape[1:]).index_add_(0, table, p)
    labels = table[labels]
    return labels.to(torch.uint8).numpy(), merged.gather(0, labels[None])[0].numpy()
