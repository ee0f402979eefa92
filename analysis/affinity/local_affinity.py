"""Local affinity: what the neighbours of one token contribute to a convolution, term by term.

In eval mode the local branch of a block, ``conv2(attn(conv1(norm1(x))))``, has no non-linearity,
so its output at a token is exactly a sum of 25 vectors, one per neighbour, and a constant. The
same holds for the dynamic position encoding (DPE) with 9. The kernel is the same for every picture
(arXiv 2201.09450, section 3.3); only the contributions depend on what is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.grid import Grid, Token
from uniformer.blocks import LocalBlock

RADIUS = 2
"""Of the local affinity's kernel in tokens, along each axis."""

POSITION_RADIUS = 1
"""Of the position encoding's kernel."""


@dataclass(frozen=True)
class LocalAffinity:
    """The k x k terms of a convolution at ``token`` of one block; exact, not a heuristic.

    ``kernel`` (C, k, k) is the learned depthwise kernel, signed, the same for every picture.
    ``contribution`` (k, k, C) is what each neighbour adds to the output: all of them and ``bias``
    (C,) sum to the branch's output. Neighbours outside the map, where ``inside`` (k, k) is False,
    contribute exactly 0. ``dense_norm`` (k, k) is the Frobenius norm of the C x C matrix that leads
    from each neighbour's input to the output, again the same for every picture. Without units.
    ``grid`` says where the tokens of the stage lie.
    """

    stage: int
    block: int
    grid: Grid
    token: Token
    kernel: np.ndarray
    contribution: np.ndarray
    bias: np.ndarray
    inside: np.ndarray
    dense_norm: np.ndarray

    @property
    def norm_share(self) -> np.ndarray:
        """Length of each contribution over the sum of all lengths, (k, k), 0 to 1, sum 1.

        0 everywhere if nothing is contributed at all.
        """
        norms = np.linalg.norm(self.contribution, axis=-1)
        return norms / max(norms.sum(), np.finfo(norms.dtype).tiny)

    @property
    def signed_share(self) -> np.ndarray:
        """Part of the sum of all contributions that each one makes up, (k, k), sum 1.

        It is <contribution, sum> / <sum, sum>: negative where a neighbour works against the sum. 0
        everywhere if nothing is contributed at all.
        """
        total = self.contribution.sum(axis=(0, 1))
        return self.contribution @ total / max(total @ total, np.finfo(total.dtype).tiny)


def local_affinity(trace: Trace, stage: int, block: int, token: Token) -> LocalAffinity:
    """Return the 25 terms of the local branch of a block of stage 1 or 2 at one token.

    The branch is that of arXiv 2201.09450, section 3.3, its input the block's input after the DPE.

    Args:
        trace: of the picture.
        stage: 1 or 2.
        block: of the stage, counted from 0.
        token: row and column on the stage's map, ``trace.grid(stage).token_at(x, y)``.

    Returns:
        Terms (5, 5, channels) that sum, with the bias, to the output of the branch, their lengths
        and signed shares (5, 5), and the kernel.

    Raises:
        AnalysisError: for a block or token that does not exist, and for the blocks of stages 3 and
            4, whose affinity is global.
    """
    layers = trace.block(stage, block)
    if not isinstance(layers, LocalBlock):
        raise AnalysisError(
            f"The affinity of stage {stage} is global: local affinity is that of stages 1 and 2."
        )
    with torch.no_grad():
        x, inside = _neighbours(trace, stage, block, token, RADIUS + POSITION_RADIUS)
        core = slice(POSITION_RADIUS, -POSITION_RADIUS)
        x, inside = x[..., core, core] + _unpadded(layers.pos_embed, x), inside[core, core]
        scale, shift = _affine(layers.norm1)
        # Zero padding is applied to the values, which are not 0 where the input is.
        values = layers.conv1(x * scale + shift)[0] * inside
        mix, kernel = layers.conv2.weight[:, :, 0, 0], layers.attn.weight[:, 0]
        contribution = torch.einsum("oc,cyx->yxo", mix, kernel * values)
        bias = mix @ layers.attn.bias + layers.conv2.bias
        project = layers.conv1.weight[:, :, 0, 0] * scale[:, 0, 0]
        # |mix diag(kernel) project|^2 for all positions, without forming the matrices.
        gram = (mix.T @ mix) * (project @ project.T)
        squares = torch.einsum("cyx,cd,dyx->yx", kernel, gram, kernel)
    return _result(trace, stage, block, token, kernel, contribution, bias, inside, squares)


def position_affinity(trace: Trace, stage: int, block: int, token: Token) -> LocalAffinity:
    """Return the 9 terms of a block's dynamic position encoding at ``token``, in any stage.

    The residual around the encoding is not part of it. Blocks are counted from 0. Raises
    :class:`AnalysisError` for a block or token that does not exist. Source: arXiv 2201.09450.
    """
    layer = trace.block(stage, block).pos_embed
    with torch.no_grad():
        values, inside = _neighbours(trace, stage, block, token, POSITION_RADIUS)
        kernel = layer.weight[:, 0]
        contribution = (kernel * values[0]).permute(1, 2, 0)
        squares = kernel.square().sum(0)
    return _result(trace, stage, block, token, kernel, contribution, layer.bias, inside, squares)


def _neighbours(
    trace: Trace, stage: int, block: int, token: Token, radius: int
) -> tuple[Tensor, Tensor]:
    """Return the block's input around ``token``, zero outside the map, and what is inside it.

    Shapes (1, C, 2 * radius + 1, 2 * radius + 1), and bool without the first two axes.
    """
    row, column = trace.grid(stage).check(token)
    x = trace.block_inputs[stage - 1][block]
    top, bottom = row - radius, row + radius + 1
    left, right = column - radius, column + radius + 1
    patch = x[:, :, max(top, 0) : bottom, max(left, 0) : right]
    beyond = (-left, right - x.shape[-1], -top, bottom - x.shape[-2])
    margins = [max(margin, 0) for margin in beyond]
    return F.pad(patch, margins), F.pad(torch.ones_like(patch[0, 0], dtype=torch.bool), margins)


def _unpadded(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Apply a depthwise convolution where its kernel lies inside ``x``."""
    return F.conv2d(x, layer.weight, layer.bias, groups=layer.groups)


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return scale and shift (C, 1, 1) that BatchNorm is in eval mode, whatever its mode is now."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale[:, None, None], (norm.bias - norm.running_mean * scale)[:, None, None]


def _result(
    trace: Trace,
    stage: int,
    block: int,
    token: Token,
    kernel: Tensor,
    contribution: Tensor,
    bias: Tensor,
    inside: Tensor,
    squares: Tensor,
) -> LocalAffinity:
    return LocalAffinity(
        stage=stage,
        block=block,
        grid=trace.grid(stage),
        token=token,
        # A copy, so that the result does not change with the weights.
        kernel=kernel.detach().clone().cpu().numpy(),
        contribution=contribution.cpu().numpy(),
        bias=bias.detach().clone().cpu().numpy(),
        inside=inside.cpu().numpy(),
        dense_norm=squares.clamp_min(0).sqrt().cpu().numpy(),
    )
