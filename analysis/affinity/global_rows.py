"""The rows of all queries of a global block, some at a time, each with the keys it really has.

A map is cut into at most four areas whose windows are alike: full ones, those cut off at the right
or at the bottom border, and the one in the corner.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.affinity.global_affinity import normed_input
from analysis.affinity.statistics import Rows
from analysis.core.activation_cache import Trace
from uniformer.attention import Attention

CHUNK = 64
"""Queries whose rows are held at a time: few enough for the processor's cache."""


def global_rows(trace: Trace, stage: int, block: int) -> Iterator[Rows]:
    """Yield the rows of all queries and heads of a block of stage 3 or 4, ``CHUNK`` at a time.

    Each query of the map comes once. Memory grows with the number of tokens, not with its square.
    Raises :class:`AnalysisError` for a block that does not exist or whose affinity is local.
    """
    attention, normed = normed_input(trace, stage, block)
    for windows, padding in _areas(normed, trace.windows[stage - 1][block]):
        shape = windows.shape[1:3]
        together = max(1, CHUNK // shape.numel())
        for group in windows.flatten(1, 2).split(together):
            yield from _rows(attention, group, shape, padding)


def _areas(normed: Tensor, size: int | None) -> Iterator[tuple[Tensor, int]]:
    """Yield windows (windows, rows, columns, C) of one shape, and how much padding each has."""
    if size is None:
        yield normed[None], 0
        return
    for strip in _cut(normed, size):
        for area in _cut(strip.transpose(0, 1), size):
            # (columns, rows, C) to (windows, rows, columns, C).
            columns, rows = min(size, area.shape[0]), min(size, area.shape[1])
            cells = area.unflatten(0, (-1, columns)).unflatten(2, (-1, rows))
            windows = cells.permute(2, 0, 3, 1, 4).flatten(0, 1)
            yield windows, size * size - rows * columns


def _cut(x: Tensor, size: int) -> Iterator[Tensor]:
    """Yield the part of ``x`` that windows of ``size`` fill along the first axis, and the rest."""
    full = len(x) // size * size
    yield from (part for part in (x[:full], x[full:]) if len(part))


def _rows(attention: Attention, group: Tensor, shape: torch.Size, padding: int) -> Iterator[Rows]:
    """Yield the rows of the real queries of windows (windows, tokens, C)."""
    steps = torch.cartesian_prod(*(torch.arange(side, device=group.device) for side in shape))
    with torch.no_grad():
        query, key, _ = attention.project(F.pad(group, (0, 0, 0, padding)))
        for start in range(0, len(steps), CHUNK):
            chunk = slice(start, min(start + CHUNK, len(steps)))
            weight = attention.affinity(query[:, :, chunk], key)
            offsets = steps - steps[chunk, None]
            yield Rows(
                weight=weight[..., : len(steps)],
                padding_mass=weight[..., len(steps) :].sum(-1),
                offsets=offsets,
                inside=torch.ones_like(offsets[..., 0], dtype=torch.bool),
            )
