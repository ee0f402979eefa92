"""The 25 terms of all tokens of a local block: how much each neighbour adds, by its length.

With V the values, a the depthwise kernel and W the mixing convolution, the neighbour at step d
adds c_d(i) = W (a_d * V(i + d)) to the output at i; see :mod:`analysis.affinity.local_affinity`.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.affinity.local_affinity import RADIUS
from analysis.affinity.statistics import Rows
from analysis.core.activation_cache import Trace
from analysis.core.checks import check_evaluating
from analysis.core.errors import AnalysisError
from uniformer.blocks import LocalBlock

CHUNK = 4096
"""Tokens whose rows are held at a time."""


def contribution_norms(trace: Trace, stage: int, block: int) -> Tensor:
    """Return the lengths of the terms of a block of stage 1 or 2, (25, rows, columns), exactly.

    The first axis runs row by row over the 5 x 5 steps from a token to its neighbour. Neighbours
    outside the map add 0. Divided by their sum, the lengths of a token are the ``norm_share`` of
    :func:`analysis.local_affinity`. Raises :class:`AnalysisError` for a block that does not exist
    or whose affinity is global.
    """
    layers = trace.block(stage, block)
    if not isinstance(layers, LocalBlock):
        raise AnalysisError(
            f"The affinity of stage {stage} is global: local affinity is that of stages 1 and 2."
        )
    check_evaluating(trace.model)
    x = trace.block_inputs[stage - 1][block]
    with torch.no_grad():
        values = layers.conv1(layers.norm1(x + layers.pos_embed(x)))[0]
        mix = layers.conv2.weight[:, :, 0, 0]
        rows, columns = values.shape[1:]
        lengths = []
        for step, taps in enumerate(layers.attn.weight[:, 0].flatten(1).T):
            down, across = divmod(step, 2 * RADIUS + 1)
            # A term's length depends on the neighbour and the step alone, not on the query.
            terms = (mix * taps) @ values.flatten(1)
            length = terms.square().sum(0).sqrt().view(rows, columns)
            padded = F.pad(length, [RADIUS] * 4)
            lengths.append(padded[down : down + rows, across : across + columns])
    return torch.stack(lengths)


def local_rows(trace: Trace, stage: int, block: int) -> Iterator[Rows]:
    """Yield the rows of all tokens of a block of stage 1 or 2, ``CHUNK`` at a time.

    A convolution has a single row per token, as if it had one head, and its weights are the
    lengths of :func:`contribution_norms`; they do not sum to 1.
    """
    norms = contribution_norms(trace, stage, block)
    steps = torch.arange(-RADIUS, RADIUS + 1, device=norms.device)
    offsets = torch.cartesian_prod(steps, steps)
    inside = F.pad(torch.ones_like(norms[:1]), [RADIUS] * 4)
    inside = F.unfold(inside[None], 2 * RADIUS + 1)[0].T.bool()
    weight = norms.flatten(1).T.contiguous()
    places = torch.cartesian_prod(
        *(torch.arange(side, device=norms.device) for side in norms.shape[1:])
    )
    for start in range(0, len(weight), CHUNK):
        chunk = slice(start, start + CHUNK)
        yield Rows(
            weight=weight[None, None, chunk],
            padding_mass=torch.zeros_like(weight[None, None, chunk, 0]),
            queries=places[None, chunk],
            offsets=offsets[None],
            inside=inside[chunk],
        )
