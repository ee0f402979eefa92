"""Figures of attributions: one map over the picture, or several methods side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.attribution.attribute import Attribution
from analysis.attribution.messages import scored, summed
from analysis.attribution.methods import METHODS
from analysis.core.errors import AnalysisError
from analysis.core.evidence import most_doubtful
from analysis.core.targets import SCORE_UNITS
from analysis.figures.canvas import (
    QUIET,
    color_bar,
    heat,
    new_figure,
    outline,
    picture_height,
    shared_limits,
)
from uniformer.classes import ClassSet

PERCENTILE = 99
"""Where the colours end: a few outliers would leave the rest of a map white."""

COLUMNS, PANEL = 3, 2.6
"""Of a comparison: maps in a row, and the width of one in inches."""

LINE = 48
"""Letters that stand in a line below a map of a comparison."""


def attribution_figure(found: Attribution, picture: np.ndarray, classes: ClassSet) -> Figure:
    """Draw one attribution over ``picture`` (H, W, 3), its region outlined.

    The caption has the score, the completeness of integrated gradients, what misleads about the
    method and the attribution's note.
    """
    method = METHODS[found.method]
    parts = [
        method.description,
        scored(found),
        summed(found),
        f"Colours end at the {PERCENTILE}th percentile.",
        method.misleads,
        found.note,
    ]
    title = f"{_named(found)}: why {_question(found, classes)}?"
    # Portraits would be taller than a screen.
    tall = min(picture_height(picture.shape[:2], 5.6), 6.4)
    figure = new_figure(7, tall + 1.6, title, found.grade, " ".join(filter(None, parts)))
    _draw(figure, figure.subplots(), found, picture)
    return figure


def attribution_comparison(
    found: Sequence[Attribution], picture: np.ndarray, classes: ClassSet
) -> Figure:
    """Draw several attributions of one question side by side, each on its own scale.

    ``picture`` is uint8 RGB (H, W, 3), the one that was asked about.
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
        (PANEL + 1.1) * max(columns, 2),
        (picture_height(picture.shape[:2], PANEL) + 0.8) * rows + 1.1,
        f"Why {_question(first, classes)}?",
        grade,
        caption,
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, other in zip(panels, found, strict=False):
        _draw(figure, axes, other, picture)
        axes.set_title(f"{_named(other)} [{other.grade[0].upper()}]", fontsize=10)
        below = textwrap.fill(other.note or summed(other), LINE)
        axes.set_xlabel(below, fontsize=7, color=QUIET)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    return figure


def _draw(figure: Figure, axes: Axes, found: Attribution, picture: np.ndarray) -> None:
    # A map without sign starts at 0, or its colours would make much of the least of its values.
    values = found.map if found.signed else np.append(found.map, 0)
    limits = shared_limits(values, signed=found.signed, percentile=PERCENTILE)
    image = heat(axes, found.map, limits, picture.shape[:2], signed=found.signed, picture=picture)
    outline(axes, found.region)
    beyond: Literal["both", "max"] = "both" if found.signed else "max"
    color_bar(figure, image, axes, textwrap.fill(found.unit, LINE), beyond=beyond)


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
