"""The models rewritten for engines: less arithmetic for the same logits, nothing written in place.

The algebra is that of :mod:`uniformer.fast`: norms folded into the products beside them, products
of upsampled maps done before upsampling. What remains are plain convolutions, matrix products and
resizes, for which an engine brings kernels of its own. Interpolation and pooling are matrices made
from the sizes as the graph runs, so that one graph serves every height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer.blocks import LocalBlock
from uniformer.export.winograd import WinogradConv3x3
from uniformer.fast.folding import affine, conv_then_norm, recast
from uniformer.heads import ConvModule, FPNHead, UPerHead, resize_bilinear
from uniformer.layers import MapNorm, to_map, to_tokens
from uniformer.segmenter import Segmenter

WIDE = 512
"""Channels in and out from which on Winograd's transforms cost less than the products it saves:
measured on an EPYC of Zen 5, where 256 are not enough."""


def portable(model: Segmenter) -> Segmenter:
    """Return a frozen copy of ``model`` whose every operation exports with any size."""
    copy = deepcopy(model).requires_grad_(False)
    for module in copy.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.AdaptiveAvgPool2d):
                setattr(module, name, MatrixPool(child.output_size))
    return copy


def rewrite(model: Segmenter, winograd: bool = False) -> Segmenter:
    """Return a frozen copy of ``model``, in eval mode, that computes its logits with less work.

    The logits differ by rounding only; with ``winograd``, which halves the time of wide 3x3
    convolutions, by more of it (2e-5 of the largest), and only float32 has the digits for that.
    The blocks keep their classes and names, so that whatever reads a block of the model reads one
    of the copy.
    """
    copy = portable(model)
    for module in list(copy.modules()):
        if isinstance(module, LocalBlock):
            _fold_before(module, "norm1", module.conv1)
            _fold_before(module, "norm2", module.mlp.fc1)
        elif isinstance(module, ConvModule):
            module.conv, module.bn = _folded(module), nn.Identity()
    for number in range(1, 5):
        norm = copy.backbone.stage(number)[2]
        if isinstance(norm, MapNorm):
            setattr(copy.backbone, f"norm{number}", ChannelNorm(norm))
    head = getattr(copy, "decode_head", None)
    if isinstance(head, UPerHead):
        copy.decode_head = RewrittenUPerHead(head)
    elif isinstance(head, FPNHead):
        copy.decode_head = RewrittenFPNHead(head)
    if winograd:
        for module in list(copy.modules()):
            for name, child in module.named_children():
                if _is_wide(child):
                    setattr(module, name, WinogradConv3x3(child.weight, child.bias))
    return copy


def _is_wide(module: nn.Module) -> bool:
    """Return whether ``module`` is a 3x3 convolution that Winograd makes faster."""
    return (
        isinstance(module, nn.Conv2d)
        and (module.kernel_size, module.stride, module.groups) == ((3, 3), (1, 1), 1)
        and min(module.weight.shape[:2]) >= WIDE
    )


def _fold_before(block: LocalBlock, name: str, conv: nn.Conv2d) -> None:
    """Make ``conv``, which is 1x1, do the work of the BatchNorm before it."""
    scale, shift = affine(getattr(block, name))
    weight = conv.weight.double()
    bias = conv.bias.double() + weight.flatten(1) @ shift
    conv.weight.copy_(weight * scale.view(1, -1, 1, 1))
    conv.bias.copy_(bias)
    setattr(block, name, nn.Identity())


def _folded(module: ConvModule) -> nn.Conv2d:
    """Return convolution and BatchNorm of ``module`` as one convolution."""
    return _convolution(*conv_then_norm(module.conv, module.bn))


def _convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """Return the frozen float32 convolution with these numbers that keeps the size."""
    outputs, inputs, side, _ = weight.shape
    conv = nn.Conv2d(inputs, outputs, side, padding=side // 2, device="meta")
    conv.weight = nn.Parameter(weight.float().contiguous(), requires_grad=False)
    conv.bias = nn.Parameter(bias.float(), requires_grad=False)
    return conv


def interpolation(sources: int, outputs: int, like: Tensor) -> Tensor:
    """Return what each source gives to each output along a resized axis: (outputs, sources)."""
    at = torch.arange(sources, device=like.device)
    identity = (at[:, None] == at).to(like.dtype)
    return resize_bilinear(identity[None, None], (outputs, sources))[0, 0]


class ChannelNorm(nn.Module):
    """:class:`~uniformer.layers.MapNorm` that leaves the channels where engines have them."""

    def __init__(self, source: MapNorm) -> None:
        super().__init__()
        self.eps = source.eps
        self.register_buffer("weight", source.weight.detach()[:, None, None])
        self.register_buffer("bias", source.bias.detach()[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=1, keepdim=True)
        variance = centred.square().mean(dim=1, keepdim=True)
        return centred * (variance + self.eps).rsqrt() * self.weight + self.bias


class MatrixPool(nn.Module):
    """:class:`torch.nn.AdaptiveAvgPool2d` to ``cells`` x ``cells``, as two matrix products."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.cells = cells

    def forward(self, x: Tensor) -> Tensor:
        if self.cells == 1:  # the exporter cannot tell that a product with one row fits every size
            return x.mean((-2, -1), keepdim=True)
        down, across = (self._means(side, x.device) for side in x.shape[-2:])
        return down @ x @ across.T

    def _means(self, sources: int, device: torch.device) -> Tensor:
        """Return (cells, sources): every cell is the mean of the sources that it touches."""
        cell = torch.arange(self.cells, device=device)[:, None]
        source = torch.arange(sources, device=device)
        first, end = cell * sources // self.cells, -(-(cell + 1) * sources // self.cells)
        return ((source >= first) & (source < end)) / (end - first)


class ConvOfUpsampled(nn.Module):
    """``conv2d(resize_bilinear(x, size), weight, padding=1)``, products done at the size of x.

    See :mod:`uniformer.fast.upsampled` for the algebra. Maps are (B, H, W, C).
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.outputs = weight.shape[0]
        taps = weight.permute(2, 3, 0, 1).flatten(1, 2)  # (3 rows, 3 columns * O, C)
        for row, part in enumerate(taps.float()):
            self.register_buffer(f"row{row}", part.contiguous())

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:
        batch, height, width, _ = x.shape
        across = self._taps(width, size[1], x).flatten(1)  # (W, w * 3)
        down = self._taps(height, size[0], x).transpose(1, 2).flatten(1)  # (H, 3 * h)
        shape = batch, height, 3 * width, self.outputs
        products = [F.linear(x, row).reshape(shape) for row in (self.row0, self.row1, self.row2)]
        wide = torch.cat([across @ row for row in products], dim=1)  # (B, 3 * h, W, O)
        out = down @ wide.flatten(2)
        return out.reshape(batch, size[0], size[1], self.outputs)

    @staticmethod
    def _taps(sources: int, outputs: int, like: Tensor) -> Tensor:
        """Return (outputs, sources, 3): what each source gives to an output through each tap."""
        padded = F.pad(interpolation(sources, outputs, like), (0, 0, 1, 1))
        return torch.stack([padded[:-2], padded[1:-1], padded[2:]], dim=2)


def _last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def _first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def _sum(terms: Sequence[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


class RewrittenUPerHead(nn.Module):
    """:class:`~uniformer.heads.UPerHead` without a convolution of an upsampled map.

    Made from a head whose BatchNorms are folded.
    """

    def __init__(self, source: UPerHead) -> None:
        super().__init__()
        channels = source.conv_seg.in_channels
        self.psp_modules = source.psp_modules
        self.lateral_convs, self.fpn_convs = source.lateral_convs, source.fpn_convs
        self.conv_seg = Classify(source.conv_seg)
        conv = source.bottleneck.conv
        inputs = conv.in_channels - channels * len(source.psp_modules)
        self.bottleneck = _convolution(conv.weight[:, :inputs], conv.bias)
        self.pooled = nn.ModuleList(
            ConvOfUpsampled(part) for part in conv.weight[:, inputs:].split(channels, dim=1)
        )
        conv = source.fpn_bottleneck.conv
        finest, *coarser = conv.weight.split(channels, dim=1)
        self.fusion = _convolution(finest, conv.bias)
        self.coarser = nn.ModuleList(ConvOfUpsampled(part) for part in coarser)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        coarsest = maps[-1]
        pooled = [module(coarsest) for module in self.psp_modules]
        levels = [conv(x) for conv, x in zip(self.lateral_convs, maps[:-1], strict=True)]
        levels.append(_fused(self.bottleneck, coarsest, self.pooled, pooled))
        for upper in range(len(levels) - 1, 0, -1):
            size = levels[upper - 1].shape[-2:]
            levels[upper - 1] = levels[upper - 1] + resize_bilinear(levels[upper], size)
        outputs = [conv(x) for conv, x in zip(self.fpn_convs, levels[:-1], strict=True)]
        finest, *coarser = [*outputs, levels[-1]]
        return self.conv_seg(_fused(self.fusion, finest, self.coarser, coarser))


def _fused(
    conv: Callable, x: Tensor, upsampled: Sequence[Callable], coarser: Sequence[Tensor]
) -> Tensor:
    """Return the ReLU of ``conv(x)`` plus the convolutions of the coarser maps at the size of x."""
    size = x.shape[-2:]
    terms = [part(_last(low), size) for part, low in zip(upsampled, coarser, strict=True)]
    return _first(F.relu(_last(conv(x)) + _sum(terms)))


class RewrittenFPNHead(nn.Module):
    """:class:`~uniformer.heads.FPNHead`, its convolutions of doubled maps done before doubling.

    Made from a head whose BatchNorms are folded.
    """

    def __init__(self, source: FPNHead) -> None:
        super().__init__()
        self.scale_heads = nn.ModuleList(
            nn.ModuleList(
                DoubledConv(module) if step else module
                for step, module in enumerate(m for m in head if isinstance(m, ConvModule))
            )
            for head in source.scale_heads
        )
        self.conv_seg = Classify(source.conv_seg)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        size, levels = maps[0].shape[-2:], []
        for level, (steps, x) in enumerate(zip(self.scale_heads, maps, strict=True)):
            for step in steps:
                x = step(x)
            if level:  # upstream doubles first and then fits the size
                x = resize_bilinear(x, [2 * side for side in x.shape[-2:]])
                x = resize_bilinear(x, size)
            levels.append(x)
        return self.conv_seg(_sum(levels))


class Classify(nn.Module):
    """A 1x1 convolution as a product over the channels of tokens: engines reorder nothing."""

    def __init__(self, source: nn.Conv2d) -> None:
        super().__init__()
        self.linear = recast(source, torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        return to_map(self.linear(to_tokens(x)), *x.shape[-2:])


class DoubledConv(nn.Module):
    """Convolution and ReLU of a map (B, C, H, W) upsampled to twice its size."""

    def __init__(self, source: ConvModule) -> None:
        super().__init__()
        self.conv = ConvOfUpsampled(source.conv.weight)
        self.register_buffer("bias", source.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        size = [2 * side for side in x.shape[-2:]]
        return _first(F.relu(self.conv(_last(x), size) + self.bias))
