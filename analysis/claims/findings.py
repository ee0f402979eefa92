"""What the records say: tables of means with intervals, and a verdict per claim by fixed rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analysis.claims.conditions import NEAR_TOKENS
from analysis.claims.intervals import Interval, interval
from analysis.claims.measuring import Record
from analysis.claims.study import Study

MEASURES = ("kl_nats", "flipped_share", "accuracy_change")
SPREADS = ("distance_over_uniform", "entropy", "mass_5x5", "uniform_mass_5x5")

CONTROL = " (control)"

Verdict = str


@dataclass(frozen=True)
class Test:
    """A claim as one number per picture, and what follows if its interval is above or below 0."""

    claim: str
    question: str
    measured: str
    difference: Interval
    above: str
    below: str

    @property
    def verdict(self) -> Verdict:
        """The sentence that the interval decides on; "undecided" where it holds 0."""
        words = {1: self.above, -1: self.below, 0: "Undecided: the interval holds 0."}
        return words[self.difference.sign]


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
        tests=tuple(_tests(list(first["spread"]["traced"]), over)),
        accuracy=over(lambda record: record["accuracy"]),
        pictures=len(records),
        settings=found.settings,
    )


def _tests(blocks: list[str], over: Callable[[Callable[[Record], float]], Interval]) -> list[Test]:
    first, last = blocks[0], [block for block in blocks if block.startswith("3.")][-1]

    def excess(record: Record, block: str) -> float:
        values = record["spread"]["traced"][block]
        return values["mass_5x5"] - values["uniform_mass_5x5"]

    def kl(record: Record, name: str) -> float:
        return record["effects"][name]["kl_nats"]

    side = 2 * NEAR_TOKENS[3] + 1
    return [
        Test(
            "C1",
            f"Is the first block that attends globally, {first}, local?",
            f"attention within 5 x 5 tokens in block {first}, less that of uniform weights",
            over(lambda record: excess(record, first)),
            "It looks nearer than uniform attention would.",
            "It looks no nearer than uniform attention would, but further.",
        ),
        Test(
            "C1",
            "Are early blocks of stage 3 more local than late ones?",
            f"excess over uniform within 5 x 5 tokens, block {first} less block {last}",
            over(lambda record: excess(record, first) - excess(record, last)),
            "The first block is more local than the last.",
            "The first block is less local than the last.",
        ),
        Test(
            "C2",
            "Are far edges in the early half of stage 3 less needed than in the late half?",
            f"KL with {side} x {side} neighbourhoods only, late half less early half, nats",
            over(lambda record: kl(record, "near late") - kl(record, "near early")),
            "Cutting far edges costs less early than late: as the paper's redundancy has it.",
            "Cutting far edges costs more early than late: the redundancy the paper speaks of is "
            "not seen here.",
        ),
        Test(
            "C2",
            "Do near edges matter more than as many edges elsewhere, early in stage 3?",
            f"KL with {side} x {side} neighbourhoods moved elsewhere less those in place, nats",
            over(lambda record: kl(record, f"near early{CONTROL}") - kl(record, "near early")),
            "Keeping the near edges is better than keeping as many others.",
            "Keeping the near edges is worse than keeping as many others.",
        ),
        Test(
            "C2",
            "Is what stage 3 gathers much the same for every token?",
            "KL with attention silenced less KL with every head's mean over tokens, nats",
            over(lambda record: kl(record, "silent stage 3") - kl(record, "mean stage 3")),
            "Its mean over tokens stands in for part of it: attention works in part as pooling.",
            "Its mean over tokens is no substitute, and worse than nothing.",
        ),
        Test(
            "C3",
            "Is global sight needed more in stage 4 than in stage 3?",
            "KL with windows of half the short side, stage 4 only less stage 3 only, nats",
            over(lambda record: kl(record, "window stage 4") - kl(record, "window stage 3")),
            "Windows cost more in stage 4: global sight is needed late.",
            "Windows cost more in stage 3: global sight is needed there rather than in stage 4.",
        ),
        Test(
            "Reach",
            "Does the hybrid reach cost less than windows everywhere in stage 3?",
            "KL of windows less KL of hybrid, both of half the short side and padded, nats",
            over(
                lambda record: (
                    kl(record, "reach padded window, half") - kl(record, "reach hybrid, half")
                )
            ),
            "Hybrid costs less.",
            "Hybrid costs more.",
        ),
    ]
