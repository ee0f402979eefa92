"""What every block of a traced model receives and what each of its three parts makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.forward import Place, affinity_branch, feed_forward_branch


class Streams(NamedTuple):
    """The residual stream of one block, each (1, C, rows, columns), before any norm.

    ``received`` comes in, ``encoded`` has the position encoding added, ``gathered`` the affinity's
    branch as well, and ``produced`` the feed-forward network's: the block's output.
    """

    place: Place
    received: Tensor
    encoded: Tensor
    gathered: Tensor
    produced: Tensor

    @property
    def name(self) -> str:
        """Stage and block as in a state dict: "3.5" is ``blocks3.5``."""
        return self.place.name


def streams(trace: Trace) -> Iterator[Streams]:
    """Yield the streams of all blocks, first to last, equal bit for bit to those of the pass.

    They are recomputed from the blocks' inputs, one block at a time: nothing is kept.
    """
    for stage, inputs in enumerate(trace.block_inputs, start=1):
        for number, received in enumerate(inputs):
            block = trace.block(stage, number)
            with torch.no_grad():
                encoded = received + block.pos_embed(received)
                window = trace.windows[stage - 1][number]
                gathered = encoded + affinity_branch(block, encoded, window)
                produced = gathered + feed_forward_branch(block, gathered)
            yield Streams(Place(stage, number), received, encoded, gathered, produced)
