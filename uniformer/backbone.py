"""The UniFormer backbone for dense prediction: two local stages, two global stages, four maps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.config import HYBRID_PERIOD, STRIDES, BackboneConfig, Reach, check_reach
from uniformer.layers import EPS, ConvEmbed, MapNorm, PatchEmbed

MIN_SIDE = STRIDES[-1]


class UniFormer(nn.Module):
    """Maps normalised RGB (B, 3, H, W), H and W at least 32, to the maps of the four stages.

    The maps have strides 4, 8, 16 and 32 (sizes are floored) and are normed by ``norm1`` to
    ``norm4``; the next stage receives the map before that norm. In classifiers these norms do
    nothing.
    """

    def __init__(self, config: BackboneConfig, drop_path_rate: float = 0.0) -> None:
        super().__init__()
        self.config = config
        rates = iter(torch.linspace(0, drop_path_rate, sum(config.depths), device="cpu").tolist())
        channels = 3
        for stage, (depth, dim) in enumerate(zip(config.depths, config.dims, strict=True), start=1):
            embedding = ConvEmbed if stage <= config.conv_stages else PatchEmbed
            embed = embedding(4 if stage == 1 else 2, channels, dim)
            make_block = self.local_block if stage <= 2 else self.global_block
            blocks = nn.ModuleList(make_block(dim, next(rates)) for _ in range(depth))
            self.add_module(f"patch_embed{stage}", embed)
            self.add_module(f"blocks{stage}", blocks)
            norm = MapNorm(dim, eps=EPS) if config.output_norms else nn.Identity()
            self.add_module(f"norm{stage}", norm)
            channels = dim

    def local_block(self, dim: int, drop_path: float) -> nn.Module:
        """Return a new block for stage 1 or 2."""
        return LocalBlock(dim, self.config.mlp_ratio, drop_path)

    def global_block(self, dim: int, drop_path: float) -> nn.Module:
        """Return a new block for stage 3 or 4."""
        config = self.config
        return GlobalBlock(dim, config.head_dim, config.mlp_ratio, drop_path, config.layer_scale)

    def stage(self, number: int) -> tuple[PatchEmbed | ConvEmbed, nn.ModuleList, MapNorm]:
        """Return patch embedding, blocks and output norm of stage ``number``, 1 to 4."""
        return (
            getattr(self, f"patch_embed{number}"),
            getattr(self, f"blocks{number}"),
            getattr(self, f"norm{number}"),
        )

    def set_reach(self, reach: Reach, window_size: int) -> None:
        """Choose what the blocks of stage 3 attend to. Changes no weights; stage 4 stays global.

        Raises ``ValueError`` for an unknown reach or a window outside 1 to 256 tokens.
        """
        check_reach(reach, window_size)
        for index, block in enumerate(self.blocks3):
            stays_global = reach == "hybrid" and (index + 1) % HYBRID_PERIOD == 0
            block.window_size = None if reach == "global" or stays_global else window_size

    def forward(self, x: Tensor, stages: int = len(STRIDES)) -> tuple[Tensor, ...]:
        """Return the maps of the first ``stages`` stages, all four unless told otherwise."""
        if x.ndim != 4 or x.shape[1] != 3 or any(side < MIN_SIDE for side in x.shape[-2:]):
            raise ValueError(
                f"The backbone takes (B, 3, H, W) with H, W >= {MIN_SIDE}, not {tuple(x.shape)}."
            )
        maps, focus = [], None
        for number in range(1, stages + 1):
            x, focus = self.run_stage(number, x, focus)
            maps.append(self.stage(number)[2](x))
        return tuple(maps)

    def run_stage(self, number: int, x: Tensor, focus: Any) -> tuple[Tensor, Any]:
        """Return the map behind a stage's blocks, not yet normed, from the one behind the last.

        ``focus`` is what a subclass hands from stage to stage beside the map; here it stays None.
        """
        embed, blocks, _ = self.stage(number)
        x = embed(x)
        for block in blocks:
            x = block(x)
        return x, focus
