"""Global affinity: multi-head self-attention over tokens, and the windows that can bound it.

A_n(X_i, X_j) = softmax_j(Q_n(X_i)^T K_n(X_j)), arXiv 2201.09450, section 3.3. The projections and
the affinity are separate methods, so that an analysis can recompute one row without the rest.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head self-attention written out step by step; scale = head_dim ** -0.5."""

    def __init__(self, dim: int, head_dim: int) -> None:
        super().__init__()
        if dim % head_dim:
            raise ValueError(f"{dim} channels do not divide into heads of {head_dim}.")
        self.heads = dim // head_dim
        self.scale = head_dim**-0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def project(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key and value of normed tokens (B, N, C), each (B, heads, N, head_dim)."""
        batch, count, _ = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        return query, key, value

    def affinity(self, query: Tensor, key: Tensor) -> Tensor:
        """Return the softmax rows (B, heads, queries, keys); each row sums to 1."""
        return ((query @ key.transpose(-2, -1)) * self.scale).softmax(dim=-1)

    def merge(self, heads: Tensor) -> Tensor:
        """Join the outputs of the heads (B, heads, N, head_dim) into tokens (B, N, C)."""
        return self.proj(heads.transpose(1, 2).flatten(2))

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self.project(tokens)
        return self.merge(self.affinity(query, key) @ value)


def to_windows(x: Tensor, size: int) -> tuple[Tensor, tuple[int, int]]:
    """Cut (B, H, W, C) into windows of ``size`` x ``size`` tokens, row by row.

    The right and bottom borders are padded with zeros up to a multiple of ``size``, even when the
    map is smaller than one window. As upstream, nothing masks the padding afterwards: a padded
    token has the projection's bias as key and value and takes its part of every softmax.

    Returns windows (B * windows, size * size, C) and the padded (height, width).
    """
    batch, height, width, channels = x.shape
    x = F.pad(x, (0, 0, 0, -width % size, 0, -height % size))
    rows, columns = x.shape[1] // size, x.shape[2] // size
    x = x.reshape(batch, rows, size, columns, size, channels).transpose(2, 3)
    return x.reshape(-1, size * size, channels), (rows * size, columns * size)


def from_windows(
    windows: Tensor, size: int, padded: tuple[int, int], shape: tuple[int, int]
) -> Tensor:
    """Undo :func:`to_windows`: put windows back and crop the padding, giving (B, H, W, C)."""
    rows, columns = padded[0] // size, padded[1] // size
    x = windows.reshape(-1, rows, columns, size, size, windows.shape[-1]).transpose(2, 3)
    return x.reshape(-1, *padded, windows.shape[-1])[:, : shape[0], : shape[1]]
