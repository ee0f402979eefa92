"""What the questions about attribution share: the names of methods, and how one is asked."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from analysis.attribution.attribute import Attribution
from analysis.attribution.attribute import attribute as attribution_steps
from analysis.attribution.methods import METHODS, AttributionSettings
from analysis.core.errors import AnalysisError
from analysis.core.progress import Work
from analysis.core.subject import Subject
from analysis.core.targets import Score
from analysis.faithfulness.deletion_insertion import Replacement
from analysis.faithfulness.region_grid import distance_from, region_on_grid
from analysis.questions.answer import Row
from analysis.questions.common import Asked

METHOD_NAMES = {key.replace("_", "-"): key for key in METHODS}
"""What the methods are called in questions, and in :data:`METHODS`."""

LayerStage = Annotated[int, "stage whose map is looked at, by methods that look at one"]
ScoreAsked = Annotated[Score, "what is explained: margin over the other classes is the safest"]
Baseline = Annotated[Replacement, "the picture without the evidence: blurred or mean colour"]
Points = Annotated[int, "points of integrated gradients; noisy pictures of SmoothGrad"]


def explain(
    asked: Asked,
    subject: Subject,
    method: str,
    stage: int,
    score: Score,
    settings: AttributionSettings,
) -> Work[Attribution]:
    """Ask ``method``, a name in :data:`METHODS`, about ``subject``, and return its map."""
    return attribution_steps(
        asked.trace.model, asked.picture, subject.region, subject.label,
        method=method, stage=stage, score=score, against=subject.against, settings=settings,
        short_side=asked.trace.short_side, traced=asked.trace,
    )  # fmt: skip


def map_numbers(found: Attribution) -> Row:
    """Return what is said of one map, alone or beside others, under the name questions call it.

    Shares and the distance of what speaks for the class from the region are NaN for a map without
    anything positive.
    """
    positive = np.maximum(found.map, 0)
    inside = region_on_grid(found.region, found.map.shape)
    total = positive.sum()
    distance = distance_from(found.region, found.map.shape)
    mean_distance = (positive * distance).sum() / total if total else np.nan
    return {
        "method": found.method.replace("_", "-"),
        "map_sum": float(found.map.sum()),
        "completeness_gap_share": found.completeness_gap,
        "points": found.points,
        "positive_share_in_region": float(positive[inside].sum() / total) if total else np.nan,
        "evidence_distance_picture_px": float(mean_distance),
        "uniform_evidence_distance_picture_px": float(distance.mean()),
        "map_unit": found.unit,
        "map_signed": found.signed,
        "map_stage": found.stage,
        "seconds": found.seconds,
    }


def methods_named(text: str) -> list[str]:
    """Return the keys of :data:`METHOD_NAMES` named in ``text``, each once, in their order.

    Commas stand between them. Raises :class:`AnalysisError` for none or an unknown one.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in METHOD_NAMES]
    if unknown or not names:
        wrong = f"There is no method {unknown[0]!r}" if unknown else "No method is given"
        raise AnalysisError(
            f"{wrong}: name some of {', '.join(METHOD_NAMES)}, with commas between them."
        )
    return names
