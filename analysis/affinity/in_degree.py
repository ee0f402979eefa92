"""In-degree: how much attention each token receives from all queries, and whether some are sinks.

Sinks gather attention whatever the query asks for: Xiao et al., "Efficient Streaming Language
Models with Attention Sinks", arXiv 2309.17453; Darcet et al., "Vision Transformers Need
Registers", arXiv 2309.16588, find them among tokens of large norm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.affinity.attention_rows import attention_rows
from analysis.affinity.global_affinity import normed_input
from analysis.core.activation_cache import Trace
from uniformer.attention import Attention, from_windows, to_windows

SINK_DEGREE = 10.0
SINK_SHARE = 0.2
"""A head has a sink where a token exceeds the first, or the top 1 % of tokens the second."""


@dataclass(frozen=True)
class InDegree:
    """Attention received in one block, each head for itself.

    ``degree`` (heads, rows, columns) is the sum of the weights that all queries give a token: 1
    where all tokens are attended to alike and nothing is padded. ``padding_mass`` (heads,), 0 to 1,
    is the part of all attention that goes to padding; the mean degree is 1 - padding_mass.
    ``max_degree`` (heads,) is the largest degree and ``top_1_percent_share`` (heads,), 0 to 1, what
    the top 1 % of tokens (at least one) hold of the attention that tokens receive. ``has_sink``
    (heads,) says whether either exceeds its limit, ``SINK_DEGREE`` or ``SINK_SHARE``; a map of few
    tokens holds a large share in one by chance. ``input_norm`` (rows, columns) is the length of
    what the attention block receives for each token, before position encoding and norm.
    """

    stage: int
    block: int
    degree: np.ndarray
    padding_mass: np.ndarray
    max_degree: np.ndarray
    top_1_percent_share: np.ndarray
    has_sink: np.ndarray
    input_norm: np.ndarray


def in_degree(trace: Trace, stage: int, block: int) -> InDegree:
    """Return how much attention each token of a block of stage 3 or 4 receives, for all heads.

    Blocks are counted from 0. Raises :class:`AnalysisError` for a block that does not exist or
    whose affinity is local.
    """
    attention, normed = normed_input(trace, stage, block)
    size = trace.windows[stage - 1][block]
    shape = rows, columns = tuple(normed.shape[:2])
    grid, inside = normed[None], torch.ones_like(normed[None, ..., :1])
    with torch.no_grad():
        if size is None:
            received = _received(attention, grid.flatten(1, 2), inside.flatten(1))
            degree, lost = received[0].unflatten(1, shape), torch.zeros(attention.heads)
        else:
            windows, padded = to_windows(grid, size)
            real = to_windows(inside, size)[0][..., 0]
            received = _received(attention, windows, real)
            degree = from_windows(received.transpose(1, 2), size, padded, shape)[0].permute(2, 0, 1)
            lost = (received * (1 - real)[:, None]).sum((0, 2))
    degree = degree.double().cpu().numpy()
    total = degree.sum((1, 2))
    ranked = np.sort(degree.reshape(len(degree), -1))
    share = ranked[:, -math.ceil(0.01 * rows * columns) :].sum(1) / total
    return InDegree(
        stage=stage,
        block=block,
        degree=degree,
        padding_mass=lost.double().cpu().numpy() / (rows * columns),
        max_degree=ranked[:, -1],
        top_1_percent_share=share,
        has_sink=(ranked[:, -1] > SINK_DEGREE) | (share > SINK_SHARE),
        input_norm=trace.block_inputs[stage - 1][block][0].norm(dim=0).cpu().numpy(),
    )


def _received(attention: Attention, tokens: Tensor, real: Tensor) -> Tensor:
    """Return what each token of windows (W, T, C) receives from the real queries, (W, heads, T).

    ``real`` (W, T) is 1 for tokens of the map and 0 for padding.
    """
    received = tokens.new_zeros(len(tokens), attention.heads, tokens.shape[1])
    for windows, queries, weight, _ in attention_rows(attention, tokens):
        received[windows] += (real[windows, None, None, queries] @ weight).squeeze(2)
    return received
