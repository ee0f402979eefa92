"""The backbone of the Light models XS and XXS: stages 3 and 4 prune tokens by a class token.

A learned class token travels beside the map. How much it attends to each token is the token's
score; from the second block of stage 3 on, only the better half of the tokens passes through a
block, and one token merged from the others stands for them. Source: Sense-X/UniFormer,
``uniformer_light.py``, whose idea is that of Xu et al., "Evo-ViT", arXiv 2108.01390. There the
scores are global variables; here they are handed from block to block, so that threads cannot mix.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniformer.attention import Attention
from uniformer.backbone import UniFormer
from uniformer.blocks import position_encoding
from uniformer.config import BackboneConfig, Reach, check_reach
from uniformer.layers import EPS, DropPath, Mlp, to_map, to_tokens

ONE_OF = 2
"""A pruning block keeps one token of so many, rounded down."""

TRADE_OFF = 0.5
"""Weight of a block's own attention in the running score of the tokens it kept."""


class Focus(NamedTuple):
    """What travels beside the map: the class token (B, 1, C) and every token's score (B, H*W).

    ``score`` is the running mean over blocks and heads of the class token's attention; it is None
    before the first block, which therefore prunes nothing.
    """

    cls_token: Tensor
    score: Tensor | None


class TokenSelection(NamedTuple):
    """Indices of the tokens a block keeps (B, K) and drops (B, D), best first.

    ``share`` (B, D) is what each dropped token has of the token merged from them; it sums to 1.
    """

    kept: Tensor
    dropped: Tensor
    share: Tensor


def select(score: Tensor) -> TokenSelection:
    """Return which tokens a block keeps by their scores (B, H*W)."""
    order = score.argsort(dim=1, descending=True)
    count = score.shape[1] // ONE_OF  # of whole numbers, which an exporter can follow
    kept, dropped = order[:, :count], order[:, count:]
    weight = score.gather(1, dropped)
    return TokenSelection(kept, dropped, weight / weight.sum(dim=1, keepdim=True))


def shorten(tokens: Tensor, focus: Focus) -> tuple[Tensor, TokenSelection | None]:
    """Return what passes through a block, (B, 1 + K + 1, C): class token, kept ones, merged one.

    ``tokens`` are all of the map, (B, H*W, C). Without a score all are kept and none is merged.
    """
    if focus.score is None:
        return torch.cat([focus.cls_token, tokens], dim=1), None
    chosen = select(focus.score)
    merged = (chosen.share[..., None] * _take(tokens, chosen.dropped)).sum(dim=1, keepdim=True)
    return torch.cat([focus.cls_token, _take(tokens, chosen.kept), merged], dim=1), chosen


def restore(
    tokens: Tensor,
    passed: Tensor,
    update: Tensor,
    row: Tensor,
    focus: Focus,
    chosen: TokenSelection | None,
) -> tuple[Tensor, Focus]:
    """Return all tokens (B, H*W, C) after a block, and the focus behind it.

    ``passed`` is what :func:`shorten` returned, ``update`` what the block adds to it and ``row``
    (B, heads, 1 + K + 1) the class token's attention. Dropped tokens get the merged one's update.
    """
    cls_token, row = passed[:, :1] + update[:, :1], row.mean(dim=1)
    if chosen is None or focus.score is None:
        return tokens + update[:, 1:], Focus(cls_token, row[:, 1:])
    kept = passed[:, 1:-1] + update[:, 1:-1]
    tokens = (tokens + update[:, -1:]).scatter(1, _along(chosen.kept, kept), kept)
    mixed = (1 - TRADE_OFF) * focus.score.gather(1, chosen.kept) + TRADE_OFF * row[:, 1:-1]
    return tokens, Focus(cls_token, focus.score.scatter(1, chosen.kept, mixed))


def halve_score(score: Tensor, height: int, width: int) -> Tensor:
    """Return the scores (B, height * width / 4) of the next stage's tokens.

    They are means over 2 x 2 of ``score`` (B, height * width), scaled to the same sum.
    """
    pooled = F.avg_pool2d(score.view(-1, 1, height, width), kernel_size=2).flatten(1)
    return pooled * (score.sum(dim=1, keepdim=True) / pooled.sum(dim=1, keepdim=True))


def _take(tokens: Tensor, index: Tensor) -> Tensor:
    return tokens.gather(1, index[..., None].expand(-1, -1, tokens.shape[-1]))


def _along(index: Tensor, like: Tensor) -> Tensor:
    return index[..., None].expand_as(like)


class PrunedBlock(nn.Module):
    """A global block on the class token and a part of the map's tokens; see the module's text."""

    def __init__(self, dim: int, head_dim: int, mlp_ratio: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.pos_embed = position_encoding(dim)
        self.norm1 = nn.LayerNorm(dim, eps=EPS)
        self.attn = Attention(dim, head_dim)
        self.norm2 = nn.LayerNorm(dim, eps=EPS)
        self.mlp = Mlp(dim, mlp_ratio * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, focus: Focus) -> tuple[Tensor, Focus]:
        """Return the map (B, C, H, W) and the focus behind this block."""
        x = x + self.pos_embed(x)
        tokens = to_tokens(x)
        passed, chosen = shorten(tokens, focus)
        query, key, value = self.attn.project(self.norm1(passed))
        affinity = self.attn.affinity(query, key)
        update = self.drop_path(self.attn.merge(affinity @ value))
        update = update + self.drop_path(self.mlp(self.norm2(passed + update)))
        tokens, focus = restore(tokens, passed, update, affinity[:, :, 0], focus, chosen)
        return to_map(tokens, *x.shape[-2:]), focus


class LightUniFormer(UniFormer):
    """:class:`~uniformer.backbone.UniFormer` whose stages 3 and 4 are of :class:`PrunedBlock`."""

    def __init__(self, config: BackboneConfig, drop_path_rate: float = 0.0) -> None:
        super().__init__(config, drop_path_rate)
        *_, third, fourth = config.dims
        self.cls_token = nn.Parameter(torch.zeros(1, 1, third))
        self.cls_upsample = nn.Linear(third, fourth)

    def global_block(self, dim: int, drop_path: float) -> PrunedBlock:
        """Return a new block for stage 3 or 4."""
        return PrunedBlock(dim, self.config.head_dim, self.config.mlp_ratio, drop_path)

    def set_reach(self, reach: Reach, window_size: int) -> None:
        """Refuse all but the global reach with ``ValueError``."""
        check_reach(reach, window_size)
        if reach != "global":
            raise ValueError("A Light model prunes tokens and has no windows: its reach is global.")

    def run_stage(self, number: int, x: Tensor, focus: Focus | None) -> tuple[Tensor, Focus | None]:
        """Return the map behind a stage's blocks, and the focus from stage 3 on."""
        if number <= 2:
            return super().run_stage(number, x, focus)
        embed, blocks, _ = self.stage(number)
        focus = self.enter(x, focus)
        x = embed(x)
        for block in blocks:
            x, focus = block(x, focus)
        return x, focus

    def enter(self, x: Tensor, focus: Focus | None) -> Focus:
        """Return the focus in front of stage 3 (of None) or 4; ``x`` left the blocks before it."""
        if focus is None:
            return Focus(self.cls_token.expand(len(x), -1, -1), None)
        return Focus(self.cls_upsample(focus.cls_token), halve_score(focus.score, *x.shape[-2:]))


def make_backbone(config: BackboneConfig, drop_path_rate: float = 0.0) -> UniFormer:
    """Return the backbone that ``config`` describes."""
    return (LightUniFormer if config.pruned else UniFormer)(config, drop_path_rate)
