"""Why this class here, asked of several methods: maps side by side, each on its own scale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np

from analysis.answer import Answer, provenance
from analysis.attribution.attribute import Attribution
from analysis.attribution.attribute import attribute as attribution_steps
from analysis.attribution.methods import METHODS, Settings
from analysis.errors import AnalysisError
from analysis.faithfulness.removal import Replacement
from analysis.figures.attribution import DOUBT, attribution_comparison
from analysis.progress import Progress
from analysis.questions.attribute import METHOD_NAMES
from analysis.questions.common import Against, Label, Region, Seed, ShortSide, Stage, X, Y
from analysis.regions import predicted_labels
from analysis.subject import find_subject
from analysis.targets import Score
from analysis.tracing import trace
from uniformer.pictures import PictureSource, open_picture
from uniformer.segmenter import Segmenter

WHOLE = 100
"""Parts into which the progress of one method is divided, since methods differ in their steps."""


def attributions(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    x: X,
    y: Y,
    region: Region = "segment",
    label: Label = None,
    against: Against = None,
    methods: Annotated[str, "names of methods of the question attribute, separated by commas"] = (
        "integrated-gradients,segment-ablation,grad-cam"
    ),
    stage: Annotated[Stage, "stage whose map is looked at, by methods that look at one"] = 4,
    score: Annotated[Score, "what is explained: margin over the other classes is the safest"] = (
        "margin"
    ),
    baseline: Annotated[Replacement, "the picture without the evidence: blurred or mean colour"] = (
        "blur"
    ),
    steps: Annotated[int, "points of integrated gradients; noisy pictures of SmoothGrad"] = 16,
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Iterator[Progress | Answer]:
    """Why this class here, by several methods: where they agree, and where a map is one method's.

    ``mask`` (H, W), bool, is the painted region where ``region`` is "mask". Raises
    :class:`analysis.errors.AnalysisError` for what is no pixel, region, class or method.
    """
    names = _names(methods)
    picture = open_picture(image)
    traced = trace(model, picture, short_side=short_side)
    subject = find_subject(
        predicted_labels(traced), model.classes, x, y,
        extent=region, label=label, against=against, mask=mask,
    )  # fmt: skip
    found: list[Attribution] = []
    for name in names:
        for step in attribution_steps(
            model, picture, subject.region, subject.label,
            method=name, stage=stage, score=score, against=subject.against,
            settings=Settings(baseline, steps, steps, seed), short_side=traced.short_side,
            traced=traced,
        ):  # fmt: skip
            if isinstance(step, Progress):
                share = WHOLE * step.done // step.total
                yield Progress(WHOLE * len(found) + share, WHOLE * len(names))
            else:
                found.append(step)
    class_name = model.classes.names[subject.label]
    yield Answer(
        question="attributions",
        title=f"Why {class_name} at {subject.words}? {len(found)} methods",
        sentence=(
            "The same question put to each method, each map on its own scale. Agreement is no "
            "proof: maps can share a bias. Rank them by intervention before one is believed."
        ),
        grade=max((one.grade for one in found), key=DOUBT.index),
        numbers={"class": class_name, "score_value": found[0].score_value, "methods": len(found)},
        arrays={"region": subject.region, **{one.method: one.map for one in found}},
        tables={"methods": [_row(one) for one in found]},
        settings=provenance(
            model, picture, x=x, y=y, region=region, label=label, against=against, methods=methods,
            stage=stage, score=score, baseline=baseline, steps=steps, seed=seed,
            short_side=traced.short_side,
        ),
        figure=lambda: attribution_comparison(found, picture, model.classes),
    )  # fmt: skip


def _names(methods: str) -> list[str]:
    """Return names in ``METHODS``, each once; :class:`AnalysisError` for none or an unknown one."""
    given = dict.fromkeys(name.strip() for name in methods.split(",") if name.strip())
    unknown = [name for name in given if name not in METHOD_NAMES]
    if unknown or not given:
        wrong = f"There is no method {unknown[0]!r}" if unknown else "No method is given"
        raise AnalysisError(f"{wrong}: choose some of {', '.join(METHOD_NAMES)}.")
    return [METHOD_NAMES[name] for name in given]


def _row(found: Attribution) -> dict[str, object]:
    return {
        "method": METHODS[found.method].title,
        "grade": found.grade,
        "signed": found.signed,
        "unit": found.unit,
        "completeness_gap_share": found.completeness_gap,
        "note": found.note,
        "seconds": found.seconds,
    }
