"""The sentence of an effect: what changed, and how it stands beside random changes as large."""

from __future__ import annotations

import numpy as np

from analysis.core.uncertainty import NOTHING_NATS, Spread, Standing
from analysis.core.words import Said, say, sentences
from analysis.interventions.effect import EffectReport
from analysis.questions.answer import Row

SEEN_PERCENT = 0.05
"""Of the picture: changes of a class's area below it are not worth a word."""


def effect_sentence(report: EffectReport, compared: bool = True) -> Said:
    """Return what changed, and, if ``compared``, whether random changes as large do as much."""
    effect = report.effect
    if not effect.changed.any() and effect.kl_nats < NOTHING_NATS:
        return sentences(
            "Nothing changed: the prediction is the same, so what was taken away was not needed "
            "here, or there was nothing to take away."
        )
    found: list[str] = [_changed(report)]
    if effect.margin_change_nats is not None:
        change = f"{effect.margin_change_nats:+.3g}"
        found += [say("The margin of the region changes by {change} nats.", change=change)]
    if not compared:
        return sentences(*found)
    if report.withheld:
        return sentences(*found, report.withheld)
    count = len(report.controls)
    stands = _stands(report.standing, report.kl_nats, count, ".2g")
    found += [say("By KL that {stands}.", stands=stands)]
    if report.margin_change_nats is not None:
        stands = _stands(report.margin_standing, report.margin_change_nats, count, "+.2g")
        found += [say("By the margin it {stands}.", stands=stands)]
    return sentences(*found, _sizes(report))


def _changed(report: EffectReport) -> Said:
    """Return how much changed, and what became of the class whose area changes most."""
    flipped, kl = f"{100 * report.effect.flipped_share:.2f}", f"{report.effect.kl_nats:.3g}"
    what = _most_changed(report)
    if what is None:
        return say("{flipped} % of the pixels change label (KL {kl} nats).", flipped=flipped, kl=kl)
    return say(
        "{flipped} % of the pixels change label; {what} (KL {kl} nats).",
        flipped=flipped,
        what=what,
        kl=kl,
    )


def _most_changed(report: EffectReport) -> Said | None:
    """Return what becomes of the class whose area changes most; None if it hardly does."""
    rows = class_rows(report)
    row = max(rows, key=lambda row: abs(row["area_after_share"] - row["area_before_share"]))
    before, after = (100 * row[f"area_{when}_share"] for when in ("before", "after"))
    if abs(after - before) < SEEN_PERCENT:
        return None
    name, was, now = row["class"], f"{before:.3g}", f"{after:.3g}"
    if not after:
        return say("{name} vanishes from {area} % of the picture", name=name, area=was)
    if not before:
        return say("{name} appears on {area} % of the picture", name=name, area=now)
    return say("{name} goes from {was} to {now} % of the picture", name=name, was=was, now=now)


def _stands(standing: Standing | None, drawn: Spread, count: int, digits: str) -> Said:
    """Return where a number stands beside those of random changes, from the verb on."""
    within = say(
        "95 % of them, from {draws} draws: {low} to {high} nats",
        draws=count,
        low=f"{drawn.low:{digits}}",
        high=f"{drawn.high:{digits}}",
    )
    words: dict[Standing | None, Said] = {
        "more": say("is above what random changes do ({range})", range=within),
        "less": say("is below what random changes do ({range})", range=within),
        "cannot be told apart": say(
            "cannot be told apart from what random changes do ({range})", range=within
        ),
    }
    return words[standing]


def _sizes(report: EffectReport) -> Said:
    """Return how large the change and its controls are."""
    return say(
        "The change is {mine} % of {what}, the random ones {theirs} %.",
        mine=f"{100 * report.effect.size:.3g}",
        what="the picture's contrast" if None in report.effect.sizes else "its blocks' outputs",
        theirs=f"{100 * report.control_size:.3g}",
    )


def class_rows(report: EffectReport) -> list[Row]:
    """Return a row per class that is there before or after."""
    effect, count = report.effect, len(report.classes)
    before, after = (
        np.bincount(labels.ravel(), minlength=count) / labels.size
        for labels in (report.labels_before, effect.labels_after)
    )
    return [
        {
            "class": report.classes.names[index],
            "area_before_share": float(before[index]),
            "area_after_share": float(after[index]),
            "iou_with_before": float(effect.iou[index]),
        }
        for index in np.flatnonzero(before + after)
    ]
