"""Frozen copies of layers, and BatchNorm folded into the layer beside it (float64, cast once)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def linear(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> nn.Linear:
    """Return a frozen linear layer; kernels are flattened to (outputs, inputs)."""
    weight = weight.flatten(1)
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    layer.weight = nn.Parameter(weight.to(dtype).contiguous(), requires_grad=False)
    layer.bias = nn.Parameter(bias.to(dtype).clone(), requires_grad=False)
    return layer


def recast(source: nn.Linear | nn.Conv2d, dtype: torch.dtype) -> nn.Linear:
    """Return a linear layer or 1x1 convolution as a frozen linear layer over the last axis."""
    return linear(source.weight.detach(), source.bias.detach(), dtype)


def frozen(norm: nn.LayerNorm) -> nn.LayerNorm:
    """Return a frozen copy of a LayerNorm over the last axis."""
    copy = nn.LayerNorm(norm.normalized_shape, eps=norm.eps, device=norm.weight.device)
    copy.load_state_dict(norm.state_dict())
    return copy.requires_grad_(False)


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return scale and shift (C,) of a BatchNorm in eval mode."""
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale, norm.bias.detach().double() - norm.running_mean.double() * scale


def norm_then_conv(norm: nn.BatchNorm2d, conv: nn.Conv2d, dtype: torch.dtype) -> nn.Linear:
    """Return ``conv(norm(x))`` as a linear layer; ``conv`` is 1x1, so no padding interferes."""
    scale, shift = affine(norm)
    weight = conv.weight.detach().double().flatten(1)
    return linear(weight * scale, conv.bias.detach().double() + weight @ shift, dtype)


def conv_then_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return weight (O, I, k, k) and bias (O,) of ``norm(conv(x))``, conv without bias, float64."""
    scale, shift = affine(norm)
    return conv.weight.detach().double() * scale.view(-1, 1, 1, 1), shift


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d, dtype: torch.dtype) -> nn.Conv2d:
    """Return ``norm(conv(x))``, conv with a bias, as one frozen convolution."""
    weight, shift = conv_then_norm(conv, norm)
    scale, _ = affine(norm)
    copy = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
        device="meta",
    )  # fmt: skip
    weight = weight.to(dtype).contiguous(memory_format=torch.channels_last)
    copy.weight = nn.Parameter(weight, requires_grad=False)
    bias = conv.bias.detach().double() * scale + shift
    copy.bias = nn.Parameter(bias.to(dtype), requires_grad=False)
    return copy
