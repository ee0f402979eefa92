"""Which tokens the Light models prune: what each block kept, and by which scores it chose.

In stages 3 and 4 of XXS and XS only the tokens that the class token has attended to most pass
through a block (:mod:`uniformer.light`); one token merged from the others stands for them. Nothing
is lost for good: every block chooses anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from uniformer.light import Focus, LightUniFormer, select

PRUNING_STAGES = (3, 4)


@dataclass(frozen=True)
class BlockPruning:
    """What one block of stage 3 or 4 kept; maps are (rows, columns) of the stage.

    ``kept`` is bool. ``score`` (sum 1 over the first block that gives scores, later about that) is
    what it chose by, the running mean of the class token's attention; ``merged_share`` is what each
    dropped token has of the merged one, 0 where kept. In a block that prunes nothing all are kept
    and the scores are NaN.
    """

    stage: int
    block: int
    kept: np.ndarray
    score: np.ndarray
    merged_share: np.ndarray

    @property
    def prunes(self) -> bool:
        """Whether any token was dropped."""
        return not self.kept.all()


def pruning(trace: Trace) -> list[BlockPruning]:
    """Return what every block of stages 3 and 4 kept of its tokens, in order.

    Models that do not prune keep all of them. The blocks of Light models are run again, each from
    the input that was traced.
    """
    backbone, focus, found = trace.model.backbone, None, []
    x = trace.block_inputs[1][-1]
    for stage in PRUNING_STAGES:
        shape = trace.grid(stage).shape
        inputs = trace.block_inputs[stage - 1]
        if not isinstance(backbone, LightUniFormer):
            found += [_all_kept(stage, block, shape) for block in range(len(inputs))]
            continue
        with torch.no_grad():
            focus = backbone.enter(x, focus)
            for number, (block, received) in enumerate(
                zip(backbone.stage(stage)[1], inputs, strict=True)
            ):
                found.append(_chosen(stage, number, shape, focus))
                x, focus = block(received, focus)
    return found


def _all_kept(stage: int, block: int, shape: tuple[int, int]) -> BlockPruning:
    unknown = np.full(shape, np.nan)
    return BlockPruning(stage, block, np.ones(shape, dtype=bool), unknown, np.zeros(shape))


def _chosen(stage: int, block: int, shape: tuple[int, int], focus: Focus) -> BlockPruning:
    if focus.score is None:
        return _all_kept(stage, block, shape)
    chosen = select(focus.score)
    kept = torch.zeros_like(focus.score, dtype=torch.bool).scatter(1, chosen.kept, True)
    share = torch.zeros_like(focus.score).scatter(1, chosen.dropped, chosen.share)

    def to_grid(values: Tensor) -> np.ndarray:
        return values[0].view(shape).cpu().numpy()

    return BlockPruning(
        stage,
        block,
        to_grid(kept),
        to_grid(focus.score).astype(float),
        to_grid(share).astype(float),
    )
