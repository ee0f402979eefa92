"""All rows of attention, some at a time, so that memory does not grow with the tokens squared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from uniformer.attention import Attention

CHUNK = 256
"""Queries whose rows are held at a time."""


class AttentionRows(NamedTuple):
    """``weight`` (W, heads, queries, T) of the ``queries`` of the ``windows`` of a batch.

    ``value`` (W, heads, T, d) is what these windows offer.
    """

    windows: slice
    queries: slice
    weight: Tensor
    value: Tensor


def attention_rows(attention: Attention, tokens: Tensor) -> Iterator[AttentionRows]:
    """Yield the rows of all queries of windows of normed tokens (windows, T, C), each once."""
    count, size = tokens.shape[:2]
    together = max(1, CHUNK // size)
    for first in range(0, count, together):
        windows = slice(first, first + together)
        query, key, value = attention.project(tokens[windows])
        for start in range(0, size, CHUNK):
            queries = slice(start, start + CHUNK)
            weight = attention.affinity(query[:, :, queries], key)
            yield AttentionRows(windows, queries, weight, value)
