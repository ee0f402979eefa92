"""A segmenter that predicts in milliseconds, and the picture of the golden record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from golden import noise
from torch import Tensor, nn

from uniformer.classes import numbered_classes
from uniformer.config import MODELS
from uniformer.segmenter import UNTRAINED


class Toy(nn.Module):
    """One 4 x 4 convolution with stride 4, under the interface of a segmenter.

    ``sharpness`` multiplies the logits.
    """

    engine = "torch"

    def __init__(self, classes: int = 7, sharpness: float = 1.0, divisor: int = 1) -> None:
        super().__init__()
        self.config = replace(MODELS["nano"], short_side=64, size_divisor=divisor)
        self.classes = numbered_classes(classes)
        self.weights = UNTRAINED
        self.optimized = False
        self.reach, self.window_size = "global", 32
        self.conv = nn.Conv2d(3, classes, kernel_size=4, stride=4)
        weight = sharpness * noise("toy", tuple(self.conv.weight.shape)) / 4
        self.conv.weight.data = torch.from_numpy(weight.astype(np.float32))
        self.conv.bias.data.zero_()
        self.requires_grad_(False)
        self.calls: list[tuple[int, ...]] = []
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(tuple(x.shape))
        return self.conv(x)

    @property
    def dtype(self) -> torch.dtype:
        return self.conv.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.conv.weight.device


def recorded_picture(height: int, width: int) -> np.ndarray:
    """The test picture that the official pipeline was recorded on."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    base = np.stack(
        [
            255 * x / (width - 1),
            255 * y / (height - 1),
            127.5 + 127.5 * np.sin(x / 7) * np.cos(y / 5),
        ],
        axis=-1,
    )
    noisy = base + 25 * noise("image", (height, width, 3)).astype(np.float64)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
