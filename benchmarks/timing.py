"""Alternating timing, and the rate of the machine's own matrix product."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import torch


class Seconds(NamedTuple):
    """What a run took: on the clock, and of all processors together, which other work spares."""

    wall: float
    processor: float


def timed(run: Callable[[], object]) -> Seconds:
    """Return what one run takes."""
    start = Seconds(time.perf_counter(), time.process_time())
    run()
    return Seconds(time.perf_counter() - start.wall, time.process_time() - start.processor)


def paired_seconds(forms: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[Seconds]]:
    """Run every form once per round, in turn, after one warm-up; return seconds by form."""
    for run in forms.values():
        run()
    times: dict[str, list[Seconds]] = {form: [] for form in forms}
    for _ in range(rounds):
        for form, run in forms.items():
            times[form].append(timed(run))
    return times


def gemm_rate(dtype: torch.dtype = torch.float32, side: int = 2048) -> float:
    """Return the best FLOP/s of a square matrix product over ten runs."""
    a, b = torch.randn(side, side, dtype=dtype), torch.randn(side, side, dtype=dtype)
    return 2 * side**3 / min(timed(lambda: a @ b).wall for _ in range(10))
