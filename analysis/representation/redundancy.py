"""How alike the tokens of a map are, and how much more alike neighbours are than others.

The paper's case for local affinity in shallow layers is local redundancy (arXiv 2201.09450, section
1): if neighbours are nearly the same, comparing each with all is wasted work. A mean vector that
all tokens share makes any two of them alike, so that cosines are given raw and with it taken off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.core.grid import Grid


@dataclass(frozen=True)
class Cosines:
    """Cosines between the tokens of one map, -1 to 1.

    ``all_pairs`` is their mean over all pairs of different tokens; ``neighbours`` (rows, columns)
    the mean of each token with its up to 8 neighbours. ``by_distance`` (rings,) is the mean over
    the ``pairs`` (rings,) of tokens that are 1, 2, ... tokens apart (the larger of rows and
    columns), ``distance_picture_px`` and ``distance_input_px`` (rings,) that distance in pixels of
    the picture (by the mean side of a token there) and of the network's input. The longest
    distances have few pairs. NaN where there are none.
    """

    all_pairs: float
    neighbours: np.ndarray
    by_distance: np.ndarray
    pairs: np.ndarray
    distance_picture_px: np.ndarray
    distance_input_px: np.ndarray

    @property
    def gap_map(self) -> np.ndarray:
        """How much more alike a token is to its neighbours than any two are, (rows, columns)."""
        return self.neighbours - self.all_pairs

    @property
    def gap(self) -> float:
        """Mean of ``gap_map``: the local redundancy gap."""
        return float(self.gap_map.mean())


def cosines(x: Tensor, grid: Grid, *, centered: bool) -> Cosines:
    """Return the cosines of a map (C, rows, columns) whose tokens lie as ``grid`` says.

    ``centered`` takes the mean token off first. Tokens of length 0 have cosine 0 with all others.
    Time and memory grow with tokens, not with their square.
    """
    units = unit_tokens(x, centered=centered)
    by_distance, pairs = _by_distance(units)
    apart = np.arange(1, len(pairs) + 1)
    return Cosines(
        all_pairs=mean_cosine(units.flatten(1).T),
        neighbours=_neighbours(units).cpu().numpy(),
        by_distance=by_distance,
        pairs=pairs,
        distance_picture_px=apart * math.sqrt(math.prod(grid.token_size_px)),
        distance_input_px=apart * grid.stride,
    )


def unit_tokens(x: Tensor, *, centered: bool) -> Tensor:
    """Return the tokens of a map (C, rows, columns) scaled to length 1, float64."""
    x = x.double()
    if centered:
        x = x - x.mean((1, 2), keepdim=True)
    return F.normalize(x, dim=0)


def mean_cosine(units: Tensor) -> float:
    """Return the mean product of two different rows of (L, C), NaN for a single row.

    (|sum of rows|^2 - sum of |row|^2) / (L (L - 1)), without forming L x L products.
    """
    count = len(units)
    if count < 2:
        return float("nan")
    return float((units.sum(0).square().sum() - units.square().sum()) / (count * (count - 1)))


def _neighbours(units: Tensor) -> Tensor:
    """Return each token's mean product with its neighbours on the map, (rows, columns)."""

    def around(values: Tensor) -> Tensor:
        return F.avg_pool2d(values[None], 3, 1, 1, divisor_override=1)[0] - values

    return (units * around(units)).sum(0) / around(torch.ones_like(units[:1]))[0]


def _by_distance(units: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean product of tokens 1, 2, ... apart, and how many pairs that is a mean of.

    All offsets at once: the products of a map with its shifts are its autocorrelation, which is
    the inverse Fourier transform of its power. Zeros beside the map keep it from wrapping round.
    """
    rows, columns = units.shape[1:]
    size = (2 * rows, 2 * columns)
    power = torch.zeros(size[0], columns + 1, dtype=units.dtype, device=units.device)
    for channels in units.split(16):
        power += torch.fft.rfft2(channels, s=size).abs().square().sum(0)
    products = torch.fft.irfft2(power, s=size).cpu().numpy()
    down, across = (np.abs(np.fft.fftfreq(side, 1 / side)).round().astype(int) for side in size)
    counts = np.outer(rows - down, columns - across)
    ring = np.maximum(down[:, None], across).ravel()
    # Every pair is met twice, once from either end.
    pairs = np.bincount(ring, counts.ravel())[1 : max(rows, columns)] / 2
    sums = np.bincount(ring, products.ravel())[1 : max(rows, columns)] / 2
    return sums / pairs, pairs.astype(int)
