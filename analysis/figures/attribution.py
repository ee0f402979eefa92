"""Figures of attributions: one map over the picture, or several methods side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.attribution.attribute import SCORE_UNITS, Attribution
from analysis.attribution.methods import METHODS
from analysis.errors import AnalysisError
from analysis.evidence import most_doubtful
from analysis.figures.canvas import QUIET, color_bar, heat, new_figure, outline, shared_limits
from uniformer.classes import ClassSet

PERCENTILE = 99
"""Where the colours end: a few outliers would leave the rest of a map white."""

COLUMNS = 3


def attribution_figure(found: Attribution, picture: np.ndarray, classes: ClassSet) -> Figure:
    """Draw one attribution over ``picture`` (H, W, 3), its region outlined.

    The caption has the score, the completeness of integrated gradients, what misleads about the
    method and the attribution's note.
    """
    method = METHODS[found.method]
    parts = [
        method.description,
        _scored(found),
        _summed(found),
        f"Colours end at the {PERCENTILE}th percentile.",
        method.misleads,
        found.note,
    ]
    title = f"{_named(found)}: why {_question(found, classes)}?"
    height, width = picture.shape[:2]
    tall = 5.6 * min(height / width, 1.5) + 1.8
    figure = new_figure(7, tall, title, found.grade, " ".join(filter(None, parts)))
    _draw(figure, figure.subplots(), found, picture)
    return figure


def attribution_comparison(
    found: Sequence[Attribution], picture: np.ndarray, classes: ClassSet
) -> Figure:
    """Draw several attributions of one question side by side, each on its own scale.

    Raises :class:`AnalysisError` if there are none or they answer different questions.
    """
    if not found:
        raise AnalysisError("There are no attributions to compare: choose at least one method.")
    first = found[0]
    if not all(_same_question(first, other) for other in found):
        raise AnalysisError("Compare attributions of one region, class and score.")
    rows, columns = -(-len(found) // COLUMNS), min(len(found), COLUMNS)
    caption = (
        f"Region outlined; its {first.score} is {first.score_value:.3g} "
        f"{SCORE_UNITS[first.score]}. Each map has its own unit and scale, which ends at the "
        f"{PERCENTILE}th percentile. Letters grade the evidence: E exact, C causal, S statistic, "
        "H heuristic."
    )
    grade = most_doubtful(other.grade for other in found)
    figure = new_figure(
        4.2 * columns, 3.9 * rows + 0.9, f"Why {_question(first, classes)}?", grade, caption
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, other in zip(panels, found, strict=False):
        _draw(figure, axes, other, picture)
        axes.set_title(f"{_named(other)} [{other.grade[0].upper()}]", fontsize=10)
        axes.set_xlabel(other.note or _summed(other), fontsize=7, color=QUIET, wrap=True)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    return figure


def _draw(figure: Figure, axes: Axes, found: Attribution, picture: np.ndarray) -> None:
    # Grey, so that no colour of the picture is taken for one of the map.
    grey = np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    limits = shared_limits(found.map, signed=found.signed, percentile=PERCENTILE)
    image = heat(axes, found.map, limits, picture.shape[:2], signed=found.signed, picture=grey)
    outline(axes, found.region)
    color_bar(figure, image, axes, found.unit)


def _named(found: Attribution) -> str:
    title = METHODS[found.method].title
    return title if found.stage is None else f"{title}, stage {found.stage}"


def _question(found: Attribution, classes: ClassSet) -> str:
    name = classes.names[found.label]
    return name if found.against is None else f"{name} rather than {classes.names[found.against]}"


def _same_question(one: Attribution, other: Attribution) -> bool:
    return (one.label, one.against, one.score) == (
        other.label,
        other.against,
        other.score,
    ) and np.array_equal(one.region, other.region)


def _scored(found: Attribution) -> str:
    """Return the score of the region, and of the baseline, in a sentence."""
    unit = SCORE_UNITS[found.score]
    text = f"Score of the region ({found.score}): {found.score_value:.3g} {unit}"
    if found.baseline_score is not None:
        text += f", of the baseline {found.baseline_score:.3g}"
    return f"{text}."


def _summed(found: Attribution) -> str:
    """Return how far the map adds up to the change of the score, in a sentence; else nothing."""
    if found.completeness_gap is None:
        return ""
    gap = 100 * found.completeness_gap
    return f"The map adds up to {found.map.sum():.3g}, {gap:.2g} % off the change of the score."
