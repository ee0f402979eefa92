"""What an attribution's own numbers say, in sentences: its score, and what its map adds up to."""

from __future__ import annotations

from analysis.attribution.attribute import Attribution
from analysis.core.targets import SCORE_UNITS


def scored(found: Attribution) -> str:
    """Return the score of the region, and of the baseline if there is one, in a sentence."""
    unit = SCORE_UNITS[found.score]
    text = f"Score of the region ({found.score}): {found.score_value:.3g} {unit}"
    if found.baseline_score is not None:
        text += f", of the baseline {found.baseline_score:.3g}"
    return f"{text}."


def summed(found: Attribution) -> str:
    """Return how far the map adds up to the change of the score; nothing where it need not."""
    if found.completeness_gap is None:
        return ""
    gap = 100 * found.completeness_gap
    return (
        f"The map adds up to {found.map.sum():.3g}, {gap:.2g} % off the change of the score, with "
        f"{found.points} points."
    )
