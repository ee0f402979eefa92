"""Alternating timing, and the rate of the machine's own matrix product."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def paired_seconds(forms: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run every form once per round, in turn, after one warm-up; return seconds by form."""
    for run in forms.values():
        run()
    times: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(rounds):
        for form, run in forms.items():
            times[form].append(_seconds(run))
    return times


def gemm_rate(dtype: torch.dtype = torch.float32, side: int = 2048) -> float:
    """Return the best FLOP/s of a square matrix product over ten runs."""
    a, b = torch.randn(side, side, dtype=dtype), torch.randn(side, side, dtype=dtype)
    return 2 * side**3 / min(_seconds(lambda: a @ b) for _ in range(10))
