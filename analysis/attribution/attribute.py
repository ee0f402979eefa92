"""Why this class here: one way to ask every attribution method, with what to know about its map."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from analysis.attribution.finding import Finding
from analysis.attribution.methods import METHODS, AttributionInputs, AttributionSettings
from analysis.core.activation_cache import Trace, trace
from analysis.core.any_segmenter import AnySegmenter
from analysis.core.checks import check_evaluating, check_region, check_stage
from analysis.core.errors import AnalysisError
from analysis.core.evidence import Grade
from analysis.core.forward import stage_maps
from analysis.core.progress import Work
from analysis.core.shared_weight_copy import shared_weight_copy
from analysis.core.targets import RegionScore, Score
from uniformer.classifier import Classifier
from uniformer.pictures import PictureSource, open_picture
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter

LAST_STAGE = 4


@dataclass(frozen=True)
class Attribution:
    """A map (rows, columns) of what made ``region`` (H, W) class ``label``, float64.

    The map has the method's own resolution: tokens of ``stage``, or pixels of the network's input
    (``stage`` is None); it covers the whole picture and is never stretched to 0..1. ``unit`` says
    what a value counts. ``signed`` maps have values for (> 0) and against (< 0). ``against`` is the
    class compared with, None for all others. ``score_value`` is the score of the picture,
    ``baseline_score`` that of the picture the method compares with. ``completeness_gap`` is the
    part of their difference that the map's sum misses, 0 at best, with ``points`` taken along the
    path (integrated gradients only). ``grade`` is the method's, or less where the map earns less.
    ``note`` is a sentence to show with the map. ``seconds`` is computing time.
    """

    map: np.ndarray
    unit: str
    signed: bool
    grade: Grade
    method: str
    stage: int | None
    region: np.ndarray
    label: int
    against: int | None
    score: Score
    score_value: float
    baseline_score: float | None
    completeness_gap: float | None
    points: int | None
    note: str | None
    settings: AttributionSettings
    seconds: float


def attribute(
    model: Segmenter,
    image: PictureSource | Tensor,
    region: np.ndarray,
    label: int,
    *,
    method: str = "integrated_gradients",
    stage: int = 4,
    score: Score = "margin",
    against: int | None = None,
    settings: AttributionSettings | None = None,
    short_side: int | None = None,
    traced: Trace | None = None,
) -> Work[Attribution]:
    """Ask one of :data:`METHODS` why ``region`` (H, W) of ``image`` is class ``label``.

    Yields :class:`Progress` and returns the :class:`Attribution`; close it to stop between two
    steps. The region is fixed. What is explained is :class:`RegionScore`, with ``against`` "A
    rather than B". ``stage`` is the one whose map is looked at, by methods that look at one.
    ``traced`` is a trace of the same model, picture and short side: it spares a pass, methods on a
    stage then run the decoder only, and the answer is for the reach it was traced with.
    ``image`` may be the network's input (1, 3, h, w) itself, perhaps a changed one: the region is
    still that of the picture, and there is no short side.

    The model is left as it is. A heuristic map should be checked by hiding what it marks.

    Raises :class:`AnalysisError` for an unknown method, stage, class or score, an empty or foreign
    region, a trace of something else, what the method refuses and a map that is not finite, and
    whatever :func:`trace` raises.
    """
    if method not in METHODS:
        raise AnalysisError(f"There is no method {method!r}: choose one of {', '.join(METHODS)}.")
    check_stage(stage)
    check_evaluating(model)
    if isinstance(model, AnySegmenter) and METHODS[method].uses_stage:
        raise AnalysisError(
            f"{METHODS[method].title} looks at a stage of UniFormer, which {model.config.name} has "
            "not: choose integrated-gradients, occlusion, segment-ablation or smooth-grad."
        )
    if isinstance(model, Classifier) and METHODS[method].uses_stage and stage != LAST_STAGE:
        raise AnalysisError(
            f"{model.config.name} classifies the map of stage {LAST_STAGE} alone: choose it."
        )
    if isinstance(image, Tensor):
        x = _check_input(image)
    else:
        x, traced = _traced_input(model, image, region, short_side, traced)
    # Tensors made in inference mode could not be differentiated: everything is made outside of it.
    with torch.inference_mode(False), torch.no_grad():
        model_copy = shared_weight_copy(model, None if traced is None else traced.windows)
        target = RegionScore(model_copy, region, label, score=score, against=against)
        x = x.clone()
        maps = stage_maps(model_copy, x) if traced is None else traced.stage_outputs
        maps = tuple(kept.clone() for kept in maps)
        logits = model_copy.decode(maps)
    return _answer(
        AttributionInputs(target, x, maps, logits, stage, settings or AttributionSettings()), method
    )


def _check_input(x: Tensor) -> Tensor:
    if x.ndim != 4 or tuple(x.shape[:2]) != (1, 3):
        raise AnalysisError(
            f"The network's input must be one picture (1, 3, H, W), not {tuple(x.shape)}."
        )
    return x


def _traced_input(
    model: Segmenter,
    image: PictureSource,
    region: np.ndarray,
    short_side: int | None,
    traced: Trace | None,
) -> tuple[Tensor, Trace]:
    """Return the network's input of a picture and its trace, a new one if there is none."""
    picture = open_picture(image)
    check_region(region, picture.shape[:2])
    short_side = model.config.short_side if short_side is None else short_side
    traced = trace(model, picture, short_side=short_side) if traced is None else traced
    x = preprocess(picture, short_side, model.config.size_divisor).to(model.device, model.dtype)
    if traced.model is not model or traced.network_size_px != tuple(x.shape[-2:]):
        raise AnalysisError("The trace is of another model, picture or short side: trace again.")
    return x, traced


def _answer(question: AttributionInputs, name: str) -> Work[Attribution]:
    work, seconds = METHODS[name].run(question), 0.0
    while True:
        started = perf_counter()
        try:
            with torch.inference_mode(False), torch.enable_grad():
                step = next(work)
        except StopIteration as end:
            return _attribution(question, name, end.value, seconds + perf_counter() - started)
        seconds += perf_counter() - started
        yield step


def _attribution(
    question: AttributionInputs, name: str, found: Finding, seconds: float
) -> Attribution:
    if not np.isfinite(found.map).all():
        raise AnalysisError(
            "The map is not finite: the model's weights are damaged, or the method fails on them."
        )
    note = found.note
    if note is None and not found.map.any():
        note = "The map is zero everywhere: the score does not depend on what this method changes."
    method, target = METHODS[name], question.score
    with torch.no_grad():
        value = target.of_logits(question.logits).item()
    return Attribution(
        map=found.map,
        unit=method.unit_of(target.score),
        signed=method.signed,
        grade=found.grade or method.grade,
        method=name,
        stage=question.stage if method.uses_stage else None,
        region=target.region,
        label=target.label,
        against=target.against,
        score=target.score,
        score_value=value,
        baseline_score=found.baseline_score,
        completeness_gap=found.completeness_gap,
        points=found.points,
        note=note,
        settings=question.settings,
        seconds=seconds,
    )
