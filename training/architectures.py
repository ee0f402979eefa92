"""What the model is compared with: the same network of one kind of block, and another network.

The paper's idea is local affinity in the shallow stages and global affinity in the deep ones. The
forms ``local`` and ``global`` have one kind in all four stages, at the same widths and within 2 %
of the same number of parameters. ``lraspp`` is torchvision's LR-ASPP on MobileNetV3-Large: Howard
et al., "Searching for MobileNetV3", arXiv 1905.02244.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from torch import Tensor, nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.classes import ClassSet
from uniformer.config import ModelConfig
from uniformer.segmenter import Segmenter

Architecture = Literal["uniformer", "local", "global", "lraspp"]

SHALLOW_HEADS = 2
"""Heads of the global blocks in stages 1 and 2: the model's head width need not fit there."""

BATCH_NORM_MOMENTUM = 0.1
"""Torch's own. Torchvision gives MobileNetV3 0.01, for runs a hundred times as long as these: its
statistics would still be those of the random weights when a run of a thousand steps ends."""

SAME_SIZE = 1.2
"""A global block has 12 C^2 weights, a local one 10 C^2: this many local ones make up for one."""


class Lraspp(nn.Module):
    """LR-ASPP with random weights and the parts of a :class:`Segmenter` that training uses."""

    def __init__(self, config: ModelConfig, classes: ClassSet) -> None:
        super().__init__()
        self.config = config
        self.classes = classes
        network = lraspp_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=len(classes)
        )
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = BATCH_NORM_MOMENTUM
        self.backbone = network.backbone
        self.head = network.classifier

    def set_reach(self, reach: str, window_size: int | None = None) -> None:
        """Do nothing: convolutions have no reach to choose."""

    def decode(self, maps: dict[str, Tensor]) -> Tensor:
        """Return logits at stride 8."""
        return self.head(maps)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at stride 8 of normalised RGB (B, 3, H, W)."""
        return self.decode(self.backbone(x))


def build_form(form: Architecture, config: ModelConfig, classes: ClassSet) -> nn.Module:
    """Return a network of ``form`` with random weights: a Segmenter or what trains like one."""
    if form == "uniformer":
        return Segmenter(config, classes)
    if form == "lraspp":
        return Lraspp(config, classes)
    backbone = config.backbone
    if form == "local":
        depths = backbone.depths
        # Only stage 3 grows: its blocks are small enough to meet the size.
        missing = (SAME_SIZE - 1) * sum(
            depths[stage] * backbone.dims[stage] ** 2 for stage in (2, 3)
        )
        more = round(missing / backbone.dims[2] ** 2)
        backbone = replace(backbone, depths=(*depths[:2], depths[2] + more, depths[3]))
    model = Segmenter(replace(config, backbone=backbone), classes)
    for stage in (3, 4) if form == "local" else (1, 2):
        dim, ratio = backbone.dims[stage - 1], backbone.mlp_ratio
        blocks = nn.ModuleList(
            LocalBlock(dim, ratio)
            if form == "local"
            else GlobalBlock(dim, dim // SHALLOW_HEADS, ratio)
            for _ in range(backbone.depths[stage - 1])
        )
        setattr(model.backbone, f"blocks{stage}", blocks)
    return model
