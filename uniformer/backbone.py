"""The UniFormer backbone for dense prediction: two local stages, two global stages, four maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.config import HYBRID_PERIOD, STRIDES, BackboneConfig, Reach, check_reach
from uniformer.layers import EPS, MapNorm, PatchEmbed

MIN_SIDE = STRIDES[-1]


class UniFormer(nn.Module):
    """Maps normalised RGB (B, 3, H, W), H and W at least 32, to the maps of the four stages.

    The maps have strides 4, 8, 16 and 32 (sizes are floored) and are normed by ``norm1`` to
    ``norm4``; the next stage receives the map before that norm.
    """

    def __init__(self, config: BackboneConfig, drop_path_rate: float = 0.0) -> None:
        super().__init__()
        self.config = config
        rates = iter(torch.linspace(0, drop_path_rate, sum(config.depths), device="cpu").tolist())
        channels = 3
        for stage, (depth, dim) in enumerate(zip(config.depths, config.dims, strict=True), start=1):
            embed = PatchEmbed(4 if stage == 1 else 2, channels, dim)
            blocks = nn.ModuleList(
                LocalBlock(dim, config.mlp_ratio, next(rates))
                if stage <= 2
                else GlobalBlock(dim, config.head_dim, config.mlp_ratio, next(rates))
                for _ in range(depth)
            )
            self.add_module(f"patch_embed{stage}", embed)
            self.add_module(f"blocks{stage}", blocks)
            self.add_module(f"norm{stage}", MapNorm(dim, eps=EPS))
            channels = dim

    def stage(self, number: int) -> tuple[PatchEmbed, nn.ModuleList, MapNorm]:
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

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if x.ndim != 4 or x.shape[1] != 3 or any(side < MIN_SIDE for side in x.shape[-2:]):
            raise ValueError(
                f"The backbone takes (B, 3, H, W) with H, W >= {MIN_SIDE}, not {tuple(x.shape)}."
            )
        maps = []
        for number in range(1, 5):
            embed, blocks, norm = self.stage(number)
            x = embed(x)
            for block in blocks:
                x = block(x)
            maps.append(norm(x))
        return tuple(maps)
