"""How far a result can be trusted, in one word that stands beside every figure."""

from __future__ import annotations

from typing import Literal

Grade = Literal["exact", "statistic", "causal", "heuristic"]

GRADES: dict[Grade, str] = {
    "exact": "E · exact",
    "statistic": "S · statistic of exact quantities",
    "causal": "C · causal, by intervention",
    "heuristic": "H · heuristic: check it against an intervention",
}
