"""Layers that every stage shares: patch embedding, feed-forward networks, stochastic depth.

Module names are the official ones (Sense-X/UniFormer, ``uniformer.py``), so that official state
dicts load key for key.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPS = 1e-6
"""LayerNorm epsilon everywhere but in the patch embeddings, which keep torch's default of 1e-5."""


def to_tokens(x: Tensor) -> Tensor:
    """Return a map (B, C, H, W) as tokens (B, H*W, C) in row-major order."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def to_map(tokens: Tensor, height: int, width: int) -> Tensor:
    """Return row-major tokens (B, H*W, C) as a map (B, C, H, W)."""
    return tokens.unflatten(1, (height, width)).permute(0, 3, 1, 2)


class PatchEmbed(nn.Module):
    """Non-overlapping convolution, kernel = stride = ``patch_size``, then LayerNorm over channels.

    There is no padding: rows and columns that do not fill a patch are dropped.
    """

    def __init__(self, patch_size: int, in_channels: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.proj = nn.Conv2d(in_channels, dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(x)
        height, width = x.shape[-2:]
        return to_map(self.norm(to_tokens(x)), height, width).contiguous()


class ConvEmbed(nn.Module):
    """Overlapping patch embedding: 3x3 convolutions of stride 2, each with BatchNorm.

    A ``patch_size`` of 4 takes two, with half the channels and GELU between them. They are padded
    by a pixel, so sizes are rounded up where those of :class:`PatchEmbed` are rounded down.
    """

    def __init__(self, patch_size: int, in_channels: int, dim: int) -> None:
        super().__init__()
        layers = []
        if patch_size == 4:
            layers = [*_halving(in_channels, dim // 2), nn.GELU()]
            in_channels = dim // 2
        self.proj = nn.Sequential(*layers, *_halving(in_channels, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x)


def _halving(in_channels: int, dim: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    return nn.Conv2d(in_channels, dim, kernel_size=3, stride=2, padding=1), nn.BatchNorm2d(dim)


class MapNorm(nn.LayerNorm):
    """LayerNorm over the channels of a map (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()


class Mlp(nn.Module):
    """FFN of the global blocks: Linear, exact GELU, Linear, on tokens (B, N, C)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class ConvMlp(nn.Module):
    """FFN of the local blocks: the same as :class:`Mlp`, on maps (B, C, H, W)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(dim, hidden, kernel_size=1)
        self.act = nn.GELU()
        self.fc2 = nn.Conv2d(hidden, dim, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class DropPath(nn.Module):
    """Stochastic depth: training zeroes a residual branch per sample with probability ``rate``.

    Huang et al., "Deep Networks with Stochastic Depth", arXiv 1603.09382. Identity in eval mode.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        mask = torch.empty((x.shape[0],) + (1,) * (x.ndim - 1), device=x.device, dtype=x.dtype)
        return x * mask.bernoulli_(keep).div_(keep)
