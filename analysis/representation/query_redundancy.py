"""Do neighbouring queries attend to the same keys? Then attention per query is partly wasted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.affinity.global_affinity import normed_input
from analysis.core.activation_cache import Trace
from uniformer.attention import Attention


@dataclass(frozen=True)
class QueryRedundancy:
    """Mean cosine of two rows of attention of a block, for each head, 0 to 1.

    ``neighbours`` (heads,) is that of queries side by side or one above the other, ``all_pairs``
    (heads,) that of any two; 1 is the same row, and uniform attention has 1 in both. Queries are
    compared within their window, padding left out. NaN where no window has two queries.
    """

    neighbours: np.ndarray
    all_pairs: np.ndarray


def query_redundancy(trace: Trace, stage: int, block: int) -> QueryRedundancy:
    """Return how alike the rows of a block of stage 3 or 4 are.

    Rows are recomputed for one line of queries at a time: no matrix of affinities is held. Raises
    :class:`AnalysisError` for a block that does not exist or whose affinity is local.
    """
    attention, normed = normed_input(trace, stage, block)
    size = trace.windows[stage - 1][block] or max(normed.shape[:2])
    parts = [
        _sums(attention, window)
        for strip in normed.split(size)
        for window in strip.split(size, dim=1)
    ]
    totals: list[Any] = [sum(each) for each in zip(*parts, strict=True)]
    near, near_pairs, all_sums, all_pairs = totals
    with np.errstate(invalid="ignore"):
        return QueryRedundancy(near / np.float64(near_pairs), all_sums / np.float64(all_pairs))


def _sums(attention: Attention, window: Tensor) -> tuple[np.ndarray, int, np.ndarray, int]:
    """Return sums over heads and number of pairs: of neighbours, and of all queries of a window.

    A cosine does not change with a row's scale, so the softmax needs no padding here.
    """
    rows, columns, _ = window.shape
    count = rows * columns
    above, near, total = None, window.new_zeros(()), window.new_zeros(())
    for line in _lines(attention, window):
        near = near + (line[:, 1:] * line[:, :-1]).sum((1, 2))
        if above is not None:
            near = near + (line * above).sum((1, 2))
        total, above = total + line.sum(1), line
    pairs = rows * (columns - 1) + (rows - 1) * columns
    # Of all ordered pairs, without those of a row with itself.
    everything = total.square().sum(1) - count
    return near.cpu().numpy(), pairs, everything.cpu().numpy(), count * (count - 1)


def _lines(attention: Attention, window: Tensor) -> Iterator[Tensor]:
    """Yield the rows of attention of each line of queries, (heads, columns, keys), of length 1."""
    with torch.no_grad():
        query, key, _ = attention.project(window.flatten(0, 1)[None])
        for line in query.split(window.shape[1], dim=2):
            yield F.normalize(attention.affinity(line, key)[0].double(), dim=-1)
