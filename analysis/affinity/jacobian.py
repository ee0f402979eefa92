"""The token Jacobian: how strongly each input token of a block moves one of its outputs.

|d y_i / d x_j|, the Frobenius norm of a C x C matrix, exists for a convolution as well as for
attention, so that both can be compared. It is computed exactly, by one vector-Jacobian product per
channel; only what the query can see takes part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.affinity.global_affinity import row_weight
from analysis.affinity.local_affinity import POSITION_RADIUS, RADIUS
from analysis.affinity.statistics import AffinityStatistics, affinity_statistics
from analysis.core.activation_cache import Trace
from analysis.core.checks import check_evaluating
from analysis.core.errors import AnalysisError
from analysis.core.grid import Grid, KeyWindow, Token
from uniformer.attention import Attention
from uniformer.blocks import GlobalBlock, LocalBlock

Part = Literal["block", "affinity", "position"]
PARTS: tuple[Part, ...] = get_args(Part)

VALUES = 2**22
"""Of a Jacobian, held at a time."""


@dataclass(frozen=True)
class TokenJacobian:
    """How much output ``token`` of a block, or of a part of it, changes with each input token.

    ``norm`` (rows, columns) is |d y_i / d x_j|, Frobenius, without units; exactly 0 outside the
    support. ``part`` says of what: the whole ``block``, its ``affinity`` branch (local or global,
    with its norm; from after the position encoding, without the residual) or its ``position``
    encoding (without the residual). ``grid`` says where the tokens lie.

    Norm and energy (norm squared) tell different stories: the 8 neighbours of a position encoding
    outweigh a thousand faint global weights by energy. Look at the parts separately.
    """

    stage: int
    block: int
    grid: Grid
    part: Part
    token: Token
    norm: np.ndarray

    @property
    def energy(self) -> np.ndarray:
        """``norm`` squared, (rows, columns)."""
        return self.norm**2

    @property
    def support(self) -> np.ndarray:
        """The tokens that can move the output at all, bool (rows, columns)."""
        return self.norm > 0

    @property
    def others_by_norm(self) -> AffinityStatistics:
        """The spread (1,) of the norms of all tokens but the query itself, scaled to sum 1.

        NaN where no other token moves the output.
        """
        return self._others(self.norm)

    @property
    def others_by_energy(self) -> AffinityStatistics:
        """The same of the energies, which favour the few tokens that move the output most."""
        return self._others(self.energy)

    @property
    def self_share(self) -> float:
        """The query's own part in the sum of all norms, 0 to 1; high where a residual is."""
        return float(self.norm[self.token] / self.norm.sum())

    def _others(self, values: np.ndarray) -> AffinityStatistics:
        others = self.support.copy()
        others[self.token] = False
        if not others.any():
            return AffinityStatistics(*np.full((6, 1), np.nan))
        offsets = torch.from_numpy(np.argwhere(others) - self.token)[None]
        weight = torch.from_numpy(values[others].astype(float))[None]
        keys = torch.tensor([weight.shape[1]])
        return AffinityStatistics(
            *affinity_statistics(weight / weight.sum(), offsets, keys, self.grid).T.numpy()
        )


def token_jacobian(
    trace: Trace, stage: int, block: int, token: Token, part: Part = "block"
) -> TokenJacobian:
    """Return how much each token moves output ``token`` of a block, of any stage.

    Blocks are counted from 0. Windows are those of the trace. Raises :class:`AnalysisError` for a
    block, token or part that does not exist.
    """
    layers = trace.block(stage, block)
    row, column = trace.grid(stage).check(token)
    check_evaluating(trace.model)
    if part not in PARTS:
        raise AnalysisError(f"There is no part {part!r}: choose one of {', '.join(PARTS)}.")
    x = trace.block_inputs[stage - 1][block]
    if part == "affinity":
        with torch.no_grad():
            x = x + layers.pos_embed(x)
    window = trace.grid(stage).window(token, trace.windows[stage - 1][block])
    seen = rows, columns = _seen(layers, part, token, window, x.shape[-2:])
    seen_x = x[..., rows, columns].detach().clone().requires_grad_()
    at = row - rows.start, column - columns.start
    with torch.enable_grad():
        if part == "position":
            output = layers.pos_embed(seen_x)[(0, slice(None), *at)]
        else:
            moved = seen_x + layers.pos_embed(seen_x) if part == "block" else seen_x
            inner = replace(window, top=window.top - rows.start, left=window.left - columns.start)
            output = _affinity(layers, moved, at, inner)
            if part == "block":
                output = _feed_forward(layers, moved[(0, slice(None), *at)] + output)
    norm = torch.zeros_like(x[0, 0])
    norm[seen] = _jacobian_norm(output, seen_x)
    return TokenJacobian(stage, block, trace.grid(stage), part, token, norm.cpu().numpy())


def _seen(
    layers: LocalBlock | GlobalBlock, part: Part, token: Token, window: KeyWindow, shape: torch.Size
) -> tuple[slice, slice]:
    """Return the rows and columns of the map that can move the output at ``token``."""
    spans = [(place, place + 1) for place in token]
    margin = 0 if part == "affinity" else POSITION_RADIUS
    if part != "position":
        if isinstance(layers, LocalBlock):
            margin += RADIUS
        else:
            spans = [
                (window.top, window.top + window.rows),
                (window.left, window.left + window.columns),
            ]
    rows, columns = (
        slice(max(start - margin, 0), min(stop + margin, side))
        for (start, stop), side in zip(spans, shape, strict=True)
    )
    return rows, columns


def _affinity(layers: LocalBlock | GlobalBlock, x: Tensor, at: Token, window: KeyWindow) -> Tensor:
    """Return the affinity branch at one token of a map (1, C, rows, columns): (C,)."""
    if isinstance(layers, LocalBlock):
        return layers.conv2(layers.attn(layers.conv1(layers.norm1(x))))[(0, slice(None), *at)]
    rows = slice(window.top, window.top + window.rows)
    columns = slice(window.left, window.left + window.columns)
    normed = layers.norm1(x[0].permute(1, 2, 0))
    keys = F.pad(normed[rows, columns].flatten(0, 1), (0, 0, 0, window.padding_tokens))
    return _attended(layers.attn, normed[at], keys)


def _attended(attention: Attention, query: Tensor, keys: Tensor) -> Tensor:
    """Return the attention of one normed token (C,) to ``keys`` (tokens, C).

    Weights sum to 1, so values can be gathered before they are projected: each of the many
    backward passes then needs no projection of all keys.
    """
    gathered = row_weight(attention, query, keys) @ keys
    project = attention.qkv.weight.unflatten(0, (3, attention.heads, -1))[2]
    values = torch.einsum("ndc,nc->nd", project, gathered)
    return attention.proj(values.flatten() + attention.qkv.bias[-len(query) :])


def _feed_forward(layers: LocalBlock | GlobalBlock, x: Tensor) -> Tensor:
    """Return what a block makes of one token (C,) after its affinity."""
    token = x[None, :, None, None] if isinstance(layers, LocalBlock) else x[None, None]
    return (token + layers.mlp(layers.norm2(token))).flatten()


def _jacobian_norm(output: Tensor, x: Tensor) -> Tensor:
    """Return the Frobenius norm of d output (C,) / d x (1, C, rows, columns): (rows, columns)."""
    together = max(1, VALUES // x.numel())
    energy = torch.zeros_like(x[0, 0])
    for probes in torch.eye(len(output), dtype=x.dtype, device=x.device).split(together):
        (rows,) = torch.autograd.grad(output, x, probes, retain_graph=True, is_grads_batched=True)
        energy += rows.square().sum((0, 1, 2))
    return energy.sqrt()
