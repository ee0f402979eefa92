"""Run one piece of work in several processes: started here, or by torchrun."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
from torch import distributed
from torch.multiprocessing import ProcessExitedException, get_context, spawn

Share = Callable[[int, int], int]
"""Does part ``rank`` of ``count`` and returns how much of it failed."""

MAX_PROCESSES = 256
PATIENCE = timedelta(days=365)
"""How long the first share to finish waits for the last."""


def run_sharded(share: Share, processes: int) -> int | None:
    """Run every share, each in a process of its own, and return how much failed in all.

    Under torchrun (``RANK`` and ``WORLD_SIZE`` are set) this process runs its own share, and all
    but the first return None once everybody is done. Else ``processes`` are started here, and they
    end when this one does, however it ends; for one, none is started. ``share`` must be picklable.

    Raises what the share raises in this process, and ``ValueError`` with the sentence of a
    ``ValueError`` or ``OSError`` in another, or for one that the system ended.
    """
    if not 1 <= processes <= MAX_PROCESSES:
        raise ValueError(f"The number of processes must be from 1 to {MAX_PROCESSES}.")
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        return _among_others(share, int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    if processes == 1:
        return share(0, 1)
    context = get_context("spawn")
    failed, told = context.Value("q", 0), context.SimpleQueue()
    try:
        spawn(_run, (share, processes, failed, told), nprocs=processes)
    except ProcessExitedException as error:
        raise ValueError(
            "A process was ended by the system, perhaps for want of memory: run the same command "
            "again to go on, with fewer processes."
        ) from error
    if not told.empty():
        raise ValueError(told.get())
    return failed.value


def _among_others(share: Share, rank: int, count: int) -> int | None:
    distributed.init_process_group("gloo", timeout=PATIENCE)
    try:
        failed = torch.tensor(share(rank, count))
        distributed.all_reduce(failed)
    finally:
        distributed.destroy_process_group()
    return int(failed) if rank == 0 else None


def _run(rank: int, share: Share, count: int, failed: Any, told: Any) -> None:
    """Run one share in a process that was started for it, with its part of the cores at most."""
    torch.set_num_threads(min(torch.get_num_threads(), max(1, (os.cpu_count() or 1) // count)))
    try:
        done = share(rank, count)
    except (ValueError, OSError) as error:
        told.put(" ".join(str(error).split()))
        return
    with failed.get_lock():
        failed.value += done
