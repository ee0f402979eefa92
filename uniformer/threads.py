"""How computing threads wait and how many there are, chosen before PyTorch is loaded.

OpenMP reads its environment once, when PyTorch brings it in. By default its threads spin while they
wait for each other: on a machine that does other work too, what they wait for has been put aside,
and a picture takes many times as long. Waiting passively costs little where nothing else runs.
What the environment says already is left as it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""What a container may use (cgroup version 2): microseconds of processor time per period."""


def settle() -> None:
    """Set ``OMP_WAIT_POLICY``, and ``OMP_NUM_THREADS`` in a container with fewer processors."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    allowed = quota()
    if allowed is not None and allowed < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(allowed))


def quota() -> int | None:
    """Return the whole processors that the container grants, at least 1; None without a limit."""
    try:
        microseconds, period = CPU_QUOTA.read_text(encoding="ascii").split()
        return max(1, int(microseconds) // int(period))
    except (OSError, ValueError):  # no container, or "max"
        return None


def as_here() -> Callable[[], None]:
    """Return what gives the thread that calls it as many computing threads as this one has.

    PyTorch keeps the number by thread, and the last bit of a sum depends on it.
    """
    import torch  # which reads what is settled here, so not before

    count = torch.get_num_threads()

    def take() -> None:
        if torch.get_num_threads() != count:
            torch.set_num_threads(count)

    return take


settle()
