"""The official way from logits to probabilities, one full-size map per class."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def whole(logits: Tensor, network: tuple[int, int], picture: tuple[int, int]) -> Tensor:
    """Probabilities (1, K, H, W) at the picture's size from logits (1, K, h/4, w/4)."""
    return resize(resize(logits, network), picture).softmax(dim=1)


def slide(
    model: Callable[[Tensor], Tensor], x: Tensor, crop: int, stride: int, picture: tuple[int, int]
) -> Tensor:
    """Probabilities (1, K, H, W) from overlapping windows of the network's input ``x``."""
    height, width = x.shape[-2:]
    rows = max(height - crop + stride - 1, 0) // stride + 1
    columns = max(width - crop + stride - 1, 0) // stride + 1
    total, count = 0, torch.zeros(1, 1, height, width)
    for row in range(rows):
        for column in range(columns):
            bottom, right = min(row * stride + crop, height), min(column * stride + crop, width)
            top, left = max(bottom - crop, 0), max(right - crop, 0)
            part = x[:, :, top:bottom, left:right]
            logits = resize(model(part), part.shape[-2:])
            total = total + F.pad(logits, (left, width - right, top, height - bottom))
            count[:, :, top:bottom, left:right] += 1
    return resize(total / count, picture).softmax(dim=1)
