"""What the records say: tables of means with intervals, and a verdict per claim by fixed rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.claims.hypotheses import HYPOTHESES, Hypothesis, stage_3
from benchmarks.claims.intervals import Interval, interval
from benchmarks.claims.measuring import Record
from benchmarks.claims.study import Study

MEASURES = ("kl_nats", "flipped_share", "accuracy_change")
SPREADS = ("distance_over_uniform", "entropy", "mass_5x5", "uniform_mass_5x5")

UNDECIDED = "Undecided: the interval holds 0."


@dataclass(frozen=True)
class Test:
    """A claim put to the test: one number per picture, and the sentence its interval decides on."""

    claim: str
    question: str
    measured: str
    difference: Interval
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

    def over(value: Callable[[Record], float | None]) -> Interval:
        return interval([value(record) for record in records], seed)

    effects = {
        name: {key: over(lambda r, n=name, k=key: r["effects"][n][k]) for key in MEASURES}
        for name in first["effects"]
        if all(name in record["effects"] for record in records)
    }
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
        tests=tuple(_test(hypothesis, records, seed) for hypothesis in HYPOTHESES),
        accuracy=over(lambda record: record["accuracy"]),
        pictures=len(records),
        settings=found.settings,
    )


def _test(hypothesis: Hypothesis, records: list[Record], seed: int) -> Test:
    first, last = stage_3(records[0])
    question, measured = (
        text.format(first=first, last=last) for text in (hypothesis.question, hypothesis.measured)
    )
    difference = interval([hypothesis.value(record) for record in records], seed)
    words = {1: hypothesis.above, -1: hypothesis.below, 0: UNDECIDED}
    return Test(hypothesis.claim, question, measured, difference, words[difference.sign])
