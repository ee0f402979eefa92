"""Global affinity: what one token attends to in a block of stages 3-4, head by head, exactly.

A_n(i, j) = softmax_j(q_n(i) . k_n(j) * head_dim ** -0.5) and the branch's output at i is
sum_n sum_j A_n(i, j) W_n v_n(j) + b, with W_n the columns of the projection that read head n
(arXiv 2201.09450, section 3.3). A weight alone says little, since a value it multiplies can be
small: Kobayashi et al., "Attention is Not Only a Weight", arXiv 2004.10102, measure the norm of
the product instead. Only the row asked for is computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.grid import Grid, KeyWindow, Token
from uniformer.attention import Attention
from uniformer.blocks import GlobalBlock
from uniformer.layers import to_tokens


@dataclass(frozen=True)
class GlobalAffinity:
    """One row of the affinity of a block: query ``token``, all heads, on the map of its stage.

    ``grid`` says where the tokens of the stage lie.

    The maps (heads, rows, columns) are 0 outside ``window``, the keys the query can see:

    - ``weight``: A_n(i, j), 0 to 1;
    - ``contribution_norm``: length of A_n(i, j) W_n v_n(j), what really enters the output;
    - ``signed_share``: <A_n(i, j) W_n v_n(j), out> / <out, out> with ``out`` the output without
      its bias: the part of the output that this key makes up through this head, negative where it
      works against the rest, and 0 everywhere if the output is only bias.

    Where a window reaches beyond the map, padding takes part in the softmax: for each head
    ``padding_mass`` (heads,) and ``padding_signed_share`` (heads,) are its share of weight and of
    output, ``padding_contribution_norm`` (heads,) the length of what it adds. ``weight`` and
    ``padding_mass`` sum to 1 for each head; all signed shares together sum to 1. ``head_output``
    (heads, C) is the sum over keys; with ``bias`` (C,) it sums to the branch's output.
    """

    stage: int
    block: int
    grid: Grid
    token: Token
    window: KeyWindow
    weight: np.ndarray
    contribution_norm: np.ndarray
    signed_share: np.ndarray
    padding_mass: np.ndarray
    padding_contribution_norm: np.ndarray
    padding_signed_share: np.ndarray
    head_output: np.ndarray
    bias: np.ndarray

    @property
    def weight_over_uniform(self) -> np.ndarray:
        """``weight`` times the length of the softmax, padding included: 1 is uniform attention."""
        return self.weight * self.window.tokens


def global_affinity(trace: Trace, stage: int, block: int, token: Token) -> GlobalAffinity:
    """Return the row of one query in a block of stage 3 or 4, for all heads.

    Window and hybrid blocks are answered with the windows they had when the trace was made.

    Args:
        trace: of the picture.
        stage: 3 or 4.
        block: of the stage, counted from 0.
        token: row and column of the query on the stage's map, ``trace.grid(stage).token_at(x, y)``.

    Returns:
        Weights (heads, rows, columns), which sum to 1 with ``padding_mass``, and what each key adds
        to the output, by length and as a signed share.

    Raises:
        AnalysisError: for a block or token that does not exist, and for the blocks of stages 1 and
            2, whose affinity is local.
    """
    attention, normed = normed_input(trace, stage, block)
    row, column = token
    grid = trace.grid(stage)
    window = grid.window(token, trace.windows[stage - 1][block])
    with torch.no_grad():
        keys = _keys(normed, window)
        weight = row_weight(attention, normed[row, column], keys)
        value = _values(attention, keys)
        # Columns of the projection that read each head: (heads, C, head_dim).
        mix = attention.proj.weight.unflatten(1, (attention.heads, -1)).transpose(0, 1)
        head_output = torch.einsum("nl,nld,ncd->nc", weight, value, mix)
        norm = weight * _mixed_norm(value, mix)
        output = head_output.sum(0)
        toward = torch.einsum("c,ncd->nd", output, mix)
        energy = (output @ output).clamp_min(torch.finfo(output.dtype).tiny)
        share = weight * torch.einsum("nld,nd->nl", value, toward) / energy
        values = torch.stack([weight, norm, share])
    maps, padding = _placed(values, window, grid.shape)
    return GlobalAffinity(
        stage=stage,
        block=block,
        grid=grid,
        token=token,
        window=window,
        weight=maps[0],
        contribution_norm=maps[1],
        signed_share=maps[2],
        padding_mass=padding[0],
        padding_contribution_norm=padding[1],
        padding_signed_share=padding[2],
        head_output=head_output.cpu().numpy(),
        # A copy, so that the result does not change with the weights.
        bias=attention.proj.bias.detach().clone().cpu().numpy(),
    )


def joint_contribution_norm(trace: Trace, row: GlobalAffinity) -> np.ndarray:
    """Return the length of what each key adds through all heads together, (rows, columns).

    |sum_n A_n(i, j) W_n v_n(j)|, 0 outside the window: heads that pull apart cancel here, and do
    not in the sum of their lengths. ``row`` is one of ``trace``.
    """
    attention, normed = normed_input(trace, row.stage, row.block)
    with torch.no_grad():
        value = _values(attention, normed.flatten(0, 1))
        weight = torch.from_numpy(row.weight).to(value).flatten(1)
        gathered = (weight[..., None] * value).transpose(0, 1).flatten(1)
        joint = F.linear(gathered, attention.proj.weight).norm(dim=1)
    return joint.view(normed.shape[:2]).cpu().numpy()


def normed_input(trace: Trace, stage: int, block: int) -> tuple[Attention, Tensor]:
    """Return the attention of a block of stage 3 or 4 and what it reads, (rows, columns, C).

    That is the block's input after position encoding and norm. Raises :class:`AnalysisError` for a
    block that does not exist or whose affinity is local.
    """
    layers = trace.block(stage, block)
    if not isinstance(layers, GlobalBlock):
        raise AnalysisError(
            f"The affinity of stage {stage} is local: global affinity is that of stages 3 and 4."
        )
    x = trace.block_inputs[stage - 1][block]
    with torch.no_grad():
        normed = layers.norm1(to_tokens(x + layers.pos_embed(x)))
    return layers.attn, normed[0].unflatten(0, tuple(x.shape[-2:]))


def _keys(normed: Tensor, window: KeyWindow) -> Tensor:
    """Return the tokens of a window (tokens, C): those of the map row by row, then padding."""
    rows = slice(window.top, window.top + window.rows)
    columns = slice(window.left, window.left + window.columns)
    real = normed[rows, columns].flatten(0, 1)
    return F.pad(real, (0, 0, 0, window.padding_tokens))


def row_weight(attention: Attention, query: Tensor, keys: Tensor) -> Tensor:
    """Return the softmax row of one token ``query`` (C,) over ``keys`` (tokens, C), for all heads.

    q . (W_k x + b_k) is (q W_k) . x and a constant that the softmax drops, so no key is projected.
    """
    query_weight, key_weight, _ = attention.qkv.weight.unflatten(0, (3, attention.heads, -1))
    query_bias = attention.qkv.bias.unflatten(0, (3, attention.heads, -1))[0]
    projected = query_weight @ query + query_bias
    return attention.affinity(projected[:, None] @ key_weight, keys)[:, 0]


def _values(attention: Attention, keys: Tensor) -> Tensor:
    """Return the values of tokens (tokens, C), (heads, tokens, head_dim)."""
    width = keys.shape[-1]
    values = F.linear(keys, attention.qkv.weight[-width:], attention.qkv.bias[-width:])
    return values.unflatten(1, (attention.heads, -1)).transpose(0, 1)


def _mixed_norm(value: Tensor, mix: Tensor) -> Tensor:
    """Return the lengths of W_n v_n(j), (heads, tokens), without forming these vectors."""
    gram = mix.transpose(1, 2) @ mix
    return ((value @ gram) * value).sum(-1).clamp_min(0).sqrt()


def _placed(
    values: Tensor, window: KeyWindow, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Put values (..., heads, keys) of a window back on the map; also return the padding's sum."""
    real, padding = values.split([window.real_tokens, window.padding_tokens], dim=-1)
    rows, columns = shape
    right, bottom = columns - window.left - window.columns, rows - window.top - window.rows
    placed = real.unflatten(-1, (window.rows, window.columns))
    placed = F.pad(placed, (window.left, right, window.top, bottom))
    return placed.cpu().numpy(), padding.sum(-1).cpu().numpy()
