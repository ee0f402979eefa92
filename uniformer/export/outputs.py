"""What an exported graph can answer beside the logits: the maps of the stages, and every block.

Names are ``stage1`` to ``stage4`` for the normed maps (B, C, rows, columns) of the stages, and for
each block, counted from 0, ``stage3.block5.NAME``:

- ``input`` (B, C, rows, columns): what the block received;
- ``position_kernel`` (C, 3, 3): its dynamic position encoding, added to the input;
- stages 1-2: ``values`` (B, C, rows, columns), 0 beyond the map, are weighed by ``kernel``
  (C, 5, 5) and mixed by ``mix`` (C, C): neighbour (i, j) adds ``mix @ (kernel[:, i, j] * value)``;
- stages 3-4: ``query``, ``key``, ``value`` (windows, heads, tokens, head_dim), one window that is
  the whole map where the block has none, tokens row by row, and ``projection`` (C, C), whose
  columns read the heads one after another. The query is scaled: attention is
  ``softmax(query @ key^T)``.

arXiv 2201.09450, section 3. Whoever knows these can recompute any row of any affinity.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from uniformer.attention import to_windows
from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.config import STRIDES
from uniformer.export.winograd import TILE
from uniformer.layers import to_tokens
from uniformer.segmenter import Segmenter

EXTRAS = ("stages", "blocks")
"""Groups of outputs that can be asked for beside the logits."""


class Outputs(nn.Module):
    """Maps network input to the logits and ``extras``, a tuple in the order of :meth:`names`.

    Raises ``ValueError`` for an unknown extra, or one that this architecture does not have.
    """

    def __init__(self, model: Segmenter, extras: tuple[str, ...] = ()) -> None:
        super().__init__()
        for name in extras:
            if name not in EXTRAS:
                raise ValueError(f"There is no output {name!r}: choose among {', '.join(EXTRAS)}.")
        if "blocks" in extras and not _has_blocks(model):
            raise ValueError(
                f"The blocks of {model.config.name} are of another kind: leave out the output "
                "blocks."
            )
        self.model = model
        self.extras = extras

    def names(self) -> list[str]:
        """Return the names of the outputs."""
        names = ["logits"]
        if "stages" in self.extras:
            names += [f"stage{number}" for number in range(1, 5)]
        if "blocks" in self.extras:
            for number in range(1, 5):
                for index, block in enumerate(self.model.backbone.stage(number)[1]):
                    kinds = LOCAL if isinstance(block, LocalBlock) else GLOBAL
                    names += [f"stage{number}.block{index}.{kind}" for kind in kinds]
        return names

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for normalised RGB (B, 3, H, W)."""
        if not self.extras:
            return (self.model(image),)
        maps = self.model.backbone(image)
        outputs = [self.model.decode(maps)]
        outputs += maps if "stages" in self.extras else []
        outputs += self._read(image) if "blocks" in self.extras else []
        return tuple(outputs)

    def _read(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the outputs of all blocks, from a walk that exporters join with the pass itself."""
        for number in range(1, 5):
            embed, blocks, _ = self.model.backbone.stage(number)
            x = embed(x)
            for block in blocks:
                yield from _read(block, x)
                x = block(x)


LOCAL = ("input", "position_kernel", "values", "kernel", "mix")
GLOBAL = ("input", "position_kernel", "query", "key", "value", "projection")


def _has_blocks(model: Segmenter) -> bool:
    known = (LocalBlock, GlobalBlock)
    stages = [model.backbone.stage(number)[1] for number in range(1, 5)]
    return all(type(block) in known for blocks in stages for block in blocks)


def _read(block: LocalBlock | GlobalBlock, x: Tensor) -> Iterator[Tensor]:
    """Yield what is to be known of a block that receives ``x``."""
    yield x.clone()
    yield block.pos_embed.weight[:, 0].clone()
    x = x + block.pos_embed(x)
    if isinstance(block, LocalBlock):
        yield block.conv1(block.norm1(x))
        yield block.attn.weight[:, 0].clone()
        yield block.conv2.weight[:, :, 0, 0].clone()
        return
    tokens, size = block.norm1(to_tokens(x)), block.window_size
    if size is not None:
        tokens, _ = to_windows(tokens.unflatten(1, x.shape[-2:]), size)
    query, key, value = block.attn.project(tokens)
    yield query * block.attn.scale
    yield key
    yield value
    yield block.attn.proj.weight.clone()


def example(model: Segmenter, size: tuple[int, int] | None) -> Tensor:
    """Return an input (1, 3, *size) to trace ``model`` with.

    Without a size its sides differ, and are so large that no map has but one token, one window or
    one tile: tracing takes what there is one of for what there always is one of.
    """
    if size is None:
        window = 0 if model.reach == "global" else model.window_size
        least = max(window * STRIDES[2], TILE * STRIDES[3])
        size = least + 2 * STRIDES[3], least + 3 * STRIDES[3]
    return torch.zeros(1, 3, *size, device=model.device, dtype=model.dtype)
