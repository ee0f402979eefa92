"""Numbers that say how far and how evenly one row of an affinity reaches.

Distances are bounded by map or window and differ twofold between corner and centre, so every number
stands beside that of uniform weights for the very same query and window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from analysis.affinity.global_affinity import GlobalAffinity
from analysis.affinity.local_affinity import LocalAffinity
from analysis.affinity.statistics import Spread, spread_of


@dataclass(frozen=True)
class RowStatistics:
    """The spread of each head's row, and that of uniform weights over the same ``keys`` tokens.

    Padding has no place in the picture: it is left out, the rest is scaled to sum 1, and
    ``padding_mass`` (heads,), 0 to 1, says how much was left out. NaN stands where nothing can be
    said: the entropy of a single key, and everything where all weight went to padding.
    """

    heads: Spread
    uniform: Spread
    keys: int
    padding_mass: np.ndarray

    @property
    def distance_over_uniform(self) -> np.ndarray:
        """Distance over that of uniform weights, (heads,); NaN if the only key is the query."""
        with np.errstate(invalid="ignore"):
            return self.heads.distance_px / self.uniform.distance_px

    @property
    def effective_keys(self) -> np.ndarray:
        """Perplexity of each head's row, (heads,): how many keys of equal weight are as even.

        1 where one key has all the weight, ``keys`` where all have the same.
        """
        return self.keys**self.heads.entropy


def global_row_statistics(row: GlobalAffinity) -> RowStatistics:
    """Return the statistics of the weights of each head of a row of stage 3 or 4."""
    window, (query_row, query_column) = row.window, row.token
    rows = slice(window.top, window.top + window.rows)
    columns = slice(window.left, window.left + window.columns)
    down = np.arange(rows.start, rows.stop) - query_row
    across = np.arange(columns.start, columns.stop) - query_column
    weight = row.weight[:, rows, columns].reshape(len(row.weight), -1)
    return _statistics(weight, _offsets(down, across), row.stage, row.padding_mass)


def local_row_statistics(affinity: LocalAffinity) -> RowStatistics:
    """Return the statistics of the norm shares of a convolution, as if it had a single head.

    Its keys are the neighbours inside the map, so its distance is bounded by its kernel.
    """
    radius = len(affinity.inside) // 2
    steps = np.arange(-radius, radius + 1)
    inside = affinity.inside.ravel()
    weight = affinity.norm_share.ravel()[inside][None]
    return _statistics(weight, _offsets(steps, steps)[inside], affinity.stage, np.zeros(1))


def _offsets(down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return the steps from query to key in tokens, row by row: (keys, 2)."""
    return np.stack(np.meshgrid(down, across, indexing="ij"), axis=-1).reshape(-1, 2)


def _statistics(
    weight: np.ndarray, offsets: np.ndarray, stage: int, padding_mass: np.ndarray
) -> RowStatistics:
    uniform = np.ones((1, len(offsets)))
    spreads = (_spread(rows.astype(float), offsets, stage) for rows in (weight, uniform))
    return RowStatistics(*spreads, keys=len(offsets), padding_mass=padding_mass)


def _spread(weight: np.ndarray, offsets: np.ndarray, stage: int) -> Spread:
    """Return the spread of rows (rows, keys), which are scaled to sum 1 first."""
    with np.errstate(invalid="ignore"):
        share = torch.from_numpy(weight / weight.sum(1, keepdims=True))
    keys = torch.tensor([len(offsets)])
    values = spread_of(share[:, None], torch.from_numpy(offsets)[None], keys, stage)
    return Spread(*values[:, 0].T.numpy())
