"""The two UniFormer blocks: position encoding, local or global affinity, feed-forward.

Every block is ``x + DPE(x)``, then ``+ MHRA(norm(x))``, then ``+ FFN(norm(x))`` (arXiv 2201.09450,
eq. 1-3) and maps (B, C, H, W) to (B, C, H, W).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uniformer.attention import Attention, from_windows, to_windows
from uniformer.layers import EPS, ConvMlp, DropPath, Mlp, to_map, to_tokens

LAYER_SCALE = 1e-6
"""What layer scale starts from, before training."""


def position_encoding(dim: int) -> nn.Conv2d:
    """Dynamic position encoding: a depthwise 3x3 convolution with zero padding."""
    return nn.Conv2d(dim, dim, kernel_size=3, padding=1, groups=dim)


class LocalBlock(nn.Module):
    """Stages 1-2: the affinity is a learned depthwise 5x5 kernel, the same for every picture.

    ``conv1`` makes the values, ``attn`` weighs the 25 neighbours, ``conv2`` mixes the channels.
    In eval mode that branch has no non-linearity: it is one affine 5x5 convolution.
    """

    def __init__(self, dim: int, mlp_ratio: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.pos_embed = position_encoding(dim)
        self.norm1 = nn.BatchNorm2d(dim)
        self.conv1 = nn.Conv2d(dim, dim, kernel_size=1)
        self.conv2 = nn.Conv2d(dim, dim, kernel_size=1)
        self.attn = nn.Conv2d(dim, dim, kernel_size=5, padding=2, groups=dim)
        self.norm2 = nn.BatchNorm2d(dim)
        self.mlp = ConvMlp(dim, mlp_ratio * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pos_embed(x)
        x = x + self.drop_path(self.conv2(self.attn(self.conv1(self.norm1(x)))))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class GlobalBlock(nn.Module):
    """Stages 3-4: every token attends to every token, or to its window when ``window_size`` is set.

    ``window_size`` has no parameters of its own, so it can be changed on a loaded model. With
    ``layer_scale`` both branches are multiplied per channel by ``gamma_1`` and ``gamma_2``, else
    None (Touvron et al., "Going deeper with Image Transformers", arXiv 2103.17239).
    """

    def __init__(
        self,
        dim: int,
        head_dim: int,
        mlp_ratio: int,
        drop_path: float = 0.0,
        layer_scale: bool = False,
    ) -> None:
        super().__init__()
        for name in ("gamma_1", "gamma_2"):
            gamma = nn.Parameter(torch.full((dim,), LAYER_SCALE)) if layer_scale else None
            self.register_parameter(name, gamma)
        self.window_size: int | None = None
        self.pos_embed = position_encoding(dim)
        self.norm1 = nn.LayerNorm(dim, eps=EPS)
        self.attn = Attention(dim, head_dim)
        self.norm2 = nn.LayerNorm(dim, eps=EPS)
        self.mlp = Mlp(dim, mlp_ratio * dim)
        self.drop_path = DropPath(drop_path)

    def attend(self, tokens: Tensor, height: int, width: int) -> Tensor:
        """Return attention of normed tokens (B, H*W, C), over the whole map or window by window."""
        size = self.window_size
        if size is None:
            return self.attn(tokens)
        grid = tokens.unflatten(1, (height, width))
        windows, padded = to_windows(grid, size)
        return from_windows(self.attn(windows), size, padded, (height, width)).flatten(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pos_embed(x)
        height, width = x.shape[-2:]
        tokens = to_tokens(x)
        attended = _scaled(self.attend(self.norm1(tokens), height, width), self.gamma_1)
        tokens = tokens + self.drop_path(attended)
        tokens = tokens + self.drop_path(_scaled(self.mlp(self.norm2(tokens)), self.gamma_2))
        return to_map(tokens, height, width)

    def without_layer_scale(self) -> GlobalBlock:
        """Return this block, or a frozen equal one with the scales multiplied into its layers."""
        if self.gamma_1 is None:
            return self
        state = self.state_dict()
        for gamma, layer in (("gamma_1", "attn.proj"), ("gamma_2", "mlp.fc2")):
            scale = state.pop(gamma)
            state[f"{layer}.weight"] = scale[:, None] * state[f"{layer}.weight"]
            state[f"{layer}.bias"] = scale * state[f"{layer}.bias"]
        dim, hidden = self.mlp.fc1.in_features, self.mlp.fc1.out_features
        with torch.device("meta"):
            block = GlobalBlock(dim, dim // self.attn.heads, hidden // dim)
        block.load_state_dict(state, assign=True)
        block.window_size = self.window_size
        return block.train(self.training).requires_grad_(False)


def _scaled(branch: Tensor, gamma: Tensor | None) -> Tensor:
    return branch if gamma is None else gamma * branch
