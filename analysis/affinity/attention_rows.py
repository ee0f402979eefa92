"""All rows of attention, some at a time, so that memory does not grow with the tokens squared.

A map is cut into at most four areas whose windows are alike: full ones, those cut off at the right
or at the bottom border, and the one in the corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.affinity.global_affinity import normed_input
from analysis.affinity.statistics import Rows
from analysis.core.activation_cache import Trace
from uniformer.attention import Attention

CHUNK = 64
"""Queries whose rows are held at a time: few enough for the processor's cache."""


class AttentionRows(NamedTuple):
    """``weight`` (W, heads, queries, T) of the ``queries`` of the ``windows`` of a batch.

    ``value`` (W, heads, T, d) is what these windows offer.
    """

    windows: slice
    queries: slice
    weight: Tensor
    value: Tensor


def attention_rows(
    attention: Attention, tokens: Tensor, count: int | None = None
) -> Iterator[AttentionRows]:
    """Yield the rows of windows of normed tokens (windows, T, C), each query once.

    Of every window the first ``count`` tokens are queries (None: all are).
    """
    count = tokens.shape[1] if count is None else count
    together = max(1, CHUNK // count)
    for first in range(0, len(tokens), together):
        windows = slice(first, first + together)
        query, key, value = attention.project(tokens[windows])
        for start in range(0, count, CHUNK):
            queries = slice(start, min(start + CHUNK, count))
            weight = attention.affinity(query[:, :, queries], key)
            yield AttentionRows(windows, queries, weight, value)


def global_rows(trace: Trace, stage: int, block: int) -> Iterator[Rows]:
    """Yield the rows of all queries and heads of a block of stage 3 or 4, ``CHUNK`` at a time.

    Each query of the map comes once, with the keys it really has. Memory grows with the number of
    tokens, not with its square. Raises :class:`AnalysisError` for a block that does not exist or
    whose affinity is local.
    """
    attention, normed = normed_input(trace, stage, block)
    size = trace.windows[stage - 1][block]
    rows, columns = (torch.arange(side, device=normed.device) for side in normed.shape[:2])
    places = torch.cartesian_prod(rows, columns).unflatten(0, tuple(normed.shape[:2]))
    for area, there in zip(_areas(normed, size), _areas(places, size), strict=True):
        real = area.shape[1]
        padding = 0 if size is None else size * size - real
        with torch.no_grad():
            for windows, queries, weight, _ in attention_rows(
                attention, F.pad(area, (0, 0, 0, padding)), real
            ):
                offsets = there[0] - there[0, queries, None]
                yield Rows(
                    weight=weight[..., :real],
                    padding_mass=weight[..., real:].sum(-1),
                    queries=there[windows, queries],
                    offsets=offsets,
                    inside=torch.ones_like(offsets[..., 0], dtype=torch.bool),
                )


def _areas(x: Tensor, size: int | None) -> Iterator[Tensor]:
    """Yield a map (rows, columns, C) as windows (windows, tokens, C) of one shape at a time."""
    if size is None:
        yield x.flatten(0, 1)[None]
        return
    for strip in _cut(x, size):
        for area in _cut(strip.transpose(0, 1), size):
            # (columns, rows, C) to (windows, tokens, C).
            columns, rows = min(size, area.shape[0]), min(size, area.shape[1])
            cells = area.unflatten(0, (-1, columns)).unflatten(2, (-1, rows))
            yield cells.permute(2, 0, 3, 1, 4).flatten(0, 1).flatten(1, 2)


def _cut(x: Tensor, size: int) -> Iterator[Tensor]:
    """Yield the part of ``x`` that windows of ``size`` fill along the first axis, and the rest."""
    full = len(x) // size * size
    yield from (part for part in (x[:full], x[full:]) if len(part))
