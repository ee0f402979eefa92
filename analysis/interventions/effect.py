"""What an intervention does to the prediction, beside what as large a random one does.

An effect alone proves little: a network disturbed anywhere answers differently. It means something
as far as it exceeds that of its control (cf. Zhang and Nanda, "Towards Best Practices of Activation
Patching", arXiv 2309.16042).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_region
from analysis.core.errors import AnalysisError
from analysis.core.targets import RegionScore
from analysis.interventions.run import Intervention, controls, intervene
from uniformer.classes import ClassSet
from uniformer.pictures import PictureSource


@dataclass(frozen=True)
class Effect:
    """How a prediction changed; ``interventions`` says in words by what.

    ``labels_after`` (H, W) and ``changed`` (H, W), where it differs from the clean labels, are at
    the picture's size, and ``flipped_share``, 0 to 1, is the part of its pixels that changed.
    By class (classes,): ``area_change`` is the area after minus before, as a share of the picture,
    -1 to 1; ``iou`` compares the labels with the clean ones, 0 to 1, NaN where neither has the
    class. ``kl_nats`` is the mean of KL(clean || changed) over the logits' own grid, 0 or more; it
    also sees what does not flip a label. ``margin_change_nats`` is that of the region asked about,
    None without one; ``seconds`` the time the changed pass took.
    """

    interventions: tuple[str, ...]
    labels_after: np.ndarray
    changed: np.ndarray
    flipped_share: float
    area_change: np.ndarray
    iou: np.ndarray
    kl_nats: float
    margin_change_nats: float | None
    seconds: float


@dataclass(frozen=True)
class EffectReport:
    """An effect, that of its matched random ``control``, and the clean ``labels_before`` (H, W).

    The control is one draw, decided by the seed: repeat with others before a small difference is
    believed. It is None where no random change is as large: a reach, or a single block or head.
    """

    classes: ClassSet
    labels_before: np.ndarray
    effect: Effect
    control: Effect | None


def effect_report(
    trace: Trace,
    interventions: Sequence[Intervention],
    *,
    target: RegionScore | None = None,
    picture: PictureSource | None = None,
    seed: int = 0,
) -> EffectReport:
    """Return what ``interventions``, made together, change in the prediction of ``trace``.

    ``target`` is the margin of a region, fixed beforehand; ``picture`` is needed only where a
    region is hidden. Raises :class:`AnalysisError` as :func:`intervene` does, and for a target
    that is no margin or of another picture.
    """
    check_target(trace, target)
    matched = controls(trace, interventions, seed)
    return EffectReport(
        classes=trace.model.classes,
        labels_before=trace.labels,
        effect=effect_of(trace, interventions, target, picture),
        control=None if matched is None else effect_of(trace, matched, target, picture),
    )


def effect_of(
    trace: Trace,
    interventions: Sequence[Intervention],
    target: RegionScore | None = None,
    picture: PictureSource | None = None,
) -> Effect:
    """Return what ``interventions`` change, without a control; see :func:`effect_report`."""
    started = perf_counter()
    logits = intervene(trace, interventions, picture)
    seconds = perf_counter() - started
    before, after = trace.labels, replace(trace, logits=logits).labels
    changed = before != after
    area_change, iou = _by_class(before, after, len(trace.model.classes))
    return Effect(
        interventions=tuple(intervention.describe() for intervention in interventions),
        labels_after=after,
        changed=changed,
        flipped_share=float(changed.mean()),
        area_change=area_change,
        iou=iou,
        kl_nats=kl_nats(trace.logits, logits),
        margin_change_nats=margin_change_nats(target, trace.logits, logits),
        seconds=seconds,
    )


def kl_nats(clean: Tensor, changed: Tensor) -> float:
    """Return the mean of KL(clean || changed) over all places of logits (1, classes, h, w)."""
    before, after = clean.log_softmax(dim=1), changed.log_softmax(dim=1)
    return (before.exp() * (before - after)).sum(dim=1).mean().item()


def margin_change_nats(target: RegionScore | None, clean: Tensor, changed: Tensor) -> float | None:
    """Return the target's score of ``changed`` logits minus that of ``clean`` ones."""
    if target is None:
        return None
    return (target.of_logits(changed) - target.of_logits(clean)).item()


def check_target(trace: Trace, target: RegionScore | None) -> None:
    """Raise :class:`AnalysisError` if ``target`` is no margin or not of the picture traced."""
    if target is None:
        return
    if target.score != "margin":
        raise AnalysisError(f"Effects are measured on a region's margin, not its {target.score}.")
    check_region(target.region, trace.picture_size_px)


def _by_class(before: np.ndarray, after: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return change of area and intersection over union of every class."""
    area_before, area_after, both = (
        np.bincount(labels.ravel(), minlength=count)
        for labels in (before, after, before[before == after])
    )
    union = area_before + area_after - both
    iou = np.divide(both, union, out=np.full(count, np.nan), where=union > 0)
    return (area_after - area_before) / before.size, iou
