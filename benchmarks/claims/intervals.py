"""Means over pictures with their bootstrap intervals: pictures differ, so one mean says little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 4000
TAILS = (2.5, 97.5)
"""Percentiles: a 95 % interval."""


@dataclass(frozen=True)
class Interval:
    """The ``mean`` over ``pictures`` pictures and its 95 % interval ``low`` to ``high``."""

    mean: float
    low: float
    high: float
    pictures: int

    @property
    def sign(self) -> int:
        """1 if the interval lies above 0, -1 if below, 0 if it holds 0: undecided."""
        return int(self.low > 0) - int(self.high < 0)


def interval(values: Sequence[float | None], seed: int = 0) -> Interval:
    """Return mean and percentile bootstrap interval of one value per picture.

    Pictures without a value (None or NaN) are left out; all NaN if none is left. Whole pictures are
    drawn, since pixels of one picture are not independent. With few pictures the interval is too
    narrow.
    """
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return Interval(np.nan, np.nan, np.nan, 0)
    rng = np.random.default_rng(seed)
    means = known[rng.integers(known.size, size=(DRAWS, known.size))].mean(axis=1)
    low, high = np.percentile(means, TAILS)
    return Interval(float(known.mean()), float(low), float(high), known.size)
