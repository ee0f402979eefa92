"""3x3 convolution with a quarter of the multiplications: Winograd's F(4x4, 3x3).

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308. Each 6x6 tile
of the input gives 4x4 outputs by 36 instead of 144 products per channel pair. The rewriting is
exact; float32 rounding grows to about 2e-5 of the largest output, bfloat16 has too few digits.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
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


class WinogradConv3x3(nn.Module):
    """``conv2d(x, weight, bias, padding=1)`` of maps (B, C, H, W), in products and sums only."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        kernel = torch.tensor(_KERNEL, dtype=torch.float64, device=weight.device)
        products = torch.einsum("ip,ocpq,jq->ijco", kernel, weight.double(), kernel)
        self.register_buffer("weight", products.flatten(0, 1).float().contiguous())  # (36, C, O)
        self.register_buffer("bias", bias.float())
        transform = torch.tensor(_INPUT, dtype=torch.float32, device=weight.device)
        self.register_buffer("own", transform[:, :TILE].contiguous())
        self.register_buffer("next", transform[:, TILE:].contiguous())
        self.register_buffer("to_outputs", torch.tensor(_OUTPUT, device=weight.device).float())

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        outputs = self.bias.shape[0]
        rows, columns = (height + TILE - 1) // TILE, (width + TILE - 1) // TILE
        # A pixel of padding before, and after it whatever fills one tile more.
        below, right = TILE * (rows + 1) - 1 - height, TILE * (columns + 1) - 1 - width
        x = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, right, 1, below))
        x = self._transform(x.reshape(batch, rows + 1, TILE, -1))
        x = self._transform(x.reshape(batch * rows * PATCH, columns + 1, TILE, channels))
        x = x.reshape(batch, rows, PATCH, columns, PATCH, channels).permute(2, 4, 0, 1, 3, 5)
        x = x.reshape(PATCH * PATCH, batch * rows * columns, channels) @ self.weight
        x = x.reshape(PATCH, PATCH, batch, rows, columns, outputs).permute(2, 3, 0, 4, 1, 5)
        x = self.to_outputs @ x.reshape(batch * rows * PATCH, columns, PATCH, outputs)
        x = self.to_outputs @ x.reshape(batch, rows, PATCH, TILE * columns * outputs)
        x = x.reshape(batch, TILE * rows, TILE * columns, outputs)
        return (x[:, :height, :width] + self.bias).permute(0, 3, 1, 2)

    def _transform(self, x: Tensor) -> Tensor:
        """Return (B, tiles, 6, N) of lines (B, tiles + 1, 4, N): a patch ends in the next tile."""
        return self.own @ x[:, :-1] + self.next @ x[:, 1:, : PATCH - TILE]
