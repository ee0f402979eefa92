"""3x3 convolution with a quarter of the multiplications: Winograd's F(4x4, 3x3).

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308. Each 6x6 tile
of the input gives 4x4 outputs by 36 instead of 144 products per channel pair. The rewriting is
exact; float32 rounding grows to about 1e-5 of the largest output.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

TILE = 4
PATCH = TILE + 2

# Columns of the transforms belong to the interpolation points 0, 1, -1, 2, -2 and infinity.
_INPUT = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_KERNEL = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
_OUTPUT = [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]

BAND_TILES = 192
"""Tiles transformed at once: enough to keep the products busy, few enough to stay in cache."""


def _square(matrix: Sequence[Sequence[float]]) -> Tensor:
    """The transform of both axes at once, for patches flattened row by row."""
    one = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(one, one)


class WinogradConv3x3(nn.Module):
    """Stride-1 3x3 convolution with zero padding on maps (B, H, W, C), contiguous.

    ``weight`` is (O, C, 3, 3) and ``bias`` (O,), as in ``conv2d``. Returns (B, H, W, O).
    """

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        kernel = torch.tensor(_KERNEL, dtype=torch.float64)
        products = torch.einsum("ip,ocpq,jq->ijco", kernel, weight.double(), kernel)
        self.register_buffer("weight", products.flatten(0, 1).to(dtype).contiguous())  # (36, C, O)
        self.register_buffer("bias", bias.to(dtype).clone())
        self.register_buffer("to_products", _square(_INPUT).to(dtype))  # (36, 36)
        self.register_buffer("to_outputs", _square(_OUTPUT).to(dtype))  # (16, 36)

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, _ = x.shape
        rows, columns = -(-height // TILE), -(-width // TILE)
        out = x.new_empty(batch, TILE * rows, TILE * columns, self.bias.numel())
        band = max(1, BAND_TILES // columns)
        for sample, target in zip(x, out, strict=True):
            for top in range(0, rows, band):
                bottom = min(top + band, rows)
                source = self._padded(sample, TILE * top - 1, TILE * bottom + 1, columns)
                self._convolve_band(source, target[TILE * top : TILE * bottom])
        return out[:, :height, :width]

    @staticmethod
    def _padded(x: Tensor, top: int, bottom: int, columns: int) -> Tensor:
        """Return rows ``top`` to ``bottom`` of x (H, W, C), zero outside, fit for whole tiles."""
        height, width, channels = x.shape
        source = x.new_zeros(bottom - top, TILE * columns + 2, channels)
        first, last = max(top, 0), min(bottom, height)
        source[first - top : last - top, 1 : width + 1] = x[first:last]
        return source

    def _convolve_band(self, source: Tensor, target: Tensor) -> None:
        """Fill ``target`` (4r, 4c, O) from ``source`` (4r + 2, 4c + 2, C)."""
        columns, outputs = target.shape[1] // TILE, target.shape[2]
        rows, channels = target.shape[0] // TILE, source.shape[2]
        patches = source.unfold(0, PATCH, TILE).unfold(1, PATCH, TILE)  # (r, c, C, 6, 6)
        patches = patches.permute(3, 4, 0, 1, 2).reshape(PATCH * PATCH, -1)  # (36, r*c*C)
        products = torch.bmm(
            (self.to_products @ patches).view(PATCH * PATCH, rows * columns, channels), self.weight
        )
        tiles = self.to_outputs @ products.view(PATCH * PATCH, -1)  # (16, r*c*O)
        tiles = tiles.view(TILE, TILE, rows, columns, outputs).permute(2, 0, 3, 1, 4)
        torch.add(tiles, self.bias, out=target.view(rows, TILE, columns, TILE, outputs))
