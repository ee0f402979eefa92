"""Convolve upsampled maps without ever upsampling them.

A bilinear resize works on each channel alone and a 1x1 product on each place alone, so they
commute. With W_t the slice of a 3x3 kernel at tap t and S_t the shift by t with zero fill::

    conv3x3(up(x)) = sum over t of S_t(W_t up(x)) = sum over t of S_t(up(W_t x))

All channel products run at the size of x. ``S_t o up`` separates into one matrix per axis.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BAND = 32
"""Output rows or columns computed at once: each needs only the few sources beneath it."""


@lru_cache(maxsize=256)
def _shifted_interpolation(
    sources: int, outputs: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return S(-1) up, S(0) up, S(+1) up of one axis, interleaved: (outputs, sources * 3).

    Column ``3 * i + d`` weighs source ``i`` for the tap ``d - 1`` steps away from an output.
    """
    eye = torch.eye(sources, dtype=torch.float64).view(sources, 1, sources)
    up = F.interpolate(eye, size=outputs, mode="linear", align_corners=False).view(sources, outputs)
    taps = torch.zeros(outputs, sources, 3, dtype=torch.float64)
    taps[1:, :, 0] = up.T[:-1]
    taps[:, :, 1] = up.T
    taps[:-1, :, 2] = up.T[1:]
    return taps.reshape(outputs, 3 * sources).to(device, dtype)


def _bands(sources: int, outputs: int) -> list[tuple[slice, slice]]:
    """Cut the outputs of an axis into bands, each with the slice of sources it depends on."""
    bands = []
    for start in range(0, outputs, BAND):
        stop = min(start + BAND, outputs)
        first = (max(start - 1, 0) + 0.5) * sources / outputs - 0.5
        last = (min(stop, outputs - 1) + 0.5) * sources / outputs - 0.5
        low, high = max(0, int(first)), min(sources, int(last) + 2)
        bands.append((slice(start, stop), slice(low, high)))
    return bands


def _tripled(sources: slice) -> slice:
    return slice(3 * sources.start, 3 * sources.stop)


class UpsampledConv3x3(nn.Module):
    """``conv2d(interpolate(x, size), weight, padding=1)`` for bilinear, half-pixel upsampling.

    Takes x (B, h, w, C) contiguous and adds its result to ``out`` (B, H, W, O), contiguous, which
    may be of higher precision. There is no bias: several inputs of one convolution are added up in
    the same ``out``.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.outputs = weight.shape[0]
        taps = weight.permute(2, 1, 3, 0).flatten(2)  # (3 rows, C, 3 columns * O)
        self.register_buffer("taps", taps.to(dtype).contiguous())

    def forward(self, x: Tensor, out: Tensor) -> None:
        for sample, target in zip(x, out, strict=True):
            self._add(sample, target)

    def _add(self, x: Tensor, out: Tensor) -> None:
        height, width = x.shape[:2]
        across = _shifted_interpolation(width, out.shape[1], x.dtype, x.device)
        down = _shifted_interpolation(height, out.shape[0], x.dtype, x.device)
        wide = x.new_empty(height, 3, *out.shape[1:])  # row taps kept apart, columns done
        for tap, weight in enumerate(self.taps):
            products = (x.flatten(0, 1) @ weight).view(height, 3 * width, self.outputs)
            for columns, sources in _bands(width, out.shape[1]):
                near = _tripled(sources)
                wide[:, tap, columns] = torch.matmul(across[columns, near], products[:, near])
        for rows, sources in _bands(height, out.shape[0]):
            near = wide[sources].view(3 * (sources.stop - sources.start), -1)
            out[rows].flatten(1).add_(down[rows, _tripled(sources)] @ near)
