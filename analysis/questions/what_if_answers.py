"""Answers from the effects of interventions: one effect with its control, or a series of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from analysis.core.forward import Place
from analysis.core.progress import Progress, relay
from analysis.core.subject import Subject
from analysis.core.targets import RegionScore
from analysis.core.words import joined, say, sentences
from analysis.interventions import HideRegion, Intervention
from analysis.interventions.effect import Effect, EffectReport, effect_report_steps
from analysis.interventions.head_sweep import head_sweep
from analysis.interventions.radius_curve import radius_curve
from analysis.interventions.reach_cost import reach_cost
from analysis.interventions.run import DRAWS
from analysis.questions.answer import Answer, Row
from analysis.questions.common import Asked, Steps
from analysis.questions.effect_words import class_rows, effect_sentence


def effect_steps(
    asked: Asked,
    taken: Intervention,
    target: RegionScore | None,
    subject: Subject | None,
    seed: int,
) -> Steps:
    """Return the answer about one intervention: numbers before and after, and of its controls.

    After the first step the answer is found as far as it goes without the controls.
    """
    work = effect_report_steps(
        asked.trace, [taken], target=target, picture=asked.picture, seed=seed
    )

    def told(step: Progress) -> Progress:
        if step.found is None:
            return step
        return replace(step, found=_effect_answer(asked, taken, subject, step.found, False))

    return _effect_answer(asked, taken, subject, (yield from relay(work, told)))


def _effect_answer(
    asked: Asked,
    taken: Intervention,
    subject: Subject | None,
    report: EffectReport,
    compared: bool = True,
) -> Answer:
    """Return what ``report`` says; before it is ``compared`` it says nothing of its controls."""
    effect, names = report.effect, report.classes.names
    numbers: dict[str, Any] = {"intervention": taken.describe(), **_measured(effect)}
    if subject is not None:
        numbers["class_before"] = names[report.labels_before[subject.y, subject.x]]
        numbers["class_after"] = names[effect.labels_after[subject.y, subject.x]]
        numbers["watched_region"] = subject.words
        numbers["watched_class"] = names[subject.label]
    numbers |= _compared(report) if compared else {"size_share": effect.size}
    return asked.answer(
        title=say("What if: {change}", change=taken.describe()),
        sentence=effect_sentence(report, compared),
        grade="causal",
        numbers=numbers,
        arrays={
            "labels_before": report.labels_before,
            "labels_after": effect.labels_after,
            "changed": effect.changed,
        },
        tables={"classes": class_rows(report), "controls": _control_rows(report)},
        draw=lambda: _figures().effect_figure(
            report,
            watched=None if subject is None else subject.region,
            hidden=taken.region if isinstance(taken, HideRegion) else None,
        ),
    )


def head_sweep_steps(asked: Asked, target: RegionScore, subject: Subject) -> Steps:
    """Return the answer about silencing every head in turn."""
    sweep = yield from head_sweep(asked.trace, target)
    rows = [
        {
            "name": Place(stage, at[0]).name,
            "stage": stage,
            "block": at[0],
            "head": at[1],
            "margin_change_nats": float(values[at]),
            "kl_nats": float(sweep.kl_nats[stage][at]),
            "size_share": float(sweep.size[stage][at]),
        }
        for stage, values in sweep.margin_change_nats.items()
        for at in np.ndindex(values.shape)
    ]
    rows.sort(key=lambda row: row["margin_change_nats"])
    most, name = rows[0], asked.names[target.label]
    fall = most["margin_change_nats"]
    found = say(
        "No head alone speaks for {name} here: silencing one never lowers the margin.", name=name
    )
    if fall < 0:
        found = say(
            "Without head {head} of stage {stage}, block {block} the margin of {name} falls most, "
            "by {fall} nats; without the next by {next}, where the change of its block's output is "
            "{times} times as large.",
            head=most["head"],
            stage=most["stage"],
            block=most["block"],
            name=name,
            fall=f"{-fall:.3g}",
            next=f"{-rows[1]['margin_change_nats']:.3g}",
            times=f"{rows[1]['size_share'] / most['size_share']:.2g}",
        )
    return asked.answer(
        title=say("What each head does for {region}", region=subject.words),
        sentence=sentences(
            found, "Heads can stand in for each other, so the effects do not add up."
        ),
        grade="causal",
        numbers={
            "heads": len(rows),
            "strongest_name": most["name"],
            "strongest_stage": most["stage"],
            "strongest_block": most["block"],
            "strongest_head": most["head"],
            "strongest_margin_change_nats": fall,
            "seconds": sweep.seconds,
        },
        arrays={f"stage_{stage}": values for stage, values in sweep.margin_change_nats.items()},
        tables={"heads": rows},
        draw=lambda: _figures().head_sweep_figure(sweep),
    )


def radius_curve_steps(
    asked: Asked, stages: Sequence[int], target: RegionScore | None, seed: int
) -> Steps:
    """Return the answer about how far attention must reach."""
    curve = yield from radius_curve(asked.trace, stages, target=target, seed=seed)
    rows = [
        {
            "radius_tokens": int(radius),
            **_measured(report.effect),
            **_beside(report),
        }
        for radius, report in zip(curve.radius_tokens, curve.reports, strict=True)
    ]
    own = rows[0]
    stages_said = joined(map(str, curve.stages), " and ")
    return asked.answer(
        title=say("How far attention must reach in stage {stages}", stages=stages_said),
        sentence=sentences(
            say(
                "With every token on its own {flipped} % of the pixels change label (KL {kl} "
                "nats).",
                flipped=f"{100 * own['flipped_share']:.2f}",
                kl=f"{own['kl_nats']:.3g}",
            ),
            "Where the curve meets zero, edges beyond that radius were not needed.",
            say(
                "Controls keep as many keys elsewhere, apart from the neighbourhood, in {draws} "
                "draws; of a large one there is no place apart.",
                draws=DRAWS,
            ),
            "They are compared where they change the blocks' outputs as much.",
        ),
        grade="causal",
        numbers={"stages": list(curve.stages), "self_only_kl_nats": own["kl_nats"]},
        arrays={
            "radius_tokens": curve.radius_tokens,
            "kl_nats": np.array([row["kl_nats"] for row in rows]),
            "control_kl_nats": np.array([row["control_kl_nats"] for row in rows]),
        },
        tables={"radii": rows},
        draw=lambda: _figures().radius_curve_figure(curve),
    )


def reach_cost_steps(
    asked: Asked, sizes: Sequence[int], target: RegionScore | None, seed: int
) -> Steps:
    """Return the answer about what windows in stage 3 cost."""
    cost = yield from reach_cost(asked.trace, sizes, target=target, seed=seed)
    rows: list[Row] = [
        {
            "reach": run.name,
            "window_tokens": run.window_tokens,
            "keys_per_query": run.keys_per_query,
            **_measured(run.report.effect),
            **_beside(run.report),
        }
        for run in cost.runs
    ]
    worst = max(rows, key=lambda row: row["kl_nats"])
    judged = [row for row in rows if row["verdict"]]
    more = [row for row in judged if row["verdict"] == "more"]
    return asked.answer(
        title="What reach costs in stage 3",
        sentence=sentences(
            say(
                "The largest change is that of {reach}: {flipped} % of the pixels change label (KL "
                "{kl} nats).",
                reach=_reach_words(worst),
                flipped=f"{100 * worst['flipped_share']:.2f}",
                kl=f"{worst['kl_nats']:.3g}",
            ),
            say(
                "Of {judged} kinds of masked windows that could be compared, {more} change more "
                "than as many keys of other tokens do.",
                judged=len(judged),
                more=len(more),
            ),
            say(
                "Compared with the reach that was traced ({reach}), on the same weights: a model "
                "trained in a reach may do better in it.",
                reach=asked.trace.reach,
            ),
        ),
        grade="causal",
        numbers={"traced_reach": asked.trace.reach, "runs": len(rows)},
        arrays={"kl_nats": np.array([row["kl_nats"] for row in rows])},
        tables={"reaches": rows},
        draw=lambda: _figures().reach_cost_figure(cost),
    )


def _figures() -> ModuleType:
    """Return the figures, whose libraries take long to import."""
    from analysis.figures import what_if

    return what_if


def _reach_words(row: Row) -> str:
    reach, size = row["reach"], row["window_tokens"]
    if size in (None, 1):
        return reach
    return say("{reach} with windows of {size} tokens", reach=reach, size=size)


def _measured(effect: Effect) -> Row:
    return {
        "flipped_share": effect.flipped_share,
        "kl_nats": effect.kl_nats,
        "margin_change_nats": effect.margin_change_nats,
        "seconds": effect.seconds,
    }


def _compared(report: EffectReport) -> Row:
    """Return what the controls did, their sizes, and whether the effect stands out from them."""
    numbers: Row = {
        "size_share": report.effect.size,
        "controls": len(report.controls),
        "verdict": report.standing,
        "verdict_withheld": report.withheld,
    }
    if not report.controls:
        return numbers
    numbers |= {
        "control": report.controls[0].interventions[0],
        "control_size_share": report.control_size,
        "control_overlap_share": report.overlap,
        "control_flipped_share": float(np.mean([one.flipped_share for one in report.controls])),
        **report.kl_nats.named("control_kl_nats"),
    }
    if report.margin_change_nats is not None:
        numbers |= report.margin_change_nats.named("control_margin_change_nats")
        numbers["margin_verdict"] = report.margin_standing
    return numbers


def _beside(report: EffectReport) -> Row:
    """Return how an effect in a series stands beside its controls, if it has any."""
    return {
        "size_share": report.effect.size,
        "controls": len(report.controls),
        "control_size_share": report.control_size,
        "control_overlap_share": report.overlap,
        **report.kl_nats.named("control_kl_nats"),
        "verdict": report.standing,
        "verdict_withheld": report.withheld,
    }


def _control_rows(report: EffectReport) -> list[Row]:
    """Return a row per random change."""
    return [
        {"draw": number, "size_share": one.size, **_measured(one)}
        for number, one in enumerate(report.controls)
    ]
