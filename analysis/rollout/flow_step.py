"""One step of a flow: from the output of a block to its input, from a stage to the stage below.

A residual branch that mixes tokens by rows E is replaced with a E + (1 - a) I, where a is the
token's own share of the branch: its length over that of branch and stream, after Kobayashi et al.,
"Incorporating Residual and Normalization Layers into Analysis of Masked Language Models",
arXiv 2109.07152. Norms and feed-forward networks stay at their token.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from analysis.affinity.local_rows import contribution_norms
from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.forward import affinity_branch
from analysis.rollout.flow import (
    along_attention,
    along_terms,
    channel_terms,
    encoding_norms,
    to_patches,
    to_pixels,
    unnormed_output,
)
from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.config import STRIDES
from uniformer.layers import PatchEmbed, to_map, to_tokens


class BranchGradients(NamedTuple):
    """Gradients (1, C, rows, columns) of a score by what two branches of a block add."""

    affinity: Tensor
    encoding: Tensor


class FlowStep(NamedTuple):
    """``flow`` (rows, columns) on the input of a block, and what happened on the way there.

    The shares of the two branches are means weighted by the flow, 0 to 1. ``lost_mass`` is what
    went to the padding of windows.
    """

    flow: Tensor
    affinity_share: float
    position_share: float
    lost_mass: float


def through_block(
    trace: Trace,
    stage: int,
    block: int,
    flow: Tensor,
    *,
    fixed_share: float | None = None,
    gradients: BranchGradients | None = None,
) -> FlowStep:
    """Follow ``flow`` (rows, columns), never negative, from the output of a block to its input.

    Rows E are the affinity itself, averaged over heads, and the lengths of a convolution's terms.
    With ``gradients`` they are the positive part of affinity times its gradient, each row scaled
    to sum 1: the gradient says where, the branch's share how much. ``fixed_share`` replaces that of
    all branches.
    """
    layers, window = trace.block(stage, block), trace.windows[stage - 1][block]
    x = trace.block_inputs[stage - 1][block]
    by_affinity, by_encoding = gradients or (None, None)
    with torch.no_grad():
        encoding = layers.pos_embed(x)
        stream = x + encoding
        mixed = flow * _share(affinity_branch(layers, stream, window), stream, fixed_share)
        if isinstance(layers, LocalBlock):
            moved = along_terms(_local_terms(trace, stage, block, stream, by_affinity), mixed)
        else:
            by_head = None if by_affinity is None else _by_head(layers, by_affinity)
            moved = along_attention(layers, stream, window, mixed, by_head)
        before = flow - mixed + moved
        encoded = before * _share(encoding, x, fixed_share)
        after = before - encoded + along_terms(_encoding_terms(layers, x, by_encoding), encoded)
    padded = window is not None and any(side % window for side in flow.shape)
    tiny = torch.finfo(flow.dtype).tiny
    return FlowStep(
        flow=after,
        affinity_share=float(mixed.sum() / flow.sum().clamp_min(tiny)),
        position_share=float(encoded.sum() / before.sum().clamp_min(tiny)),
        # Without padding nothing is lost; the sums may still differ in their last digit.
        lost_mass=float(mixed.sum() - moved.sum()) if padded else 0.0,
    )


def below(trace: Trace, stage: int, flow: Tensor) -> Tensor:
    """Follow ``flow`` through the patch embedding of ``stage``: to the stage below, or pixels.

    A token is shared out in proportion to what each part of its patch adds; the 4 x 4 pixels of a
    token of stage 1 share evenly. ``flow`` is (rows, columns), and so is the result, of the stage
    below or of the network's input. Raises :class:`AnalysisError` for overlapping patches.
    """
    if stage == 1:
        return to_pixels(STRIDES[0], flow, trace.network_size_px)
    embed = trace.model.backbone.stage(stage)[0]
    if not isinstance(embed, PatchEmbed):
        raise AnalysisError(
            f"{trace.model.config.name} embeds patches by overlapping convolutions, and flow is "
            "only followed through patches that do not overlap: ask `affinity` or `jacobian`."
        )
    with torch.no_grad():
        return to_patches(embed, unnormed_output(trace, stage - 1), flow)


def _share(branch: Tensor, stream: Tensor, fixed: float | None) -> Tensor:
    """Return the share of a residual branch per token, (rows, columns), 0 to 1.

    The whole branch counts, its bias too: which part of it is called bias is a matter of how the
    same function is written down, since rows of an affinity sum to 1.
    """
    added, kept = branch[0].norm(dim=0), stream[0].norm(dim=0)
    if fixed is not None:
        return torch.full_like(added, fixed)
    return added / (added + kept).clamp_min(torch.finfo(added.dtype).tiny)


def _local_terms(
    trace: Trace, stage: int, block: int, stream: Tensor, gradient: Tensor | None
) -> Tensor:
    """Return the size of the 25 terms of a local block, by length or by what speaks for a score."""
    if gradient is None:
        return contribution_norms(trace, stage, block)
    layers: LocalBlock = trace.block(stage, block)
    values = layers.conv1(layers.norm1(stream))[0]
    by_channel = torch.einsum("oc,oyx->cyx", layers.conv2.weight[:, :, 0, 0], gradient[0])
    return channel_terms(layers.attn.weight[:, 0], values, by_channel)


def _encoding_terms(layers: LocalBlock | GlobalBlock, x: Tensor, gradient: Tensor | None) -> Tensor:
    """Return the size of the 9 terms of a position encoding, likewise."""
    if gradient is None:
        return encoding_norms(layers.pos_embed, x)
    return channel_terms(layers.pos_embed.weight[:, 0], x[0], gradient[0])


def _by_head(layers: GlobalBlock, gradient: Tensor) -> Tensor:
    """Return the gradient by what the heads gather, given that by what they add."""
    by_head = to_tokens(gradient) @ layers.attn.proj.weight
    return to_map(by_head, *gradient.shape[-2:])
