"""Run a traced pass again with interventions made, from the earliest block that they change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.any_segmenter import AnySegmenter
from analysis.core.checks import check_evaluating
from analysis.core.errors import AnalysisError
from analysis.core.forward import FIRST, AttentionMask, Patch, Place, forward
from analysis.interventions.base import BlockIntervention
from analysis.interventions.picture import HideRegion
from uniformer.pictures import PictureSource, open_picture
from uniformer.preprocess import preprocess

Intervention = BlockIntervention | HideRegion


@dataclass(frozen=True)
class Composite(Patch):
    """Several patches of one block, made in their order."""

    patches: tuple[Patch, ...]

    @property
    def drops(self) -> bool:
        """Whether the block is left out."""
        return any(patch.drops for patch in self.patches)

    def received(self, x: Tensor) -> Tensor:
        """Return what the block receives instead of ``x``."""
        return reduce(lambda x, patch: patch.received(x), self.patches, x)

    def position(self, encoding: Tensor) -> Tensor:
        """Return what is added as position encoding instead of ``encoding``."""
        return reduce(lambda x, patch: patch.position(x), self.patches, encoding)

    def kernel(self, kernel: Tensor) -> Tensor:
        """Return the kernel used instead of ``kernel``."""
        return reduce(lambda x, patch: patch.kernel(x), self.patches, kernel)

    def window(self, size: int | None) -> int | None:
        """Return the side of the windows used instead of ``size``."""
        return reduce(lambda x, patch: patch.window(x), self.patches, size)

    def attention_mask(self) -> tuple[AttentionMask, ...]:
        """Return the conditions that an edge must meet to be kept."""
        return tuple(edge for patch in self.patches for edge in patch.attention_mask())

    def heads(self, heads: Tensor) -> Tensor:
        """Return what the heads gather instead of ``heads``."""
        return reduce(lambda x, patch: patch.heads(x), self.patches, heads)


def intervene(
    trace: Trace, interventions: Sequence[Intervention], picture: PictureSource | None = None
) -> Tensor:
    """Return the logits (1, classes, H/4, W/4) of the traced pass with ``interventions`` made.

    They are made together, in their order, and nothing is set on the model. The pass starts at the
    earliest block that changes, from what it received; only :class:`HideRegion` starts from the
    ``picture``, which must be the one that was traced.

    Raises :class:`AnalysisError` for no intervention, for one that does not fit the model or the
    trace, and for a missing or another picture.
    """
    if not interventions:
        raise AnalysisError("Choose at least one intervention.")
    model = trace.model
    check_evaluating(model)
    patches = _by_place(trace, [i for i in interventions if isinstance(i, BlockIntervention)])
    hidden = [i for i in interventions if isinstance(i, HideRegion)]
    with torch.no_grad():
        if hidden:
            x = _network_input(trace, _without(trace, hidden, picture))
            if isinstance(model, AnySegmenter):
                return model(x)
            start, x = FIRST, model.backbone.patch_embed1(x)
        else:
            start = min(patches)
            x = trace.block_inputs[start.stage - 1][start.block]
        _, outputs = forward(model, x, trace.windows, start, patches)
        return model.decode((*trace.stage_outputs[: start.stage - 1], *outputs))


def controls(
    trace: Trace, interventions: Sequence[Intervention], seed: int
) -> tuple[Intervention, ...] | None:
    """Return a random intervention as large as each of ``interventions``; None if one has none."""
    rng = np.random.default_rng(seed)
    found = tuple(intervention.control(trace, rng) for intervention in interventions)
    return None if any(control is None for control in found) else found


def _by_place(trace: Trace, interventions: Sequence[BlockIntervention]) -> dict[Place, Patch]:
    found: dict[Place, tuple[Patch, ...]] = {}
    for intervention in interventions:
        for place in intervention.places(trace):
            found[place] = (*found.get(place, ()), intervention.at(place))
    return {place: Composite(patches) for place, patches in found.items()}


def _without(
    trace: Trace, hidden: Sequence[HideRegion], picture: PictureSource | None
) -> np.ndarray:
    """Return the picture with regions hidden."""
    if picture is None:
        raise AnalysisError("To hide a region, give the picture that was traced as well.")
    picture = open_picture(picture)
    if not _was_traced(trace, picture):
        raise AnalysisError("This is not the picture that was traced.")
    for intervention in hidden:
        picture = intervention.hide(picture)
    return picture


def _was_traced(trace: Trace, picture: np.ndarray) -> bool:
    if picture.shape[:2] != trace.picture_size_px:
        return False
    model, x = trace.model, _network_input(trace, picture)
    if isinstance(model, AnySegmenter):
        seen, kept = model(x), trace.logits
    else:
        seen, kept = model.backbone.patch_embed1(x), trace.block_inputs[0][0]
    # Not equal bit for bit: the number of threads may have changed since.
    return torch.allclose(seen, kept, atol=1e-4)


def _network_input(trace: Trace, picture: np.ndarray) -> Tensor:
    model = trace.model
    x = preprocess(picture, trace.short_side, model.config.size_divisor)
    return x.to(model.device, model.dtype)
