"""What an attribution's own numbers say, in sentences: its score, and what its map adds up to."""

from __future__ import annotations

from analysis.attribution.attribute import Attribution
from analysis.core.targets import SCORE_UNITS
from analysis.core.words import say


def scored(found: Attribution) -> str:
    """Return the score of the region, and of the baseline if there is one, in a sentence."""
    value = f"{found.score_value:.3g}"
    unit = SCORE_UNITS[found.score]
    if found.baseline_score is None:
        return say(
            "Score of the region ({score}): {value} {unit}.",
            score=found.score,
            value=value,
            unit=unit,
        )
    return say(
        "Score of the region ({score}): {value} {unit}, of the baseline {baseline}.",
        score=found.score,
        value=value,
        unit=unit,
        baseline=f"{found.baseline_score:.3g}",
    )


def summed(found: Attribution) -> str:
    """Return how far the map adds up to the change of the score; nothing where it need not."""
    if found.completeness_gap is None:
        return ""
    return say(
        "The map adds up to {sum}, {gap} % off the change of the score, with {points} points.",
        sum=f"{found.map.sum():.3g}",
        gap=f"{100 * found.completeness_gap:.2g}",
        points=found.points,
    )
