"""The claims as questions that one number per picture decides, fixed before anything is measured.

C1: blocks that may look anywhere look near at first. C2: in early blocks far edges are redundant.
C3: global sight is needed late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.claims.conditions import CONTROL, NEAR_TOKENS
from benchmarks.claims.measuring import Record

SIDE = 2 * NEAR_TOKENS[3] + 1


@dataclass(frozen=True)
class Hypothesis:
    """``value`` of a picture's record, and what follows if its mean is ``above`` or ``below`` 0.

    In ``question`` and ``measured``, {first} and {last} stand for blocks of stage 3.
    """

    claim: str
    question: str
    measured: str
    value: Callable[[Record], float]
    above: str
    below: str


def stage_3(record: Record) -> tuple[str, str]:
    """Return the names of the first and the last block of stage 3."""
    blocks = [name for name in record["spread"]["traced"] if name.startswith("3.")]
    return blocks[0], blocks[-1]


def _excess(record: Record, block: str) -> float:
    """Return what a block attends to within 5 x 5 tokens, less what uniform weights would."""
    values = record["spread"]["traced"][block]
    return values["mass_5x5"] - values["uniform_mass_5x5"]


def _excess_of_first(record: Record) -> float:
    return _excess(record, stage_3(record)[0])


def _excess_of_first_over_last(record: Record) -> float:
    first, last = stage_3(record)
    return _excess(record, first) - _excess(record, last)


def _kl(more: str, less: str) -> Callable[[Record], float]:
    """Return what gives the KL of one condition less that of another, in nats."""
    return lambda record: record["effects"][more]["kl_nats"] - record["effects"][less]["kl_nats"]


HYPOTHESES = (
    Hypothesis(
        "C1",
        "Is the first block that attends globally, {first}, local?",
        "attention within 5 x 5 tokens in block {first}, less that of uniform weights",
        _excess_of_first,
        "It looks nearer than uniform attention would.",
        "It looks further away than uniform attention would.",
    ),
    Hypothesis(
        "C1",
        "Are early blocks of stage 3 more local than late ones?",
        "excess over uniform within 5 x 5 tokens, block {first} less block {last}",
        _excess_of_first_over_last,
        "The first block is more local than the last.",
        "The first block is less local than the last.",
    ),
    Hypothesis(
        "C2",
        "Are far edges in the early half of stage 3 less needed than in the late half?",
        f"KL with {SIDE} x {SIDE} neighbourhoods only, late half less early half, nats",
        _kl("near late", "near early"),
        "Cutting far edges costs less early than late: as the paper's redundancy has it.",
        "Cutting far edges costs more early than late: the redundancy the paper speaks of is not "
        "seen here.",
    ),
    Hypothesis(
        "C2",
        "Do near edges matter more than as many edges elsewhere, early in stage 3?",
        f"KL with {SIDE} x {SIDE} neighbourhoods moved elsewhere less those in place, nats",
        _kl(f"near early{CONTROL}", "near early"),
        "Keeping the near edges is better than keeping as many others.",
        "Keeping the near edges is worse than keeping as many others.",
    ),
    Hypothesis(
        "C2",
        "Is what stage 3 gathers much the same for every token?",
        "KL with attention silenced less KL with every head's mean over tokens, nats",
        _kl("silent stage 3", "mean stage 3"),
        "Its mean over tokens stands in for part of it: attention works in part as pooling.",
        "Its mean over tokens is no substitute, and worse than nothing.",
    ),
    Hypothesis(
        "C3",
        "Is global sight needed more in stage 4 than in stage 3?",
        "KL with windows of half the short side, stage 4 only less stage 3 only, nats",
        _kl("window stage 4", "window stage 3"),
        "Windows cost more in stage 4: global sight is needed late.",
        "Windows cost more in stage 3: global sight is needed there rather than in stage 4.",
    ),
    Hypothesis(
        "Reach",
        "Does the hybrid reach cost less than windows everywhere in stage 3?",
        "KL of windows less KL of hybrid, both of half the short side and padded, nats",
        _kl("reach padded window, half", "reach hybrid, half"),
        "Hybrid costs less.",
        "Hybrid costs more.",
    ),
)
"""In the order of the report."""
