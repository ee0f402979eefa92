"""The backbone's modules, rewritten for prediction: same function, fewer passes over memory.

Maps keep the shape (B, C, H, W) between modules but lie in memory channel by channel
(``channels_last``), so that a map and its tokens (B, H, W, C) are two views of the same numbers.
BatchNorm is folded into the product behind it, ``x + DPE(x)`` is one depthwise kernel with 1 added
at its centre, attention runs fused. The residual stream and the norms stay float32; ``dtype`` is
that of the products.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer.attention import Attention, from_windows, to_windows
from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.fast.folding import folded, frozen, linear, norm_then_conv, recast
from uniformer.layers import ConvEmbed, MapNorm, PatchEmbed
from uniformer.light import Focus, PrunedBlock, restore, shorten

HIDDEN_BYTES = 8 << 20
"""Hidden activations of a feed-forward network held at once."""

FEW_TOKENS = 1024
"""Up to which two bfloat16 products and all rows between them beat the fused kernel on CPUs."""


def last(x: Tensor) -> Tensor:
    """View a map (B, C, H, W) as (B, H, W, C)."""
    return x.permute(0, 2, 3, 1)


def first(x: Tensor) -> Tensor:
    """View (B, H, W, C) as a map (B, C, H, W)."""
    return x.permute(0, 3, 1, 2)


class FastPatchEmbed(nn.Module):
    """Patch embedding as one matrix product over flattened patches."""

    def __init__(self, source: PatchEmbed, dtype: torch.dtype) -> None:
        super().__init__()
        self.size = source.proj.kernel_size[0]
        weight = source.proj.weight.detach().permute(0, 2, 3, 1)  # (O, k, k, C)
        self.proj = linear(weight, source.proj.bias.detach(), dtype)
        self.norm = frozen(source.norm)

    def forward(self, x: Tensor) -> Tensor:
        size = self.size
        height, width = x.shape[2] // size, x.shape[3] // size
        x = last(x[:, :, : height * size, : width * size]).to(self.proj.weight.dtype)
        x = x.unflatten(1, (height, size)).unflatten(3, (width, size))
        patches = x.transpose(2, 3).flatten(3)  # (B, h, w, k * k * C)
        return first(self.norm(self.proj(patches).float()))


class FastConvEmbed(nn.Module):
    """:class:`~uniformer.layers.ConvEmbed` with its BatchNorms folded away."""

    def __init__(self, source: ConvEmbed, dtype: torch.dtype) -> None:
        super().__init__()
        layers = iter(source.proj)
        self.proj = nn.Sequential(
            *(
                layer if isinstance(layer, nn.GELU) else folded(layer, next(layers), dtype)
                for layer in layers
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        dtype = self.proj[0].weight.dtype
        x = self.proj(x.to(dtype, memory_format=torch.channels_last))
        return x.float()


class FastMapNorm(nn.Module):
    """Output norm of a stage, on a view instead of a copy."""

    def __init__(self, source: MapNorm) -> None:
        super().__init__()
        self.norm = frozen(source)

    def forward(self, x: Tensor) -> Tensor:
        return first(self.norm(last(x)))


class FeedForward(nn.Module):
    """``x + fc2(gelu(fc1(norm(x))))`` on tokens (N, C), in place, a share of them at a time."""

    def __init__(self, norm: nn.Module, fc1: nn.Linear, fc2: nn.Linear) -> None:
        super().__init__()
        self.norm, self.fc1, self.fc2 = norm, fc1, fc2

    def forward(self, x: Tensor) -> None:
        weight = self.fc1.weight
        hidden_bytes = len(x) * len(weight) * weight.element_size()
        for part in x.chunk(-(-hidden_bytes // HIDDEN_BYTES)):
            part += self.fc2(F.gelu(self.fc1(self.norm(part).to(weight.dtype))))


class AddPosition(nn.Module):
    """``x + DPE(x)`` as one depthwise kernel: map (B, C, H, W) in, new tokens (B, H, W, C) out."""

    def __init__(self, source: nn.Conv2d) -> None:
        super().__init__()
        weight = source.weight.detach().clone()
        weight[:, :, 1, 1] += 1
        self.register_buffer("weight", weight)
        self.register_buffer("bias", source.bias.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        return last(F.conv2d(x, self.weight, self.bias, padding=1, groups=x.shape[1])).contiguous()


class FastLocalBlock(nn.Module):
    """:class:`~uniformer.blocks.LocalBlock` with both BatchNorms folded away."""

    def __init__(self, source: LocalBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.position = AddPosition(source.pos_embed)
        self.value = norm_then_conv(source.norm1, source.conv1, dtype)
        self.register_buffer("affinity", source.attn.weight.detach().to(dtype))
        self.register_buffer("affinity_bias", source.attn.bias.detach().to(dtype))
        self.mix = recast(source.conv2, dtype)
        self.feed_forward = FeedForward(
            nn.Identity(),
            norm_then_conv(source.norm2, source.mlp.fc1, dtype),
            recast(source.mlp.fc2, dtype),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.position(x)
        values = first(self.value(x.to(self.value.weight.dtype)))
        local = F.conv2d(
            values, self.affinity, self.affinity_bias, padding=2, groups=values.shape[1]
        )
        x += self.mix(last(local))
        self.feed_forward(x.flatten(0, 2))
        return first(x)


class FastAttention(nn.Module):
    """Fused attention on normed tokens (B, N, C)."""

    def __init__(self, source: Attention, dtype: torch.dtype) -> None:
        super().__init__()
        self.heads = source.heads
        self.qkv = recast(source.qkv, dtype)
        self.proj = recast(source.proj, dtype)

    def project(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key and value, each (B, heads, N, head_dim)."""
        query, key, value = (
            self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        return query, key, value

    def gather(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return what the heads gather and mix, (B, N, C)."""
        if query.dtype == torch.bfloat16 and key.shape[2] <= FEW_TOKENS and query.is_cpu:
            scaled = query * query.shape[-1] ** -0.5
            heads = (scaled @ key.transpose(-2, -1)).softmax(dim=-1) @ value
        else:
            heads = F.scaled_dot_product_attention(query, key, value)
        return self.proj(heads.transpose(1, 2).flatten(2))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.gather(*self.project(tokens))


class FastGlobalBlock(nn.Module):
    """:class:`~uniformer.blocks.GlobalBlock` with fused attention and no copies."""

    def __init__(self, source: GlobalBlock, dtype: torch.dtype) -> None:
        super().__init__()
        source = source.without_layer_scale()
        self.window_size = source.window_size
        self.position = AddPosition(source.pos_embed)
        self.norm = frozen(source.norm1)
        self.attn = FastAttention(source.attn, dtype)
        self.feed_forward = FeedForward(
            frozen(source.norm2), recast(source.mlp.fc1, dtype), recast(source.mlp.fc2, dtype)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.position(x)
        x += self.attend(self.norm(x).to(self.attn.qkv.weight.dtype))
        self.feed_forward(x.flatten(0, 2))
        return first(x)

    def attend(self, normed: Tensor) -> Tensor:
        """Return attention of normed tokens (B, H, W, C), over the map or window by window."""
        height, width = normed.shape[1:3]
        if self.window_size is None:
            return self.attn(normed.flatten(1, 2)).unflatten(1, (height, width))
        windows, padded = to_windows(normed, self.window_size)
        return from_windows(self.attn(windows), self.window_size, padded, (height, width))


class FastPrunedBlock(nn.Module):
    """:class:`~uniformer.light.PrunedBlock` with fused attention; only one row is formed."""

    def __init__(self, source: PrunedBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.scale = source.attn.scale
        self.position = AddPosition(source.pos_embed)
        self.norm = frozen(source.norm1)
        self.attn = FastAttention(source.attn, dtype)
        self.feed_forward = FeedForward(
            frozen(source.norm2), recast(source.mlp.fc1, dtype), recast(source.mlp.fc2, dtype)
        )

    def forward(self, x: Tensor, focus: Focus) -> tuple[Tensor, Focus]:
        x = self.position(x)
        tokens = x.flatten(1, 2)
        passed, chosen = shorten(tokens, focus)
        normed = self.norm(passed).to(self.attn.qkv.weight.dtype)
        query, key, value = self.attn.project(normed)
        row = (query[:, :, :1] @ key.transpose(-2, -1)).float().mul_(self.scale).softmax(dim=-1)
        out = passed + self.attn.gather(query, key, value)
        self.feed_forward(out.flatten(0, 1))
        tokens, focus = restore(tokens, passed, out - passed, row[:, :, 0], focus, chosen)
        return first(tokens.unflatten(1, x.shape[1:3])), focus
