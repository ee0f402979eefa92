"""How a map's power spreads over spatial frequencies, from coarse to fine.

After Park and Kim, "How Do Vision Transformers Work?", arXiv 2202.06709, who find that attention
takes high frequencies away and convolution brings them out. Theirs is the amplitude relative to
frequency 0, the mean of a channel, which biases shift at will: here the mean is taken off and the
lowest frequency above it is the reference. Power is averaged before the logarithm, or the few
coefficients that are real would lift white noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

NYQUIST = 0.5
"""Cycles per token along an axis; diagonally there is up to its square root of 2."""


@dataclass(frozen=True)
class Spectrum:
    """Mean power (rings,) of all channels by radial frequency, from lowest to highest.

    ``power`` is that of one Fourier coefficient, so that white noise has its variance in every
    ring. ``cycles_per_token`` (rings,) is the mean frequency of a ring, at most 0.71, and
    ``stride_px`` the pixels of the network's input per token. ``variance`` is that of a channel
    over the map, mean of all channels. Power is in squared units of the map.

    The finest frequency of stage 4 is a coarse one of the picture: compare stages by
    ``cycles_per_input_px``, and parts of one block by ``cycles_per_token``.
    """

    cycles_per_token: np.ndarray
    power: np.ndarray
    stride_px: int
    variance: float

    @property
    def cycles_per_input_px(self) -> np.ndarray:
        """Frequencies in cycles per pixel of the network's input."""
        return self.cycles_per_token / self.stride_px

    @property
    def log_amplitude(self) -> np.ndarray:
        """Natural logarithm of the amplitude relative to the lowest ring; NaN for a flat map."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(self.power / self.power[:1]) / 2

    @property
    def high_over_low(self) -> float:
        """Log amplitude above half of Nyquist relative to that below; 0 is white noise.

        NaN for a flat map, and one too small to have both.
        """
        high = self.cycles_per_token > NYQUIST / 2
        if high.all() or not high.any():
            return float("nan")
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.log(self.power[high].mean() / self.power[~high].mean()) / 2)


def spectrum(x: Tensor, stride_px: int) -> Spectrum:
    """Return the spectrum of a map (C, rows, columns), under a Hann window.

    Without a window the jump from one border to the other would count as high frequency. Rings are
    one coefficient of the shorter side wide, so that maps need not be square.
    """
    # The first token off, too, so that a flat map leaves exactly nothing.
    x = x.double()
    x = x - x[:, :1, :1]
    x = x - x.mean((1, 2), keepdim=True)
    rows, columns = x.shape[1:]
    window = torch.outer(*(_hann(side, x) for side in (rows, columns)))
    power = torch.zeros(rows, columns, dtype=x.dtype, device=x.device)
    for channels in x.split(16):
        power += torch.fft.fft2(channels * window).abs().square().sum(0)
    power = (power / len(x) / window.square().sum()).cpu().numpy().ravel()
    frequency = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)).ravel()
    # The mean itself, frequency 0, is no ring; along a longer side there are others below 1.
    ring = np.maximum(np.rint(frequency * min(rows, columns)).astype(int), 1)[1:]
    counts = np.bincount(ring)[1:]
    used = counts > 0
    means = (
        np.bincount(ring, values[1:])[1:][used] / counts[used] for values in (frequency, power)
    )
    cycles, mean_power = means
    return Spectrum(cycles, mean_power, stride_px, float(x.square().mean()))


def _hann(side: int, like: Tensor) -> Tensor:
    """Return a Hann window whose zeros lie half a token outside: every token counts."""
    middles = torch.arange(side, dtype=like.dtype, device=like.device) + 0.5
    return torch.sin(math.pi * middles / side).square()
