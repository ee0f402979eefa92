"""How far and how evenly every block and head of a model looks, on one axis through four stages.

Stages 1 and 2 are convolutions, so that they are local by construction: a share of 100 % within
5 x 5 tokens proves nothing there. What can be found out is how the blocks of stages 3 and 4, which
could look anywhere, use that freedom. One picture gives an anecdote; average over some fifty before
speaking of a trend.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.affinity.attention_rows import global_rows
from analysis.affinity.local_rows import local_rows
from analysis.affinity.statistics import (
    DISTANCES,
    MASSES,
    AffinityStatistics,
    Rows,
    head_divergence,
    spreads,
)
from analysis.core.activation_cache import Trace
from analysis.core.forward import Place
from analysis.core.grid import Grid
from analysis.core.progress import Progress, Work
from uniformer.blocks import LocalBlock


@dataclass(frozen=True)
class BlockProfile:
    """Means over all queries of one block, for each head; a convolution counts as a single head.

    ``heads`` holds one value per head, ``uniform`` (one value each) the same for uniform weights
    over the keys of every query: its window, the map, or the 5 x 5 neighbours. The rows of a
    convolution are the shares of its 25 exact terms by length. ``distance_over_uniform`` (heads,)
    is the mean of each query's distance over that of uniform weights for the same query, since
    distances differ twofold between corner and centre. Padding is left out of all of these, the
    rest scaled to sum 1, and ``padding_mass`` (heads,), 0 to 1, says how much it was.
    ``head_divergence``, 0 to 1, is the mean Jensen-Shannon divergence (base 2) of two heads' rows:
    0 where all heads attend alike, NaN with a single head.

    ``window_tokens`` is the side of the block's windows, None without. NaN stands where nothing can
    be said: entropy and ratio with a single key, everything where all weight is on padding.
    """

    stage: int
    block: int
    local: bool
    window_tokens: int | None
    heads: AffinityStatistics
    uniform: AffinityStatistics
    distance_over_uniform: np.ndarray
    padding_mass: np.ndarray
    head_divergence: float

    @property
    def name(self) -> str:
        """Stage and block as in a state dict: "3.5" is ``blocks3.5``."""
        return Place(self.stage, self.block).name


@dataclass(frozen=True)
class DepthProfile:
    """The profiles of all blocks of a model for one picture, from the first to the last."""

    blocks: tuple[BlockProfile, ...]

    def rows(self) -> list[dict[str, str | int | float]]:
        """Return one row per block and head for a table; blocks and heads are counted from 0."""
        return [
            {
                "stage": block.stage,
                "name": block.name,
                "block": block.block,
                "kind": "local" if block.local else "global",
                "window_tokens": block.window_tokens or "",
                "head": head,
                **{name: float(getattr(block.heads, name)[head]) for name in DISTANCES},
                **{f"uniform_{name}": float(getattr(block.uniform, name)[0]) for name in DISTANCES},
                "distance_over_uniform": float(block.distance_over_uniform[head]),
                "entropy": float(block.heads.entropy[head]),
                **{name: float(getattr(block.heads, name)[head]) for name in MASSES},
                **{f"uniform_{name}": float(getattr(block.uniform, name)[0]) for name in MASSES},
                "padding_mass": float(block.padding_mass[head]),
                "head_divergence": block.head_divergence,
            }
            for block in self.blocks
            for head in range(len(block.padding_mass))
        ]


def block_profile(trace: Trace, stage: int, block: int) -> BlockProfile:
    """Return how far and how evenly the heads of one block look, over all its queries.

    No affinity matrix is held, only the rows of some queries at a time. Blocks are counted from 0.
    Raises :class:`AnalysisError` for a block that does not exist.
    """
    local = isinstance(trace.block(stage, block), LocalBlock)
    chunks = (local_rows if local else global_rows)(trace, stage, block)
    heads, uniform = _means(_measured(rows, trace.grid(stage)) for rows in chunks)
    return BlockProfile(
        stage=stage,
        block=block,
        local=local,
        window_tokens=trace.windows[stage - 1][block],
        heads=AffinityStatistics(*heads[:6]),
        uniform=AffinityStatistics(*uniform[:6]),
        distance_over_uniform=heads[6],
        padding_mass=heads[7],
        head_divergence=float(uniform[6, 0]),
    )


def depth_profile(trace: Trace) -> Work[DepthProfile]:
    """Yield progress block by block, and return the profile of all blocks of all four stages.

    Time grows with the square of the picture's area: the statistics visit every weight.
    """
    places = [
        (stage, block) for stage in range(1, 5) for block in range(len(trace.windows[stage - 1]))
    ]
    profiles = []
    for place in places:
        profiles.append(block_profile(trace, *place))
        yield Progress(len(profiles), len(places))
    return DepthProfile(tuple(profiles))


def _measured(rows: Rows, grid: Grid) -> tuple[Tensor, Tensor]:
    """Return the numbers of each head's rows (heads, queries, 8) and of uniform ones (1, ..., 7).

    The six of their spread come first; then, for the heads, distance over uniform and padding, and
    for uniform weights the divergence between the heads.
    """
    spread, even = spreads(rows, grid)
    share = rows.weight / rows.weight.sum(-1, keepdim=True)
    uniform = even.expand(len(share), 1, -1, -1)
    ratio = spread[..., :1] / uniform[..., :1]
    heads = torch.cat([spread, ratio, rows.padding_mass[..., None]], dim=-1)
    alike = torch.cat([uniform, head_divergence(share)[:, None, :, None]], dim=-1)
    return heads.transpose(0, 1).flatten(1, 2), alike.transpose(0, 1).flatten(1, 2)


def _means(chunks: Iterator[tuple[Tensor, Tensor]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the means over all queries that have a value, (numbers, heads) and (numbers, 1)."""
    heads, uniform = (torch.cat(parts, dim=1) for parts in zip(*chunks, strict=True))
    return tuple(values.double().nanmean(1).T.cpu().numpy() for values in (heads, uniform))
