"""Why this class here? One attribution method about one region, with what to know about its map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np

from analysis.answer import Answer, provenance
from analysis.attribution.attribute import SCORE_UNITS, Attribution
from analysis.attribution.attribute import attribute as attribution_steps
from analysis.attribution.methods import METHODS, Settings
from analysis.faithfulness.region_grid import region_on_grid
from analysis.faithfulness.removal import Replacement
from analysis.figures.attribution import attribution_figure
from analysis.progress import Progress, part_of
from analysis.questions.common import Against, Label, Region, Seed, ShortSide, X, Y
from analysis.regions import predicted_labels
from analysis.subject import Subject, find_subject
from analysis.targets import Score
from analysis.tracing import trace
from uniformer.classes import ClassSet
from uniformer.pictures import PictureSource, open_picture
from uniformer.segmenter import Segmenter

METHOD_NAMES = {key.replace("_", "-"): key for key in METHODS}
"""What the methods are called in questions, and in :data:`METHODS`."""


def attribute(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    x: X,
    y: Y,
    region: Region = "segment",
    label: Label = None,
    against: Against = None,
    method: Annotated[
        Literal[tuple(METHOD_NAMES)], "how to ask; what can be trusted most comes first"
    ] = "integrated-gradients",
    stage: Annotated[int, "stage whose map is looked at, by methods that look at one"] = 4,
    score: Annotated[Score, "what is explained: margin over the other classes is the safest"] = (
        "margin"
    ),
    baseline: Annotated[Replacement, "the picture without the evidence: blurred or mean colour"] = (
        "blur"
    ),
    steps: Annotated[int, "points of integrated gradients; noisy pictures of SmoothGrad"] = 16,
    window_px: Annotated[
        int | None, "side of occlusion's windows in input pixels; by default an eighth"
    ] = None,
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Iterator[Progress | Answer]:
    """Why this class here: what in the picture, or in a stage, speaks for it and against.

    ``mask`` (H, W), bool, is the painted region where ``region`` is "mask". Raises
    :class:`analysis.errors.AnalysisError` for what is no pixel, region, class or method.
    """
    picture = open_picture(image)
    traced = trace(model, picture, short_side=short_side)
    subject = find_subject(
        predicted_labels(traced), model.classes, x, y,
        extent=region, label=label, against=against, mask=mask,
    )  # fmt: skip
    work = attribution_steps(
        model, picture, subject.region, subject.label,
        method=METHOD_NAMES.get(method, method), stage=stage, score=score, against=subject.against,
        settings=Settings(baseline, steps, steps, seed, window_px), short_side=traced.short_side,
        traced=traced,
    )  # fmt: skip
    found = yield from part_of(work)
    chosen = METHODS[found.method]
    yield Answer(
        question="attribute",
        title=f"{chosen.title}: why {_class_words(subject, model.classes)} at {subject.words}?",
        sentence=" ".join(filter(None, [chosen.description, chosen.misleads, found.note])),
        grade=found.grade,
        numbers=_numbers(found, subject, model.classes),
        arrays={"map": found.map, "region": subject.region},
        tables={},
        settings=provenance(
            model, picture, x=x, y=y, region=region, label=label, against=against, method=method,
            stage=stage, score=score, baseline=baseline, steps=steps, window_px=window_px,
            seed=seed, short_side=traced.short_side,
        ),
        figure=lambda: attribution_figure(found, picture, model.classes),
    )  # fmt: skip


def _class_words(subject: Subject, classes: ClassSet) -> str:
    name = classes.names[subject.label]
    rival = subject.against
    return name if rival is None else f"{name} rather than {classes.names[rival]}"


def _numbers(found: Attribution, subject: Subject, classes: ClassSet) -> dict[str, object]:
    """Return the numbers; shares are NaN for a map without anything positive."""
    positive = np.maximum(found.map, 0)
    inside = region_on_grid(found.region, found.map.shape)
    total = positive.sum()
    return {
        "class": classes.names[found.label],
        "against": None if found.against is None else classes.names[found.against],
        "region_pixels": int(subject.region.sum()),
        "score": found.score,
        "score_unit": SCORE_UNITS[found.score],
        "score_value": found.score_value,
        "baseline_score_value": found.baseline_score,
        "map_sum": float(found.map.sum()),
        "completeness_gap_share": found.completeness_gap,
        "positive_share_in_region": float(positive[inside].sum() / total) if total else np.nan,
        "map_unit": found.unit,
        "map_signed": found.signed,
        "map_stage": found.stage,
        "seconds": found.seconds,
    }
