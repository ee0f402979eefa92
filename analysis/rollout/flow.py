"""How an amount that lies on the tokens of a map moves to the tokens they were made from.

Amounts are row vectors r, laid out as maps (rows, columns). Each function returns r M for one
token-mixing matrix M of the network without forming M: a product with a single vector needs one
chunk of its rows at a time, or only its band.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.affinity.attention_rows import attention_rows
from analysis.core.activation_cache import Trace
from analysis.core.checks import check_region
from analysis.core.forward import run_block
from analysis.core.grid import Grid
from uniformer.attention import from_windows, to_windows
from uniformer.blocks import GlobalBlock
from uniformer.layers import PatchEmbed, to_tokens


def region_share(grid: Grid, region: np.ndarray) -> np.ndarray:
    """Return which share of the pixels of ``region`` (H, W) each token sees, float64, sum 1.

    Raises :class:`AnalysisError` for an empty region or one of another picture.
    """
    pixels = grid.pixels_of(check_region(region, grid.picture_size_px))
    return pixels / pixels.sum()


def along_attention(
    block: GlobalBlock,
    stream: Tensor,
    window: int | None,
    amount: Tensor,
    head_gradient: Tensor | None = None,
) -> Tensor:
    """Return r E with E the mean over heads of the affinity A of ``block``.

    ``stream`` (1, C, rows, columns) is the block's input plus encoding. Given the gradient of a
    score by what the heads gather, ``head_gradient`` (1, C, rows, columns), E is the mean over
    heads of the positive part of A times the gradient by A (Chefer et al., arXiv 2103.15679), each
    row scaled to sum 1; what has an empty row stays where it is. What goes to the padding of
    windows is left out.
    """
    shape = tuple(amount.shape)
    attention, normed = block.attn, block.norm1(to_tokens(stream))
    tokens = _cut(normed, shape, window)
    pull = None if head_gradient is None else _cut(to_tokens(head_gradient), shape, window)
    given = _cut(amount.reshape(1, -1, 1), shape, window)[..., 0]
    moved = torch.zeros_like(given)
    for windows, queries, edges, value in attention_rows(attention, tokens):
        if pull is not None:
            # The gradient by A(i, j) is that by the output of i, times the value of j.
            by_head = pull[windows, queries].unflatten(2, (attention.heads, -1)).transpose(1, 2)
            edges = (edges * (by_head @ value.transpose(-2, -1))).clamp_min(0)
        rows, amounts = edges.mean(dim=1), given[windows, queries]
        total = rows.sum(dim=-1)
        share = torch.where(total > 0, amounts / total, 0)
        moved[windows] += (share[:, None] @ rows)[:, 0]
        moved[windows, queries] += torch.where(total > 0, 0, amounts)
    return _joined(moved, shape, window)


def along_terms(sizes: Tensor, amount: Tensor) -> Tensor:
    """Return r W for the k x k terms of a convolution, W proportional to the size of the terms.

    ``sizes`` (k * k, rows, columns) are those of the terms of each token, never negative, 0 for
    neighbours outside the map. Each row of W sums to 1; what has no terms stays where it is.
    """
    total = sizes.sum(dim=0)
    share = torch.where(total > 0, amount / total, 0)
    kernel = round(len(sizes) ** 0.5)
    spread = (sizes * share).flatten(1)[None]
    moved = F.fold(spread, tuple(amount.shape), kernel, padding=kernel // 2)[0, 0]
    return moved + torch.where(total > 0, 0, amount)


def encoding_norms(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Return the lengths of the 9 terms of a position encoding of ``x``, (9, rows, columns)."""
    # Squares of kernel and input, and one output channel per position of the kernel.
    squares = layer.weight[:, 0].flatten(1).square()
    select = torch.diag_embed(squares).transpose(0, 1).unflatten(2, layer.kernel_size)
    return F.conv2d(x.square(), select, padding=layer.padding)[0].sqrt()


def channel_terms(kernel: Tensor, values: Tensor, gradient: Tensor) -> Tensor:
    """Return how much each term of a depthwise convolution speaks for a score, never negative.

    A convolution is an affinity with one head per channel, so this is the mean over channels of the
    positive part of kernel times its gradient: with ``kernel`` (C, k, k), its input ``values``
    (C, rows, columns) and the ``gradient`` (C, rows, columns) of the score by its output, the term
    (k * k, rows, columns) of the neighbour at step d of token i is the mean over c of
    (kernel_c(d) values_c(i + d) gradient_c(i))+.
    """
    rows, columns = values.shape[1:]
    padded = F.pad(values, [kernel.shape[-1] // 2] * 4)
    terms = []
    for down, across in np.ndindex(tuple(kernel.shape[-2:])):
        neighbours = padded[:, down : down + rows, across : across + columns]
        taps = kernel[:, down, across, None, None]
        terms.append((taps * gradient * neighbours).clamp_min(0).mean(dim=0))
    return torch.stack(terms)


def to_patches(embed: PatchEmbed, x: Tensor, amount: Tensor) -> Tensor:
    """Spread what lies on tokens over their patches, in proportion to what each part adds.

    ``x`` (1, C, rows, columns) is what ``embed`` received; a part adds its own term of the
    convolution, measured by its length. Parts of ``x`` that no patch covers get nothing. ``amount``
    (rows, columns) and the result, of the size of ``x``, have the same sum.
    """
    side = embed.proj.kernel_size[0]
    rows, columns = amount.shape
    patches = F.pixel_unshuffle(x[:, :, : rows * side, : columns * side], side)
    parts = patches[0].unflatten(0, (x.shape[1], side * side))
    terms = torch.einsum("ock,ckyx->okyx", embed.proj.weight.flatten(2), parts)
    return _shared_out(terms.norm(dim=0), amount, tuple(x.shape[-2:]))


def to_pixels(stride: int, amount: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Spread what lies on tokens evenly over the ``stride`` x ``stride`` pixels of their patch.

    ``amount`` is (rows, columns), the result of ``size_px`` (h, w), with the same sum.
    """
    even = amount.new_ones(stride * stride, *amount.shape)
    return _shared_out(even, amount, size_px)


def unnormed_output(trace: Trace, stage: int) -> Tensor:
    """Return what ``stage`` hands on to the next, before its norm: its last block, run again.

    A map (1, C, rows, columns).
    """
    last = len(trace.windows[stage - 1]) - 1
    received, window = trace.block_inputs[stage - 1][last], trace.windows[stage - 1][last]
    with torch.no_grad():
        return run_block(trace.block(stage, last), received, window)


def _shared_out(norms: Tensor, amount: Tensor, size: tuple[int, int]) -> Tensor:
    """Share ``amount`` out among the k * k parts of each patch in proportion to ``norms``."""
    total = norms.sum(dim=0)
    share = torch.where(total > 0, norms / total, 1 / len(norms)) * amount
    spread = F.pixel_shuffle(share[None], round(len(norms) ** 0.5))[0, 0]
    return F.pad(spread, (0, size[1] - spread.shape[1], 0, size[0] - spread.shape[0]))


def _cut(tokens: Tensor, shape: tuple[int, int], window: int | None) -> Tensor:
    """Return tokens (1, L, C) window by window, (windows, tokens, C), padded with zeros."""
    return tokens if window is None else to_windows(tokens.unflatten(1, shape), window)[0]


def _joined(amounts: Tensor, shape: tuple[int, int], window: int | None) -> Tensor:
    """Return amounts (windows, tokens) as a map again, without those of the padding."""
    if window is None:
        return amounts.view(shape)
    height, width = (-(-side // window) * window for side in shape)
    return from_windows(amounts[..., None], window, (height, width), shape)[0, ..., 0]
