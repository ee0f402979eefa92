"""Means over pictures with their bootstrap intervals: pictures differ, so one mean says little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 4000
TAILS = (2.5, 97.5)
"""Percentiles: a 95 % interval."""

Value = float | Sequence[float] | None
"""What one picture gives: a number, one for each random draw, or nothing."""


@dataclass(frozen=True)
class Interval:
    """The ``mean`` over ``pictures`` pictures and its 95 % interval ``low`` to ``high``.

    ``p_value`` is how probable so large a mean is, of either sign, if the true one is 0.
    """

    mean: float
    low: float
    high: float
    pictures: int
    p_value: float

    @property
    def sign(self) -> int:
        """1 if the interval lies above 0, -1 if below, 0 if it holds 0: undecided."""
        return int(self.low > 0) - int(self.high < 0)


def interval(values: Sequence[Value], seed: int = 0) -> Interval:
    """Return mean and percentile bootstrap interval of one value per picture.

    Pictures without a value (None, NaN or no draws) are left out; all NaN if none is left. Whole
    pictures are drawn, since pixels of one picture are not independent. One that has several random
    draws counts with their mean: as draws of two pictures are independent, their variance is in
    that of the means of pictures, and to draw within pictures again would count it twice (Davison
    and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8). With few pictures
    the interval is too narrow, by a factor of sqrt(1 - 1 / pictures).
    """
    drawn = [np.atleast_1d(np.asarray(value, np.float64)) for value in values if value is not None]
    known = np.array([each.mean() for each in drawn if each.size and np.isfinite(each).all()])
    if not known.size:
        return Interval(np.nan, np.nan, np.nan, 0, np.nan)
    rng = np.random.default_rng(seed)
    means = known[rng.integers(known.size, size=(DRAWS, known.size))].mean(axis=1)
    low, high = np.percentile(means, TAILS)
    beyond = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    p_value = min(1.0, 2 * (beyond + 1) / (DRAWS + 1))
    return Interval(float(known.mean()), float(low), float(high), known.size, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for their number: Holm, Scand. J. Statistics 6, 1979.

    Those that are NaN stay so and do not count.
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted, largest = np.full(len(values), np.nan), 0.0
    order = [index for index in values.argsort() if np.isfinite(values[index])]
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * values[index]))
        adjusted[index] = largest
    return [float(value) if np.isfinite(value) else np.nan for value in adjusted]
