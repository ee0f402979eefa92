"""A model whose reach and heads are inputs of the graph, and which hands out what rows are made of.

One file then serves every reach, every picture and what-if on heads, where nothing but an ONNX
runtime is at hand: the browser. Beside ``image`` (1, 3, H, W) the graph takes

- ``windows`` (blocks of stage 3,) int64: the side of each block's windows in tokens, 0 for none;
- ``gates3`` and ``gates4`` (blocks, heads): what each head gathers is multiplied by its gate before
  it is projected; 1 leaves it as it is, 0 silences it.

Windows are not cut out: keys of other windows get a logit of minus infinity. Where a window reaches
beyond the map its n padding tokens, all alike, are one key whose logit is raised by log n, which is
the same softmax (see :func:`uniformer.attention.to_windows`).

It returns ``logits`` and, named like ``stage3.block5.query``, for each block what its row is
recomputed from: of local blocks ``values`` (C, rows, columns), ``kernel`` (25, C) and ``mix``
(C, C), whose product ``mix @ (kernel[step] * value)`` is what a neighbour adds; of global ones
``query``, already scaled, and ``key`` (heads, tokens, head_dim), and ``padding_key``
(heads, head_dim).

arXiv 2201.09450, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.layers import to_map, to_tokens
from uniformer.segmenter import Segmenter

LOCAL = ("values", "kernel", "mix")
GLOBAL = ("query", "key", "padding_key")


class Steerable(nn.Module):
    """Maps the inputs named above to the outputs of :meth:`names`.

    Raises ``ValueError`` for a model whose blocks are of another kind.
    """

    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        blocks = [block for stage in range(1, 5) for block in model.backbone.stage(stage)[1]]
        if any(type(block) not in (LocalBlock, GlobalBlock) for block in blocks):
            raise ValueError(
                f"The blocks of {model.config.name} are of another kind: reach and heads cannot be "
                "inputs of its graph."
            )
        self.model = model

    def names(self) -> list[str]:
        """Return the names of the outputs."""
        names = ["logits"]
        for stage in range(1, 5):
            for index, block in enumerate(self.model.backbone.stage(stage)[1]):
                kinds = LOCAL if isinstance(block, LocalBlock) else GLOBAL
                names += [f"stage{stage}.block{index}.{kind}" for kind in kinds]
        return names

    def example(self, height: int, width: int) -> dict[str, Tensor]:
        """Return inputs that leave the model as it is, by name, for an image of zeros."""
        third, fourth = (self.model.backbone.stage(stage)[1] for stage in (3, 4))
        return {
            "image": torch.zeros(1, 3, height, width),
            "windows": torch.tensor([block.window_size or 0 for block in third]),
            "gates3": torch.ones(len(third), third[0].attn.heads),
            "gates4": torch.ones(len(fourth), fourth[0].attn.heads),
        }

    def forward(
        self, image: Tensor, windows: Tensor, gates3: Tensor, gates4: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the outputs for one image."""
        x, maps, parts = image, [], []
        for stage in range(1, 5):
            embed, blocks, norm = self.model.backbone.stage(stage)
            x = embed(x)
            for index, block in enumerate(blocks):
                if isinstance(block, LocalBlock):
                    x, found = _local(block, x)
                else:
                    side = windows[index] if stage == 3 else None
                    gates = (gates3 if stage == 3 else gates4)[index]
                    x, found = _global(block, x, side, gates)
                parts += found
            maps.append(norm(x))
        return (self.model.decode(maps), *parts)


def _local(block: LocalBlock, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the block's output and the parts of its rows."""
    x = x + block.pos_embed(x)
    values = block.conv1(block.norm1(x))
    x = x + block.conv2(block.attn(values))
    kernel, mix = block.attn.weight[:, 0].flatten(1).T, block.conv2.weight[:, :, 0, 0]
    return x + block.mlp(block.norm2(x)), [values[0], kernel.clone(), mix.clone()]


def _global(
    block: GlobalBlock, x: Tensor, side: Tensor | None, gates: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Return the block's output and the parts of its rows; ``side`` None is never a window."""
    block = block.without_layer_scale()
    x = x + block.pos_embed(x)
    height, width = x.shape[-2:]
    tokens = to_tokens(x)
    attention = block.attn
    query, key, value = (part[0] for part in attention.project(block.norm1(tokens)))
    query = query * attention.scale
    _, padding_key, padding_value = attention.qkv.bias.view(3, attention.heads, 1, -1)
    if side is None:
        gathered = (query @ key.transpose(-2, -1)).softmax(dim=-1) @ value
    else:
        keys = torch.cat([key, padding_key], dim=1)
        logits = query @ keys.transpose(-2, -1) + window_logits(height, width, side)
        gathered = logits.softmax(dim=-1) @ torch.cat([value, padding_value], dim=1)
    tokens = tokens + attention.merge((gathered * gates[:, None, None])[None])
    tokens = tokens + block.mlp(block.norm2(tokens))
    return to_map(tokens, height, width), [query, key, padding_key[:, 0].clone()]


def window_logits(height: int, width: int, side: Tensor) -> Tensor:
    """Return what is added to logits (tokens, tokens + 1) so that windows of ``side`` are seen.

    The last key stands for all padding of the query's window. A ``side`` of 0 is the whole map,
    without padding.
    """
    whole = side == 0
    side = torch.where(whole, max(height, width), side)
    row, column = torch.arange(height), torch.arange(width)
    window = (row // side)[:, None] * width + (column // side)[None]
    apart = window.flatten()[:, None] != window.flatten()[None]
    rows, columns = (
        torch.minimum(side, length - at // side * side)
        for at, length in ((row, height), (column, width))
    )
    padding = (side * side - rows[:, None] * columns[None]).flatten()
    padding = torch.where(whole, 0, padding).float().log()
    return torch.cat([torch.zeros(()).masked_fill(apart, -torch.inf), padding[:, None]], dim=1)
