"""One forward pass, block by block, as it is or with a patch made inside some blocks.

The pass walks the layers of a model without hooks or switches, so a clean pass and a changed one
are the same code: what is not changed is equal bit for bit. It may begin at any block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import and_
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.core.any_segmenter import AnySegmenter
from analysis.core.checks import check_sides
from uniformer.attention import from_windows, to_windows
from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.layers import to_map, to_tokens
from uniformer.light import PrunedBlock
from uniformer.segmenter import Segmenter

CHUNK = 256
"""Queries whose masked rows are held at a time: memory must not grow with tokens squared."""

Windows = tuple[tuple[int | None, ...], ...]
"""The side in tokens of every block's windows, stage by stage; None where it has none."""

AttentionMask = Callable[[Tensor, Tensor], Tensor]
"""Says of queries (Q, 2) and keys (K, 2), row and column each, which may meet: bool (Q, K)."""


class Place(NamedTuple):
    """A block: its stage, 1 to 4, and its number in the stage, counted from 0."""

    stage: int
    block: int

    @property
    def name(self) -> str:
        """Its name in tables and figures: "3.5" is ``blocks3.5`` of a state dict."""
        return f"{self.stage}.{self.block}"


FIRST = Place(1, 0)


class Patch:
    """What is changed inside one block: nothing, except where a subclass says otherwise."""

    @property
    def drops(self) -> bool:
        """Whether the block is left out altogether."""
        return False

    def received(self, x: Tensor) -> Tensor:
        """Return what the block receives instead of ``x`` (1, C, rows, columns)."""
        return x

    def position(self, encoding: Tensor) -> Tensor:
        """Return what is added instead of the position encoding (1, C, rows, columns)."""
        return encoding

    def kernel(self, kernel: Tensor) -> Tensor:
        """Return the local affinity used instead of ``kernel`` (C, 1, 5, 5); stages 1-2."""
        return kernel

    def window(self, size: int | None) -> int | None:
        """Return the side of the zero-padded windows used instead of ``size``; stages 3-4."""
        return size

    def attention_mask(self) -> tuple[AttentionMask, ...]:
        """Return conditions that query and key must all meet to keep their edge; stages 3-4."""
        return ()

    def heads(self, heads: Tensor) -> Tensor:
        """Return what is projected instead of ``heads`` (1, heads, tokens, head_dim)."""
        return heads

    def output(self, changed: Tensor, clean: Callable[[], Tensor]) -> Tensor:
        """Return the block's output instead of ``changed``; ``clean`` makes it without changes."""
        return changed


NOTHING = Patch()


def windows_of(model: Segmenter) -> Windows:
    """Return the windows that the blocks of ``model`` are set to now; none without blocks."""
    if isinstance(model, AnySegmenter):
        return ()
    stages = (model.backbone.stage(number)[1] for number in range(1, 5))
    return tuple(
        tuple(getattr(block, "window_size", None) for block in blocks) for blocks in stages
    )


def stage_maps(model: Segmenter, x: Tensor, windows: Windows | None = None) -> tuple[Tensor, ...]:
    """Return the normed maps of all stages for network inputs (B, 3, h, w), ready for gradients.

    They are those of the backbone, which forms the attention matrix of every block and keeps it for
    gradients: here memory grows with the tokens, not with their square. ``windows`` are those of
    the blocks, None: what they are set to now. Of a network that is no UniFormer there are only the
    logits. Raises :class:`AnalysisError` for sides that the network refuses.
    """
    check_sides(tuple(x.shape[-2:]))
    if isinstance(model, AnySegmenter):
        return (model(x),)
    windows = windows_of(model) if windows is None else windows
    return forward(model, model.backbone.patch_embed1(x), windows)[1]


def forward(
    model: Segmenter,
    x: Tensor,
    windows: Windows,
    start: Place = FIRST,
    patches: Mapping[Place, Patch] | None = None,
) -> tuple[tuple[tuple[Tensor, ...], ...], tuple[Tensor, ...]]:
    """Return the inputs of the blocks from ``start`` on and the normed outputs of their stages.

    ``x`` (1, C, rows, columns) is what block ``start`` receives. Both results hold maps of this
    form and begin at the stage of ``start``. Blocks that prune tokens run as they are, from the
    first of them on, and cannot be changed.
    """
    patches = patches or {}
    inputs, outputs, focus = [], [], None
    for stage in range(start.stage, len(windows) + 1):
        embed, blocks, norm = model.backbone.stage(stage)
        first = start.block if stage == start.stage else 0
        if isinstance(blocks[0], PrunedBlock):
            focus = model.backbone.enter(x, focus)
        x = x if stage == start.stage else embed(x)
        received = []
        for number in range(first, len(blocks)):
            received.append(x)
            if focus is not None:
                x, focus = blocks[number](x, focus)
                continue
            patch = patches.get(Place(stage, number), NOTHING)
            x = run_block(blocks[number], x, windows[stage - 1][number], patch)
        inputs.append(tuple(received))
        outputs.append(norm(x))
    return tuple(inputs), tuple(outputs)


def run_block(
    block: LocalBlock | GlobalBlock, x: Tensor, window: int | None, patch: Patch = NOTHING
) -> Tensor:
    """Return the output (1, C, rows, columns) of ``block`` for an input ``x`` of the same shape.

    ``window`` is the side of its windows in tokens, None for the whole map, whatever the block is
    set to by now; ``patch`` is what is changed on the way.
    """
    changed = x if patch.drops else _run_changed(block, x, window, patch)
    return patch.output(changed, lambda: _run_changed(block, x, window, NOTHING))


def _run_changed(
    block: LocalBlock | GlobalBlock, x: Tensor, window: int | None, patch: Patch
) -> Tensor:
    x = patch.received(x)
    x = x + patch.position(block.pos_embed(x))
    if isinstance(block, LocalBlock):
        x = x + _local_branch(block, x, patch)
        return x + block.mlp(block.norm2(x))
    block = block.without_layer_scale()
    height, width = x.shape[-2:]
    tokens = to_tokens(x)
    tokens = tokens + _global_branch(block, block.norm1(tokens), (height, width), window, patch)
    return to_map(tokens + block.mlp(block.norm2(tokens)), height, width)


def affinity_branch(block: LocalBlock | GlobalBlock, stream: Tensor, window: int | None) -> Tensor:
    """Return what the affinity of ``block`` adds to ``stream``, its input plus encoding.

    Both are (1, C, rows, columns); ``window`` is the side of its windows in tokens, or None.
    """
    if isinstance(block, LocalBlock):
        return _local_branch(block, stream, NOTHING)
    shape = tuple(stream.shape[-2:])
    branch = _global_branch(block, block.norm1(to_tokens(stream)), shape, window, NOTHING)
    return to_map(branch, *shape)


def feed_forward_branch(block: LocalBlock | GlobalBlock, stream: Tensor) -> Tensor:
    """Return what the feed-forward network of ``block`` adds to ``stream``, its input so far.

    Both are (1, C, rows, columns).
    """
    if isinstance(block, LocalBlock):
        return block.mlp(block.norm2(stream))
    return to_map(block.mlp(block.norm2(to_tokens(stream))), *stream.shape[-2:])


def _local_branch(block: LocalBlock, x: Tensor, patch: Patch) -> Tensor:
    conv, values = block.attn, block.conv1(block.norm1(x))
    weighed = F.conv2d(
        values, patch.kernel(conv.weight), conv.bias, padding=conv.padding, groups=conv.groups
    )
    return block.conv2(weighed)


def _global_branch(
    block: GlobalBlock, normed: Tensor, shape: tuple[int, int], window: int | None, patch: Patch
) -> Tensor:
    """Return attention of normed tokens (1, L, C), without ever holding its matrix."""
    attention, size = block.attn, patch.window(window)
    if size is None:
        heads = _attend(*attention.project(normed), attention.scale, shape, None, patch)
    else:
        windows, padded = to_windows(normed.unflatten(1, shape), size)
        heads = _attend(*attention.project(windows), attention.scale, padded, size, patch)
        joined = from_windows(heads.transpose(1, 2).flatten(2), size, padded, shape).flatten(1, 2)
        heads = joined.unflatten(2, (attention.heads, -1)).transpose(1, 2)
    return attention.merge(patch.heads(heads))


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    shape: tuple[int, int],
    size: int | None,
    patch: Patch,
) -> Tensor:
    """Return what the heads gather, (windows, heads, tokens, head_dim)."""
    attention_mask = patch.attention_mask()
    if not attention_mask:
        return F.scaled_dot_product_attention(query, key, value, scale=scale)
    heads = torch.zeros_like(query)
    for window, at in enumerate(positions(shape, size).to(query.device)):
        for queries in torch.arange(len(at), device=at.device).split(CHUNK):
            allowed = reduce(and_, (edge(at[queries], at) for edge in attention_mask))
            keys, sees_any = allowed.any(0), allowed.any(1)
            if keys.any():
                gathered = F.scaled_dot_product_attention(
                    query[window, :, queries],
                    key[window][:, keys],
                    value[window][:, keys],
                    attn_mask=allowed[:, keys],
                    scale=scale,
                )
                # A query without a key gathers nothing; its softmax would be undefined.
                heads[window, :, queries] = gathered.masked_fill(~sees_any[:, None], 0)
    return heads


def positions(shape: tuple[int, int], size: int | None) -> Tensor:
    """Return row and column of every token, (windows, tokens, 2), padding beyond the map."""
    rows, columns = (torch.arange(side) for side in shape)
    at = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)[None]
    return at.flatten(1, 2) if size is None else to_windows(at, size)[0]
