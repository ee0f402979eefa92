"""Where else a change could have been made: other places of equal shape, apart from the first."""

from __future__ import annotations

import numpy as np
from numpy import fft
from torch import Tensor

from analysis.core.forward import AttentionMask

AS_LARGE = 1.25
"""Sizes that differ by no more than this factor are those of changes as large as each other."""

QUERIES = 256
"""Queries by which the overlap of what they may attend to is told."""


def moved_elsewhere(
    region: np.ndarray, rng: np.random.Generator, count: int, change: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return up to ``count`` different random places for ``region`` (H, W), bool, apart from it.

    They have its area and shape; what leaves one side comes in at the opposite one. ``change``
    (H, W), 0 or more, is how much is changed at each pixel: places where the sum is within
    ``AS_LARGE`` of the region's own are drawn, or the nearest to it if there is none. Where every
    place overlaps the region, the one that does least is all that is returned.
    """
    mirrored = np.conj(fft.rfft2(region.astype(np.float64)))

    def summed(values: np.ndarray) -> np.ndarray:
        """Return the sum of ``values`` over the region moved by every possible step."""
        return fft.irfft2(fft.rfft2(values) * mirrored, region.shape)

    overlap = summed(region.astype(np.float64)).ravel()
    apart = np.flatnonzero(overlap < 0.5)
    if not apart.size:
        return [_moved(region, int(overlap.argmin()))]
    if change is not None and change[region].any():
        size = np.sqrt(np.maximum(summed(change.astype(np.float64)).ravel(), 0))
        off = np.abs(np.log(np.maximum(size[apart], 1e-9 * size[0]) / size[0]))
        near = apart[off <= np.log(AS_LARGE)]
        apart = near if near.size else apart[off.argsort(kind="stable")[:count]]
    return [_moved(region, int(step)) for step in _some(apart, rng, count)]


def offsets_apart(
    sides: set[tuple[int, int]], reach: int, rng: np.random.Generator, count: int
) -> list[tuple[int, int]]:
    """Return up to ``count`` random steps (rows, columns), each at least ``reach`` along one axis.

    ``sides`` are the heights and widths of maps on which a step goes round the borders: on all of
    them it must be long enough either way. Without any such step, the longest alone is returned,
    nothing for a map of one token.
    """
    rows, columns = (min(lengths) for lengths in zip(*sides, strict=True))
    down, across = np.indices((rows, columns)).reshape(2, -1)
    length = np.full(down.size, np.iinfo(np.int64).max)
    for height, width in sides:
        either = (np.minimum(down, height - down), np.minimum(across, width - across))
        length = np.minimum(length, np.maximum(*either))
    apart = np.flatnonzero(length >= max(reach, 1))
    if not apart.size:
        apart = np.flatnonzero((length == length.max()) & (length > 0))[:1]
    return [(int(down[step]), int(across[step])) for step in _some(apart, rng, count)]


def shared_edges(kept: AttentionMask, others: AttentionMask, at: Tensor) -> float:
    """Return which share of the edges that ``kept`` leaves ``others`` leave too, 0 to 1.

    Between tokens at rows and columns ``at`` (tokens, 2), told by some evenly spaced queries.
    """
    queries = at[:: max(1, len(at) // QUERIES)]
    mine, theirs = kept(queries, at), others(queries, at)
    return ((mine & theirs).sum() / mine.sum().clamp_min(1)).item()


def _some(options: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.choice(options, min(count, len(options)), replace=False)


def _moved(region: np.ndarray, step: int) -> np.ndarray:
    return np.roll(region, divmod(step, region.shape[1]), axis=(0, 1))
