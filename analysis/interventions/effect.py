"""What an intervention does to the prediction, beside what as large a random one does.

An effect alone proves little: a network disturbed anywhere answers differently. It means something
as far as it stands outside of the spread of several random changes as large (cf. Zhang and Nanda,
"Towards Best Practices of Activation Patching", arXiv 2309.16042).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_region
from analysis.core.errors import AnalysisError
from analysis.core.forward import Place
from analysis.core.progress import Progress, Work, finish
from analysis.core.targets import RegionScore
from analysis.core.uncertainty import (
    FEWEST,
    NOTHING_NATS,
    Spread,
    Standing,
    divergence_spread,
    spread,
)
from analysis.core.words import say
from analysis.interventions.base import BlockIntervention
from analysis.interventions.elsewhere import AS_LARGE
from analysis.interventions.run import (
    DRAWS,
    Intervention,
    Sizes,
    controls,
    intervene_sized,
    pixels_traced,
    wanted_sizes,
)
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
    None without one; ``seconds`` the time the changed pass took. ``sizes`` has how large the change
    was in each block, as a share of the length of its output, and in the picture (None), as one of
    the length of its contrast.
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
    sizes: Sizes

    @property
    def size(self) -> float:
        """How large the change was: the root mean square of ``sizes``, 0 or more."""
        return float(np.sqrt(np.mean(np.square(list(self.sizes.values())))))


@dataclass(frozen=True)
class EffectReport:
    """An effect, those of random ``controls``, and the clean ``labels_before`` (H, W).

    Controls are made as large as the change, or leave as many edges, tokens or pixels alone
    elsewhere. ``overlap``, 0 to 1, is the share of the changed place that the nearest of them
    changes too. Where there are no controls, ``without`` says why, in a clause.
    """

    classes: ClassSet
    labels_before: np.ndarray
    effect: Effect
    controls: tuple[Effect, ...]
    overlap: float
    without: str = ""

    @property
    def apart(self) -> tuple[Effect, ...]:
        """The controls where they are apart from the change; none where they overlap it."""
        return () if self.overlap else self.controls

    @property
    def control_size(self) -> float:
        """How large the random changes were, on average; NaN without any."""
        return float(np.mean([each.size for each in self.controls])) if self.controls else np.nan

    @property
    def kl_nats(self) -> Spread:
        """What the random changes do to the whole picture."""
        return divergence_spread([each.kl_nats for each in self.controls])

    @property
    def margin_change_nats(self) -> Spread | None:
        """What they do to the margin of the region; None without one."""
        if self.effect.margin_change_nats is None:
            return None
        changes = [each.margin_change_nats for each in self.controls]
        return spread([change for change in changes if change is not None])

    @property
    def withheld(self) -> str | None:
        """Why the effect is not compared, in a sentence; None where it is."""
        if self.effect.size == 0:
            return "It is not compared: the change itself is nothing."
        if not self.controls:
            return say("There is nothing to compare it with: {why}.", why=self.without)
        if self.overlap > 0:
            return say(
                "It is not compared: no other place is apart from it, and the random change that "
                "overlaps it least shares {share} % of it.",
                share=f"{100 * self.overlap:.0f}",
            )
        if len(self.controls) < FEWEST:
            return say(
                "It is not compared: only {count} other changes are as large.",
                count=len(self.controls),
            )
        small, large = sorted((self.effect.size, self.control_size))
        if large > AS_LARGE * small:
            return say(
                "It is not compared: the random changes are {times} times as large.",
                times=f"{self.control_size / self.effect.size:.2g}",
            )
        return None

    @property
    def standing(self) -> Standing | None:
        """Whether the effect on the picture is outside of the spread of the random ones."""
        if self.withheld:
            return None
        return self.kl_nats.standing(max(self.effect.kl_nats, NOTHING_NATS))

    @property
    def margin_standing(self) -> Standing | None:
        """The same for the effect on the margin of the region; None without one."""
        drawn, change = self.margin_change_nats, self.effect.margin_change_nats
        if drawn is None or change is None or self.withheld:
            return None
        return drawn.standing(change)


def effect_report(
    trace: Trace,
    interventions: Sequence[Intervention],
    *,
    target: RegionScore | None = None,
    picture: PictureSource | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> EffectReport:
    """Return what interventions change in the prediction, beside random changes as large.

    Args:
        trace: of the picture.
        interventions: made together, in their order.
        target: the margin of a region, fixed beforehand, in nats; None: only labels are watched.
        picture: the one that was traced, needed where a region is hidden.
        seed: of the random changes.
        draws: most random changes that stand beside.

    Returns:
        Labels before and after, flipped share (0 to 1), KL in nats, and the same of the controls.

    Raises:
        AnalysisError: as :func:`intervene` does, and for a target that is no margin or of another
            picture.
    """
    return finish(
        effect_report_steps(
            trace, interventions, target=target, picture=picture, seed=seed, draws=draws
        )
    )


def effect_report_steps(
    trace: Trace,
    interventions: Sequence[Intervention],
    *,
    target: RegionScore | None = None,
    picture: PictureSource | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> Work[EffectReport]:
    """Yield progress pass by pass, and return what :func:`effect_report` returns.

    What is found after the first pass is the effect, as a report without controls.
    """
    check_target(trace, target)
    pixels = pixels_traced(trace, interventions, picture)
    effect = effect_of(trace, interventions, target, pixels)
    alone = EffectReport(
        classes=trace.model.classes,
        labels_before=trace.labels,
        effect=effect,
        controls=(),
        overlap=0.0,
    )
    yield Progress(1, 1 + draws, alone)
    matched = controls(trace, interventions, seed, pixels, draws) if draws else []
    total, found = 1 + len(matched), []
    if not matched:
        yield Progress(1, 1)
    for control in matched:
        wanted = wanted_sizes(trace, interventions, control, effect.sizes)
        found.append(effect_of(trace, control, target, pixels, wanted))
        yield Progress(1 + len(found), total)
    pairs = [pair for each in matched for pair in zip(interventions, each, strict=True)]
    overlap = max((_overlap(here, there, trace) for here, there in pairs), default=0.0)
    without = "" if matched else _without(trace, interventions, draws)
    return replace(alone, controls=tuple(found), overlap=overlap, without=without)


def _without(trace: Trace, interventions: Sequence[Intervention], draws: int) -> str:
    """Return why there are no controls."""
    if not draws:
        return "no random change was asked for"
    for each in interventions:
        others = each.others(trace) if isinstance(each, BlockIntervention) else ()
        if others and not controls(trace, [each], 0, count=1):
            return say(
                "of {count} other changes of its kind none can be made as large", count=len(others)
            )
    return "there is no other change of its kind"


def _overlap(here: Intervention, there: Any, trace: Trace) -> float:
    """Return which share of the place of one change its control has too."""
    # A control is of the kind of what it stands beside, which no type can say of a pair.
    return here.overlap(there, trace)


def effect_of(
    trace: Trace,
    interventions: Sequence[Intervention],
    target: RegionScore | None = None,
    picture: np.ndarray | None = None,
    wanted: Mapping[Place, float] | None = None,
) -> Effect:
    """Return what ``interventions`` change, without a control; see :func:`effect_report`.

    In the blocks of ``wanted`` they are made as large as said there. ``picture`` and errors are
    those of :func:`analysis.interventions.run.intervene_sized`.
    """
    started = perf_counter()
    logits, sizes = intervene_sized(trace, interventions, picture, wanted)
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
        sizes=sizes,
    )


def kl_nats(clean: Tensor, changed: Tensor) -> float:
    """Return the mean of KL(clean || changed) over all places of logits (1, classes, h, w).

    >>> import torch
    >>> from analysis.interventions.effect import kl_nats
    >>> even = torch.zeros(1, 2, 1, 1)
    >>> round(kl_nats(even, torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)), 3)
    0.12
    """
    before, after = clean.log_softmax(dim=1), changed.log_softmax(dim=1)
    return (before.exp() * (before - after)).sum(dim=1).mean().item()


def margin_change_nats(target: RegionScore | None, clean: Tensor, changed: Tensor) -> float | None:
    """Return the target's margin with ``changed`` logits minus that with ``clean`` ones, in nats.

    Logits are (1, classes, h, w). None without a target.
    """
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
