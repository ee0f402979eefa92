"""How far a result can be trusted, in one word that stands beside every figure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Grade = Literal["exact", "statistic", "causal", "heuristic"]

GRADES: dict[Grade, str] = {
    "exact": "E · exact",
    "statistic": "S · statistic of exact quantities",
    "causal": "C · causal, by intervention",
    "heuristic": "H · heuristic: check it against an intervention",
}

DOUBT: tuple[Grade, ...] = ("exact", "causal", "statistic", "heuristic")


def most_doubtful(grades: Iterable[Grade]) -> Grade:
    """Return the grade that several results together have: that of the most doubtful one."""
    return max(grades, key=DOUBT.index)
