"""How alike two maps are beyond both being concentrated around the same region.

Maps for one region share an envelope: they fade with the distance from it. That alone gives maps of
independent random networks rank correlations above 0.4. So the cells are put in rings of similar
distance, and the covariance of the ranks is split by the law of total covariance: between rings it
is the envelope, within rings it is what the maps have in common besides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_RINGS = 20
MIN_CELLS_PER_RING = 10


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's correlation of two maps, -1 to 1; NaN for a constant map or under 3 cells.

    ``envelope`` is the part of ``spearman`` that the rings' means alone give: what would be left,
    on average, if a map were shuffled within its rings. ``corrected`` is the correlation of the
    ranks within rings, -1 to 1: 0 if only the envelope is shared.
    """

    spearman: float
    envelope: float
    corrected: float


NO_CORRELATION = RankCorrelation(float("nan"), float("nan"), float("nan"))


def rank_correlation(
    first: np.ndarray, second: np.ndarray, distance: np.ndarray
) -> RankCorrelation:
    """Compare two maps cell by cell, all three arrays of one shape; signs count.

    ``distance`` is that from the region, as of
    :func:`analysis.faithfulness.region_grid.signed_distance`. Rings hold about the same number of
    cells, at least ``MIN_CELLS_PER_RING``; the fewer they are, the more of the envelope is left in
    ``corrected``.
    """
    cells = distance.size
    if cells < 3 or not (np.isfinite(first).all() and np.isfinite(second).all()):
        return NO_CORRELATION
    rings = _rings(distance.ravel())
    (a, a_mean), (b, b_mean) = (_split(values.ravel(), rings) for values in (first, second))
    scale = a.std() * b.std()
    if scale == 0:
        return NO_CORRELATION
    a_rest, b_rest = a - a_mean, b - b_mean
    rest = a_rest.std() * b_rest.std()
    return RankCorrelation(
        spearman=float(np.mean(a * b) / scale),
        envelope=float(np.mean(a_mean * b_mean) / scale),
        corrected=float(np.mean(a_rest * b_rest) / rest) if rest > 0 else float("nan"),
    )


def _rings(distance: np.ndarray) -> np.ndarray:
    """Return the ring of every cell; cells of equal distance share one."""
    count = int(np.clip(distance.size // MIN_CELLS_PER_RING, 1, MAX_RINGS))
    edges = np.quantile(distance, np.arange(1, count) / count)
    return np.asarray(np.searchsorted(edges, distance, side="left"))


def _split(values: np.ndarray, rings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centred ranks of ``values`` and, at every cell, their mean over its ring."""
    from scipy.stats import rankdata  # takes a second to import

    ranks = rankdata(values)
    ranks -= ranks.mean()
    cells = np.bincount(rings)
    return ranks, (np.bincount(rings, ranks) / np.maximum(cells, 1))[rings]
