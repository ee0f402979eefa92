"""Long work as a generator: it yields how far it has come, and returns what it found.

Within other work, ``found = yield from work`` passes the progress on. Whoever wants the result runs
the work with :func:`finish`, so that no loop elsewhere tells steps from results.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

Result = TypeVar("Result")
Step = TypeVar("Step")
Told = TypeVar("Told")

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


Work = Generator[Progress, None, Result]
"""Work that yields its progress and returns a result; closing it stops it between two steps."""


def finish(
    work: Generator[Any, None, Result], progress: Callable[[int, int], None] | None = None
) -> Result:
    """Run ``work`` to its end and return its result.

    Args:
        work: what to run. It is closed however this ends.
        progress: told the steps done and in all after each; what it raises stops the work.

    Returns:
        What the work returns, such as the ``Answer`` of a question.
    """
    with closing(work):
        while True:
            try:
                step = next(work)
            except StopIteration as end:
                return end.value
            if progress is not None:
                progress(step.done, step.total)


def relay(
    work: Generator[Step, None, Result], change: Callable[[Step], Told | None]
) -> Generator[Told, None, Result]:
    """Yield what ``change`` makes of each step of ``work``, unless None, and return its result."""
    with closing(work):
        while True:
            try:
                step = next(work)
            except StopIteration as end:
                return end.value
            if (told := change(step)) is not None:
                yield told


def part_of(work: Work[Result], part: int, parts: int) -> Work[Result]:
    """Pass on the progress of ``work`` as that of part number ``part``, from 0, of ``parts``.

    All parts count as equally long.
    """
    return relay(
        work,
        lambda step: replace(
            step,
            done=part * PART_STEPS + PART_STEPS * step.done // step.total,
            total=parts * PART_STEPS,
        ),
    )


def counted(work: Work[Result], before: int, total: int) -> Work[Result]:
    """Pass on the steps of ``work`` as those that follow the first ``before`` of ``total``."""
    return relay(work, lambda step: replace(step, done=before + step.done, total=total))
