"""The claims as questions that one number per picture decides, fixed before anything is measured.

C1: blocks that may look anywhere look near at first. C2: in early blocks far edges are redundant.
C3: global sight is needed late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.claims.conditions import NEAR_TOKENS
from benchmarks.claims.intervals import Value
from benchmarks.claims.measuring import TRACED, Record

SIDE = 2 * NEAR_TOKENS[3] + 1


@dataclass(frozen=True)
class Hypothesis:
    """``value`` of a picture's record, and what follows if its mean is ``above`` or ``below`` 0.

    ``value`` takes the source too, the model or one of its nulls. In ``question`` and ``measured``,
    {first} and {last} stand for blocks of stage 3.
    """

    claim: str
    question: str
    measured: str
    value: Callable[[Record, str], Value]
    above: str
    below: str


def stage_3(record: Record) -> tuple[str, str]:
    """Return the names of the first and the last block of stage 3."""
    blocks = [name for name in record["spread"][TRACED] if name.startswith("3.")]
    return blocks[0], blocks[-1]


def _excess(record: Record, source: str, block: str) -> float:
    """Return what a block attends to within 5 x 5 tokens, less what uniform weights would."""
    values = record["spread"][source][block]
    return values["mass_5x5"] - values["uniform_mass_5x5"]


def _excess_of_first(record: Record, source: str) -> float:
    return _excess(record, source, stage_3(record)[0])


def _excess_of_first_over_last(record: Record, source: str) -> float:
    first, last = stage_3(record)
    return _excess(record, source, first) - _excess(record, source, last)


def _distance_of_first(record: Record, source: str) -> float:
    return record["spread"][source][stage_3(record)[0]]["distance_over_uniform"] - 1


def _kl(record: Record, source: str, name: str) -> float:
    return record["effects"][source][name]["kl_nats"]


def _difference(more: str, less: str) -> Callable[[Record, str], float]:
    """Return what gives the KL of one condition less that of another, in nats."""
    return lambda record, source: _kl(record, source, more) - _kl(record, source, less)


def _over_controls(name: str) -> Callable[[Record, str], list[float]]:
    """Return what gives the KL of each control of a condition, less its own, in nats."""

    def value(record: Record, source: str) -> list[float]:
        found = record["effects"][source][name]
        return [control - found["kl_nats"] for control in found["control_kl_nats"]]

    return value


def _windows_late_over_early(record: Record, source: str) -> float:
    """Return what windows cost in stage 4 less stage 3, means over equally many blocks, in nats."""
    costs = {3: [], 4: []}
    for name in record["effects"][source]:
        for stage, found in costs.items():
            if name.startswith(f"window {stage}."):
                found.append(_kl(record, source, name))
    return float(np.mean(costs[4]) - np.mean(costs[3]))


HYPOTHESES = (
    Hypothesis(
        "C1",
        "Does the first block that attends globally, {first}, favour its neighbourhood?",
        "attention within 5 x 5 tokens in block {first}, less that of uniform weights",
        _excess_of_first,
        "It attends more to its 5 x 5 tokens than uniform attention would.",
        "It attends less to its 5 x 5 tokens than uniform attention would.",
    ),
    Hypothesis(
        "C1",
        "Does that block look nearer than uniform attention, over all distances?",
        "mean distance in block {first} over that of uniform weights, less 1",
        _distance_of_first,
        "Its mean distance is longer than that of uniform attention.",
        "Its mean distance is shorter than that of uniform attention.",
    ),
    Hypothesis(
        "C1",
        "Do early blocks of stage 3 favour their neighbourhood more than late ones?",
        "excess over uniform within 5 x 5 tokens, block {first} less block {last}",
        _excess_of_first_over_last,
        "The first block attends more to its 5 x 5 tokens than the last.",
        "The first block attends less to its 5 x 5 tokens than the last.",
    ),
    Hypothesis(
        "C2",
        "Are far edges in the early half of stage 3 less needed than in the late half?",
        f"KL with {SIDE} x {SIDE} neighbourhoods only, late half less early half, nats",
        _difference("near late", "near early"),
        "Cutting far edges costs less early than late: as the paper's redundancy has it.",
        "Cutting far edges costs more early than late: the redundancy the paper speaks of is not "
        "seen here.",
    ),
    Hypothesis(
        "C2",
        "Do near edges matter more than as many edges elsewhere, early in stage 3?",
        f"KL with {SIDE} x {SIDE} neighbourhoods moved elsewhere less those in place, nats",
        _over_controls("near early"),
        "Keeping the near edges is better than keeping as many others.",
        "Keeping the near edges is worse than keeping as many others.",
    ),
    Hypothesis(
        "C2",
        "Is what stage 3 gathers much the same for every token?",
        "KL with attention silenced less KL with every head's mean over tokens, nats",
        _difference("silent stage 3", "mean stage 3"),
        "Its mean over tokens stands in for part of it: attention works in part as pooling.",
        "Its mean over tokens is no substitute, and worse than nothing.",
    ),
    Hypothesis(
        "C3",
        "Is global sight needed more in stage 4 than in as many blocks of stage 3?",
        "KL with windows of half the short side, stage 4 less stage 3, means over groups of as "
        "many blocks, nats",
        _windows_late_over_early,
        "Windows cost more in stage 4: global sight is needed late.",
        "Windows cost more in stage 3: global sight is needed there rather than in stage 4.",
    ),
    Hypothesis(
        "Reach",
        "Does the hybrid reach cost less than windows everywhere in stage 3?",
        "KL of windows less KL of hybrid, both of half the short side and padded, nats",
        _difference("reach padded window, half", "reach hybrid, half"),
        "Hybrid costs less.",
        "Hybrid costs more.",
    ),
)
"""In the order of the report."""
