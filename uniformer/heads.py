"""Decode heads of the official models: Semantic FPN, UPerNet, and UPerNet's auxiliary head.

Sources: Kirillov et al., "Panoptic Feature Pyramid Networks", arXiv 1901.02446; Xiao et al.,
"Unified Perceptual Parsing for Scene Understanding", arXiv 1807.10221. All heads take the maps of
the backbone and return logits; parameter names are those of the official checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer.config import BackboneConfig, ClassifierConfig, FPNConfig, UPerConfig
from uniformer.layers import EPS

DROPOUT = 0.1


def resize_bilinear(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize a map to ``size`` = (height, width) with half-pixel centres."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class ConvModule(nn.Module):
    """Convolution that keeps the size, without bias, then BatchNorm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class PlainConv(nn.Module):
    """Convolution with bias and nothing else (the neck of the official FPN has no norm)."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class FPN(nn.Module):
    """Feature pyramid: 1x1 laterals, nearest top-down sums, 3x3 outputs; four maps of one width."""

    def __init__(self, dims: Sequence[int], channels: int) -> None:
        super().__init__()
        self.lateral_convs = nn.ModuleList(PlainConv(dim, channels, 1) for dim in dims)
        self.fpn_convs = nn.ModuleList(PlainConv(channels, channels, 3) for _ in dims)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        levels = [conv(x) for conv, x in zip(self.lateral_convs, maps, strict=True)]
        for upper in range(len(levels) - 1, 0, -1):
            size = levels[upper - 1].shape[-2:]
            levels[upper - 1] = levels[upper - 1] + F.interpolate(
                levels[upper], size=size, mode="nearest"
            )
        return tuple(conv(x) for conv, x in zip(self.fpn_convs, levels, strict=True))


class FPNHead(nn.Module):
    """Semantic FPN: every level to stride 4 by 3x3 convolutions and doublings; sum; classify."""

    def __init__(
        self, neck_channels: int, channels: int, num_classes: int, levels: int = 4
    ) -> None:
        super().__init__()
        self.conv_seg = nn.Conv2d(channels, num_classes, kernel_size=1)
        self.dropout = nn.Dropout2d(DROPOUT)
        self.scale_heads = nn.ModuleList()
        for level in range(levels):
            layers: list[nn.Module] = []
            for step in range(max(1, level)):
                layers.append(ConvModule(channels if step else neck_channels, channels, 3))
                if level:
                    layers.append(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False))
            self.scale_heads.append(nn.Sequential(*layers))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        total = self.scale_heads[0](maps[0])
        for scale_head, x in zip(self.scale_heads[1:], maps[1:], strict=True):
            total = total + resize_bilinear(scale_head(x), total.shape[-2:])
        return self.conv_seg(self.dropout(total))


class UPerHead(nn.Module):
    """UPerNet: pyramid pooling on stage 4, a bilinear feature pyramid, one fusion of all levels."""

    def __init__(self, dims: Sequence[int], config: UPerConfig, num_classes: int) -> None:
        super().__init__()
        channels = config.channels
        self.conv_seg = nn.Conv2d(channels, num_classes, kernel_size=1)
        self.dropout = nn.Dropout2d(DROPOUT)
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(scale), ConvModule(dims[-1], channels, 1))
            for scale in config.pool_scales
        )
        self.bottleneck = ConvModule(dims[-1] + len(config.pool_scales) * channels, channels, 3)
        self.lateral_convs = nn.ModuleList(ConvModule(dim, channels, 1) for dim in dims[:-1])
        self.fpn_convs = nn.ModuleList(ConvModule(channels, channels, 3) for _ in dims[:-1])
        self.fpn_bottleneck = ConvModule(len(dims) * channels, channels, 3)

    def pyramid_pooling(self, x: Tensor) -> Tensor:
        """Return stage 4 joined with its pooled context, at stage 4's size."""
        pooled = [resize_bilinear(module(x), x.shape[-2:]) for module in self.psp_modules]
        return self.bottleneck(torch.cat([x, *pooled], dim=1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        levels = [conv(x) for conv, x in zip(self.lateral_convs, maps[:-1], strict=True)]
        levels.append(self.pyramid_pooling(maps[-1]))
        for upper in range(len(levels) - 1, 0, -1):
            size = levels[upper - 1].shape[-2:]
            levels[upper - 1] = levels[upper - 1] + resize_bilinear(levels[upper], size)
        fused = [conv(x) for conv, x in zip(self.fpn_convs, levels[:-1], strict=True)]
        fused.append(levels[-1])
        size = fused[0].shape[-2:]
        fused = [fused[0], *(resize_bilinear(x, size) for x in fused[1:])]
        return self.conv_seg(self.dropout(self.fpn_bottleneck(torch.cat(fused, dim=1))))


class AuxiliaryHead(nn.Module):
    """One 3x3 convolution and a classifier on stage 3; for training."""

    def __init__(self, dim: int, channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv_seg = nn.Conv2d(channels, num_classes, kernel_size=1)
        self.dropout = nn.Dropout2d(DROPOUT)
        self.convs = nn.ModuleList([ConvModule(dim, channels, 3)])

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        return self.conv_seg(self.dropout(self.convs[0](maps[2])))


def build_heads(
    backbone: BackboneConfig, config: FPNConfig | UPerConfig | ClassifierConfig, num_classes: int
) -> dict[str, nn.Module]:
    """Return the modules a model adds to its backbone, under their official names.

    ``norm_cls`` and ``head_cls`` of Light classifiers are for the class token, in training only.
    """
    dims = backbone.dims
    if isinstance(config, ClassifierConfig):
        modules = {"norm": nn.BatchNorm2d(dims[-1]), "head": nn.Linear(dims[-1], num_classes)}
        if backbone.pruned:
            modules["norm_cls"] = nn.LayerNorm(dims[-1], eps=EPS)
            modules["head_cls"] = nn.Linear(dims[-1], num_classes)
        return modules
    if isinstance(config, FPNConfig):
        return {
            "neck": FPN(dims, config.neck_channels),
            "decode_head": FPNHead(config.neck_channels, config.channels, num_classes),
        }
    return {
        "decode_head": UPerHead(dims, config, num_classes),
        "auxiliary_head": AuxiliaryHead(dims[2], config.auxiliary_channels, num_classes),
    }
