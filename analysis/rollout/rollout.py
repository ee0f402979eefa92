"""Rollout: how a token's content mixes with that of others, followed down to the pixels.

After Abnar and Zuidema, "Quantifying Attention Flow in Transformers", arXiv 2005.00928: a residual
branch that mixes tokens by A is replaced with a A + (1 - a) I, and the product of all of them says
how one token flows from all. Theirs has a = 1/2; here a is each token's own, the length of the
branch over that of branch and stream, after Kobayashi et al., arXiv 2109.07152. The step from
attention to a whole pyramid with convolutions is ours: their terms take the place of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.rollout.flow import region_share
from analysis.rollout.flow_step import FlowStep, below, through_block

PerBlock = tuple[tuple[float, ...], ...]
"""One number per block, stage by stage, the first blocks first."""


@dataclass(frozen=True)
class Rollout:
    """Where the mean token of a region flows from; a statistic of all affinities, not a cause.

    ``start`` (rows, columns) is what is followed: the share of the region's pixels in each token of
    the output of ``stage``, sum 1. ``maps[s - 1][b]`` (rows, columns) is the share of it that comes
    from each token that block b of stage s receives, ``pixels`` (h, w) from each pixel of the
    network's input; the 4 x 4 pixels of a token of stage 1 share evenly, so finer detail is none.

    Per block, for stages up to ``stage``: ``affinity_share`` and ``position_share``, 0 to 1, are
    the mean share a of the affinity and of the position encoding, weighted by the flow (with
    ``fixed_share`` they are that number); ``lost_mass``, 0 to 1, is what its windows lose to their
    padding, which has no place in the picture.
    """

    stage: int
    start: np.ndarray
    maps: tuple[tuple[np.ndarray, ...], ...]
    pixels: np.ndarray
    affinity_share: PerBlock
    position_share: PerBlock
    lost_mass: PerBlock
    fixed_share: float | None

    @property
    def total_lost_mass(self) -> float:
        """Share of the region's mass that went to padding, 0 to 1."""
        return sum(map(sum, self.lost_mass))

    @property
    def conservation_error(self) -> float:
        """Mass on the pixels plus mass lost, minus 1: rounding only."""
        return float(self.pixels.sum(dtype=np.float64)) + self.total_lost_mass - 1


def rollout(
    trace: Trace, region: np.ndarray, stage: int = 4, *, fixed_share: float | None = None
) -> Rollout:
    """Return where the output of ``stage`` in a ``region`` of the picture flows from.

    The region stands for the mean of its tokens, weighted by how many of its pixels each sees.
    Attention is averaged over heads, convolutions mix in proportion
    to the lengths of their terms, norms and feed-forward networks stay at their token.

    It can mislead: no class and no sign enters, averaging heads hides specialised ones, lengths
    ignore that contributions cancel, and the decoder's own paths are left out. Compare it with
    :func:`analysis.rollout.agreement.agreement`.

    Args:
        trace: of the picture.
        region: (H, W), bool, of the picture.
        stage: whose output is followed, 1 to 4.
        fixed_share: what all residual branches that mix tokens weigh, 0 to 1 (0.5: the classic
            rollout); None: what they measure.

    Returns:
        Maps (rows, columns) over the tokens that every block receives, and over the pixels of the
        network's input; each sums to 1 with what was lost to padding until there.

    Raises:
        AnalysisError: for an unknown stage, a region that is empty or of another picture, and a
            share outside 0 to 1.
    """
    if fixed_share is not None and not 0 <= fixed_share <= 1:
        raise AnalysisError(f"The share of a branch lies between 0 and 1, not at {fixed_share}.")
    start = region_share(trace.grid(stage), region)
    flow = torch.from_numpy(start).to(trace.logits)
    stages: list[list[FlowStep]] = []
    for number in range(stage, 0, -1):
        steps: list[FlowStep] = []
        for block in reversed(range(len(trace.windows[number - 1]))):
            steps.insert(0, through_block(trace, number, block, flow, fixed_share=fixed_share))
            flow = steps[0].flow
        stages.insert(0, steps)
        flow = below(trace, number, flow)
    return Rollout(
        stage=stage,
        start=start,
        maps=tuple(tuple(step.flow.cpu().numpy() for step in steps) for steps in stages),
        pixels=flow.cpu().numpy(),
        affinity_share=tuple(tuple(step.affinity_share for step in steps) for steps in stages),
        position_share=tuple(tuple(step.position_share for step in steps) for steps in stages),
        lost_mass=tuple(tuple(step.lost_mass for step in steps) for steps in stages),
        fixed_share=fixed_share,
    )
