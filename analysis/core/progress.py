"""How far a long computation has come: what its generator yields before the result."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

Result = TypeVar("Result")

PART_STEPS = 1000
"""Steps that each part of a computation counts as, however many it has."""


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` equal steps; both count from 1 upwards and end at ``total``.

    ``found`` is what is known so far, where that can be shown: a map (rows, columns) with NaN where
    nothing is known yet, or an answer that says less than the last one will.
    """

    done: int
    total: int
    found: Any = field(default=None, compare=False, repr=False)


def part_of(
    steps: Iterator[Progress | Result], part: int = 0, parts: int = 1
) -> Generator[Progress, None, Result]:
    """Pass on the progress of ``steps`` as that of part number ``part``, from 0, of ``parts``.

    Returns the result, for ``yield from``. All parts count as equally long.
    """
    for step in steps:
        if not isinstance(step, Progress):
            return step
        done = part * PART_STEPS + PART_STEPS * step.done // step.total
        yield replace(step, done=done, total=parts * PART_STEPS)
    raise RuntimeError("The work ended without a result.")
