"""The official test-time preprocessing: resize with OpenCV, normalise, keep RGB order.

Source: the test pipelines of Sense-X/UniFormer (``Resize``; ``AlignResize`` for FPN). They read
files as BGR and swap; pictures here are RGB from the start, so nothing is swapped.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from uniformer.backbone import MIN_SIDE

MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
"""Of ImageNet's red, green and blue, on the 0 to 255 scale."""

MAX_LONG_SIDE = 2048


def network_size(
    height: int, width: int, short_side: int, divisor: int = 1, scale: float = 1.0
) -> tuple[int, int]:
    """Return (height, width) at which the network sees a picture.

    The picture is scaled, keeping its proportions, until its short side is ``short_side`` or its
    long side 2048, whichever comes first; both limits are multiplied by ``scale`` (multi-scale
    testing). Sides are then rounded up to a multiple of ``divisor``, and to the 32 pixels the
    network needs.
    """
    short, long = sorted((height, width))
    factor = min(int(MAX_LONG_SIDE * scale) / long, int(short_side * scale) / short)
    sides = (max(int(side * factor + 0.5), MIN_SIDE) for side in (height, width))
    height, width = (-(-side // divisor) * divisor for side in sides)
    return height, width


def preprocess(
    picture: np.ndarray, short_side: int, divisor: int = 1, scale: float = 1.0
) -> Tensor:
    """Return a uint8 RGB picture (H, W, 3) as the network's input, float32 (1, 3, h, w).

    h and w are :func:`network_size` of the arguments. Like the official code this resizes 8-bit
    values bilinearly and without antialiasing, and a second time for a ``divisor`` above 1.
    """
    original = picture.shape[0], picture.shape[1]
    for multiple in sorted({1, divisor}):
        height, width = network_size(*original, short_side, multiple, scale)
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    mean, inverse_std = np.float32(MEAN), np.float32(1 / np.array(STD))
    normalised = (picture.astype(np.float32) - mean) * inverse_std
    return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))[None]
