"""The decode heads rewritten for prediction: less arithmetic for the same logits.

Maps inside are (B, H, W, C), contiguous. The official heads convolve maps that have just been
upsampled; here :mod:`uniformer.fast.upsampled` does the products before the resize. Sums of levels
and the classifier stay float32 in every precision: they are cheap, and most of what bfloat16 would
change in labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer.fast.backbone import first, last
from uniformer.fast.folding import conv_then_norm, linear, recast
from uniformer.fast.upsampled import UpsampledConv3x3
from uniformer.heads import FPN, ConvModule, FPNHead, UPerHead


class Conv3x3(nn.Module):
    """A 3x3 convolution on (B, H, W, C)."""

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias.to(dtype).clone())

    def forward(self, x: Tensor) -> Tensor:
        return last(F.conv2d(first(x), self.weight, self.bias, padding=1))


def fused(module: ConvModule, dtype: torch.dtype) -> nn.Module:
    """Return convolution and BatchNorm of ``module`` as one layer, without its ReLU."""
    weight, bias = conv_then_norm(module.conv, module.bn)
    if weight.shape[-1] == 1:
        return linear(weight, bias, dtype)
    return Conv3x3(weight, bias, dtype)


def resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """Resize (B, h, w, C) bilinearly to (B, H, W, C)."""
    return last(F.interpolate(first(x), size=tuple(size), mode="bilinear", align_corners=False))


class FastUPerHead(nn.Module):
    """:class:`~uniformer.heads.UPerHead`: no concatenation, no convolution of an upsampled map."""

    def __init__(self, source: UPerHead, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.scales = tuple(module[0].output_size for module in source.psp_modules)
        self.pooled = nn.ModuleList(fused(module[1], dtype) for module in source.psp_modules)
        weight, bias = conv_then_norm(source.bottleneck.conv, source.bottleneck.bn)
        channels = source.conv_seg.in_channels
        inputs = weight.shape[1] - channels * len(self.scales)
        self.bottleneck = Conv3x3(weight[:, :inputs], bias, dtype)
        self.pooled_bottleneck = nn.ModuleList(
            UpsampledConv3x3(part, dtype) for part in weight[:, inputs:].split(channels, dim=1)
        )
        self.laterals = nn.ModuleList(fused(module, dtype) for module in source.lateral_convs)
        self.outputs = nn.ModuleList(fused(module, dtype) for module in source.fpn_convs)
        weight, bias = conv_then_norm(source.fpn_bottleneck.conv, source.fpn_bottleneck.bn)
        finest, *coarser = weight.split(channels, dim=1)
        self.fusion = Conv3x3(finest, bias, dtype)
        self.coarser_fusion = nn.ModuleList(UpsampledConv3x3(part, dtype) for part in coarser)
        self.classify = recast(source.conv_seg, torch.float32)

    def pyramid_pooling(self, x: Tensor) -> Tensor:
        out = self.bottleneck(x.to(self.dtype)).float()
        for scale, pooled, bottleneck in zip(
            self.scales, self.pooled, self.pooled_bottleneck, strict=True
        ):
            context = last(F.adaptive_avg_pool2d(first(x), scale)).contiguous()
            bottleneck(pooled(context.to(self.dtype)).relu_(), out)
        return out.relu_()

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        maps = [last(x) for x in maps]
        above = self.pyramid_pooling(maps[-1])
        coarse = [above.to(self.dtype)]
        for lateral, output, x in zip(
            reversed(self.laterals), reversed(self.outputs), reversed(maps[:-1]), strict=True
        ):
            above = resized(above, x.shape[1:3]).add_(lateral(x.to(self.dtype)).relu_())
            coarse.append(output(above.to(self.dtype)).relu_())
        del above
        out = self.fusion(coarse.pop()).float()
        for fusion in self.coarser_fusion:
            fusion(coarse.pop(), out)
        return first(self.classify(out.relu_()))


class FastFPN(nn.Module):
    """:class:`~uniformer.heads.FPN` on contiguous (B, H, W, C)."""

    def __init__(self, source: FPN, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.laterals = nn.ModuleList(recast(module.conv, dtype) for module in source.lateral_convs)
        self.outputs = nn.ModuleList(
            Conv3x3(module.conv.weight.detach(), module.conv.bias.detach(), dtype)
            for module in source.fpn_convs
        )

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        above, outputs = None, []
        for lateral, output, x in zip(
            reversed(self.laterals), reversed(self.outputs), reversed(maps), strict=True
        ):
            level = lateral(last(x).to(self.dtype)).float()
            if above is not None:
                level += last(F.interpolate(first(above), size=x.shape[-2:], mode="nearest"))
            above = level
            outputs.append(first(output(level.to(self.dtype))))
        return tuple(reversed(outputs))


class FastFPNHead(nn.Module):
    """:class:`~uniformer.heads.FPNHead`, its convolutions of doubled maps done before doubling."""

    def __init__(self, source: FPNHead, dtype: torch.dtype) -> None:
        super().__init__()
        self.scale_heads = nn.ModuleList(
            nn.ModuleList(
                DoubledConv3x3(module, dtype) if step else fused(module, dtype)
                for step, module in enumerate(m for m in head if isinstance(m, ConvModule))
            )
            for head in source.scale_heads
        )
        self.classify = recast(source.conv_seg, torch.float32)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        total = None
        for steps, x in zip(self.scale_heads, maps, strict=True):
            x = last(x)
            for step in steps:
                x = step(x).relu_()
            x = x.float()
            if total is None:
                total = x
                continue
            doubled = (2 * x.shape[1], 2 * x.shape[2])
            if doubled != total.shape[1:3]:  # upstream doubles first and then fits the size
                x = resized(x, doubled)
            total += resized(x, total.shape[1:3])
        return first(self.classify(total))


class DoubledConv3x3(nn.Module):
    """Convolution with BatchNorm of a map upsampled to twice its size."""

    def __init__(self, source: ConvModule, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        weight, bias = conv_then_norm(source.conv, source.bn)
        self.conv = UpsampledConv3x3(weight, dtype)
        self.register_buffer("bias", bias.float())

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, _ = x.shape
        out = self.bias.expand(batch, 2 * height, 2 * width, -1).contiguous()
        self.conv(x.to(self.dtype), out)
        return out
