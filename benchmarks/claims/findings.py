"""What the records say: tables of means with intervals, and a verdict per claim by fixed rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.claims.conditions import CONTROL
from benchmarks.claims.hypotheses import HYPOTHESES, Hypothesis, stage_3
from benchmarks.claims.intervals import Interval, Value, holm, interval
from benchmarks.claims.measuring import TRACED, Record
from benchmarks.claims.study import Study

MEASURES = ("kl_nats", "flipped_share", "accuracy_change", "size")
CONTROL_MEASURES = ("kl_nats", "flipped_share", "size")
SPREADS = ("distance_over_uniform", "entropy", "mass_5x5", "uniform_mass_5x5")

ALPHA = 0.05

UNDECIDED = "Undecided: the interval holds 0."
UNTESTED = "Not tested: no picture has room for a control apart from the change."
TOO_MANY = "Undecided: not after the correction for the number of tests."
AS_NULL = "Undecided: {null} do not differ enough from the model."


@dataclass(frozen=True)
class Test:
    """A claim put to the test: one number per picture, and the sentence its interval decides on.

    ``over_nulls`` is by how much the number exceeds that of each null, in the same pictures.
    ``p_value`` is the largest of those of the ``difference`` from 0 and from the nulls in the same
    direction, ``corrected`` for the number of tests by Holm's method.
    """

    claim: str
    question: str
    measured: str
    difference: Interval
    over_nulls: dict[str, Interval]
    p_value: float
    corrected: float
    verdict: str


@dataclass(frozen=True)
class Findings:
    """``effects[condition][measure]`` and ``spread[source][block][measure]`` over all pictures."""

    effects: dict[str, dict[str, Interval]]
    spread: dict[str, dict[str, dict[str, Interval]]]
    tests: tuple[Test, ...]
    accuracy: Interval
    pictures: int
    settings: dict[str, Any]


def findings(found: Study) -> Findings:
    """Return means, intervals and verdicts of a study."""
    records = list(found.records.values())
    first, seed = records[0], found.settings["seed"]

    def over(value: Callable[[Record], Value]) -> Interval:
        return interval([value(record) for record in records], seed)

    effects = {}
    for name in dict.fromkeys(name for record in records for name in record["effects"][TRACED]):
        effects[name] = {
            key: over(lambda r, n=name, k=key: r["effects"][TRACED].get(n, {}).get(k))
            for key in MEASURES
        }
        control = {
            key: over(lambda r, n=name, k=key: r["effects"][TRACED].get(n, {}).get(f"control_{k}"))
            for key in CONTROL_MEASURES
        }
        if control["kl_nats"].pictures:
            effects[name + CONTROL] = control
    spread = {
        source: {
            block: {
                key: over(lambda r, s=source, b=block, k=key: r["spread"][s][b][k])
                for key in SPREADS
            }
            for block in blocks
        }
        for source, blocks in first["spread"].items()
    }
    return Findings(
        effects=effects,
        spread=spread,
        tests=_tests(records, seed),
        accuracy=over(lambda record: record["accuracy"]),
        pictures=len(records),
        settings=found.settings,
    )


def _tests(records: list[Record], seed: int) -> tuple[Test, ...]:
    """Return all tests, corrected for their number."""
    tests = [_test(hypothesis, records, seed) for hypothesis in HYPOTHESES]
    corrected = holm([test.p_value for test in tests])
    return tuple(
        replace(test, corrected=p_value, verdict=_verdict(hypothesis, test, p_value))
        for hypothesis, test, p_value in zip(HYPOTHESES, tests, corrected, strict=True)
    )


def _test(hypothesis: Hypothesis, records: list[Record], seed: int) -> Test:
    first, last = stage_3(records[0])
    question, measured = (
        text.format(first=first, last=last) for text in (hypothesis.question, hypothesis.measured)
    )
    values = [hypothesis.value(record, TRACED) for record in records]
    difference = interval(values, seed)
    over_nulls = {
        null: interval([
            _less(value, hypothesis.value(record, null))
            for value, record in zip(values, records, strict=True)
        ], seed)
        for null in records[0]["spread"] if null != TRACED
    }  # fmt: skip
    p_values = [
        one.p_value if one.mean * difference.mean > 0 else 1.0
        for one in (difference, *over_nulls.values())
        if one.pictures
    ]
    return Test(
        hypothesis.claim, question, measured, difference, over_nulls,
        max(p_values, default=np.nan), np.nan, UNDECIDED,
    )  # fmt: skip


def _less(value: Value, null: Value) -> Value:
    """Return a picture's value less its null's, draw by draw where both have draws."""
    if isinstance(value, list):
        return [one - other for one, other in zip(value, null, strict=False)]
    return value - null


def _verdict(hypothesis: Hypothesis, test: Test, corrected: float) -> str:
    """Return what follows: only what differs from 0 and from every null, after the correction."""
    sign = test.difference.sign
    if not test.difference.pictures:
        return UNTESTED
    if sign == 0:
        return UNDECIDED
    alike = [null for null, one in test.over_nulls.items() if one.sign != sign]
    if alike:
        return AS_NULL.format(null=" and ".join(alike))
    if not corrected < ALPHA:
        return TOO_MANY
    return hypothesis.above if sign > 0 else hypothesis.below
