"""Numbers that are estimates: their spread, their standard error, and the digits that it allows.

What is said to be more than chance must stand outside of what 95 % of random draws do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

FEWEST = 3
"""Random changes from which on their spread can be told."""

CONFIDENCE = 0.95

NORMAL = 1.96
"""Standard errors that hold as much either way, where there are many draws."""

NOTHING_NATS = 1e-6
"""A divergence below it is the rounding of single precision."""

Standing = Literal["more", "less", "cannot be told apart"]


@dataclass(frozen=True)
class Spread:
    """The ``mean`` of what random changes do, and ``low`` to ``high``: 95 % of such changes.

    From as few as there are, by Student's t; NaN for fewer than ``FEWEST``.
    """

    mean: float
    low: float
    high: float

    def standing(self, value: float) -> Standing | None:
        """Return where ``value`` stands; None where the spread is not known."""
        if not np.isfinite(self.low):
            return None
        rounding = 1e-9 * abs(value)  # all draws may be the same, and the value too
        if self.low - rounding <= value <= self.high + rounding:
            return "cannot be told apart"
        return "more" if value > self.high else "less"

    def named(self, name: str) -> dict[str, float]:
        """Return the mean as ``name``, and the ends of the range as ``name_low``, ``name_high``."""
        return {name: self.mean, f"{name}_low": self.low, f"{name}_high": self.high}


def student(count: int) -> float:
    """Return how many standard deviations of ``count`` draws, 2 or more, hold 95 % either way."""
    from scipy.special import stdtrit  # the page starts without it

    return float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of what random changes did, in any unit and of any sign."""
    drawn = np.asarray(values, dtype=np.float64)
    if len(drawn) < FEWEST:
        return Spread(float(drawn.mean()) if len(drawn) else np.nan, np.nan, np.nan)
    reach = student(len(drawn)) * drawn.std(ddof=1) * np.sqrt(1 + 1 / len(drawn))
    return Spread(*map(float, (drawn.mean(), drawn.mean() - reach, drawn.mean() + reach)))


def divergence_spread(values: Sequence[float]) -> Spread:
    """Return the spread of divergences in nats, which vary by factors: it is that of their logs.

    What is below ``NOTHING_NATS`` counts as that much.
    """
    logs = spread(np.log(np.maximum(values, NOTHING_NATS)))
    low, high = np.exp([logs.low, logs.high])
    return Spread(float(np.mean(values)) if len(values) else np.nan, float(low), float(high))


def jackknife(left_out: Sequence[np.ndarray]) -> np.ndarray:
    """Return the standard errors of statistics of a measurement in equally large parts.

    ``left_out`` (parts, ...) has their values without each of the parts in turn. NaN for fewer
    parts than ``FEWEST``, or where a part left out leaves nothing. Source: Efron and Stein, "The
    Jackknife Estimate of Variance", Annals of Statistics 1981.
    """
    with np.errstate(invalid="ignore"):
        error = np.sqrt((len(left_out) - 1) * np.var(left_out, axis=0))
    return np.where(np.isfinite(error) & (len(left_out) >= FEWEST), error, np.nan)


def decimals(error: float) -> int:
    """Return the decimal place of the first digit of ``error``, one more if that is a 1.

    Negative left of the point: -1 for tens.
    """
    place = -math.floor(math.log10(error))
    return place + (error * 10.0**place < 2)


def with_error(value: float, error: float, unit: str = "") -> str:
    """Return "value ± error unit" to the digits that the error allows; an exact value has error 0.

    An error that is not known (NaN) is written "?".

    >>> from analysis.core.uncertainty import with_error
    >>> with_error(238.4, 12.3, "px"), with_error(238.4, 41, "px")
    ('238 ± 12 px', '240 ± 40 px')
    """
    after = f" {unit}" if unit else ""
    if math.isnan(error) or error == 0:
        plain = f"{value:.0f}" if abs(value) >= 10 else f"{value:.3g}"
        return f"{plain}{after}" if error == 0 else f"{plain} ± ?{after}"
    place = decimals(error)
    shown = max(place, 0)
    return f"{round(value, place):.{shown}f} ± {round(error, place):.{shown}f}{after}"
