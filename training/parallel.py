"""Share the work of every batch among forked processes, one core each.

On a busy machine this is faster than threads: processes wait for one another once a step, threads
within every operation. Gradients are averaged; BatchNorm sees a process's own part of the batch.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import cv2
import torch
import torch.distributed as dist
from torch import nn

PATIENCE = timedelta(hours=12)
"""A process that is stopped for a while must not end the run."""


def run_in_parallel(work: Callable[[], None], processes: int) -> None:
    """Call ``work`` in this process, of rank 0, and in ``processes`` - 1 copies of it.

    Must be called before torch has started threads of its own; the copies share what is in memory.
    """
    if processes == 1:
        work()
        return
    cv2.setNumThreads(0)  # a forked copy would wait for ever for the threads of the original
    with tempfile.TemporaryDirectory() as folder:
        meeting = Path(folder) / "meeting"
        context = multiprocessing.get_context("fork")
        peers = [
            context.Process(target=_join, args=(work, rank, processes, meeting))
            for rank in range(1, processes)
        ]
        for peer in peers:
            peer.start()
        threads = torch.get_num_threads()
        try:
            _join(work, 0, processes, meeting)
        finally:
            torch.set_num_threads(threads)
        for peer in peers:
            peer.join()


def rank() -> int:
    """Return the number of this process, counted from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return how many processes share the work."""
    return dist.get_world_size() if dist.is_initialized() else 1


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace the gradients by their average over all processes."""
    if world_size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients]) / world_size()
    dist.all_reduce(flat)
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def _join(work: Callable[[], None], number: int, processes: int, meeting: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", f"file://{meeting}", timeout=PATIENCE, rank=number, world_size=processes
    )
    try:
        work()
    finally:
        dist.destroy_process_group()
