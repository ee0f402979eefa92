"""Run a traced pass again with interventions made, from the earliest block that they change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.any_segmenter import AnySegmenter
from analysis.core.checks import check_evaluating
from analysis.core.errors import AnalysisError
from analysis.core.forward import FIRST, AttentionMask, Patch, Place, forward
from analysis.interventions.base import ALIKE, BlockIntervention, change_size
from analysis.interventions.picture import HideRegion, picture_change_size
from uniformer.pictures import PictureSource, open_picture
from uniformer.preprocess import preprocess

Intervention = BlockIntervention | HideRegion

DRAWS = 6
"""Random changes that one is compared with."""

Sizes = dict[Place | None, float]
"""The size of what was changed in every block, and in the picture (None); see :mod:`.base`."""


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


@dataclass(frozen=True)
class Sized(Composite):
    """Changes in one block whose size together is told, and set where one is ``wanted``."""

    wanted: float | None
    tell: Callable[[float], None]

    def output(self, changed: Tensor, clean: Callable[[], Tensor]) -> Tensor:
        """Return the changed output, made as large as wanted within a factor of ``ALIKE``."""
        unchanged = clean()
        size = change_size(changed, unchanged)
        if self.wanted is not None and size > 0:
            factor = min(max(self.wanted / size, 1 / ALIKE), ALIKE)
            changed, size = torch.lerp(unchanged, changed, factor), factor * size
        self.tell(size)
        return changed


def intervene(
    trace: Trace, interventions: Sequence[Intervention], picture: PictureSource | None = None
) -> Tensor:
    """Run the traced pass again with interventions made; nothing is set on the model.

    The pass starts at the earliest block that changes, from what it received.

    Args:
        trace: of the picture.
        interventions: made together, in their order.
        picture: the one that was traced; only :class:`HideRegion` starts from it.

    Returns:
        Logits (1, classes, H/4, W/4) of the network's input of H x W pixels.

    Raises:
        AnalysisError: for no intervention, for one that does not fit the model or the trace, and
            for a missing or another picture.
    """
    pixels = pixels_traced(trace, interventions, picture)
    return _run(trace, _by_place(trace, interventions), _shown(interventions, pixels))


def pixels_traced(
    trace: Trace, interventions: Sequence[Intervention], picture: PictureSource | None
) -> np.ndarray | None:
    """Return the ``picture`` (H, W, 3) that ``interventions`` hide a part of; None if they do not.

    Raises :class:`AnalysisError` for another one than was traced.
    """
    if picture is None or not _hidden(interventions):
        return None
    pixels = open_picture(picture)
    if not _was_traced(trace, pixels):
        raise AnalysisError("This is not the picture that was traced.")
    return pixels


def intervene_sized(
    trace: Trace,
    interventions: Sequence[Intervention],
    picture: np.ndarray | None = None,
    wanted: Mapping[Place, float] | None = None,
) -> tuple[Tensor, Sizes]:
    """Return what :func:`intervene` does, and how large the changes were in this very pass.

    The change in each block of ``wanted`` is made as large as said there, within a factor of
    ``ALIKE``. ``picture`` is what :func:`pixels_traced` returns, once for all passes. Errors are
    those of :func:`intervene`.
    """
    wanted, sizes = wanted or {}, Sizes()
    patches = {
        place: Sized(each.patches, wanted.get(place), partial(sizes.__setitem__, place))
        for place, each in _by_place(trace, interventions).items()
    }
    shown = _shown(interventions, picture)
    logits = _run(trace, patches, shown)
    if shown is not None and picture is not None:
        sizes[None] = picture_change_size(shown, picture)
    return logits, sizes


def controls(
    trace: Trace,
    interventions: Sequence[Intervention],
    seed: int,
    picture: np.ndarray | None = None,
    count: int = DRAWS,
) -> list[tuple[Intervention, ...]]:
    """Return up to ``count`` draws of a random change in place of each of ``interventions``.

    None if one of them has nothing to compare with. ``picture`` (H, W, 3) is the one that was
    traced: with it regions that are hidden elsewhere change it as much.
    """
    rng = np.random.default_rng(seed)
    drawn = (each.controls(trace, rng, count, picture) for each in interventions)
    return list(zip(*drawn, strict=False))


def wanted_sizes(
    trace: Trace,
    interventions: Sequence[Intervention],
    control: Sequence[Intervention],
    sizes: Sizes,
) -> dict[Place, float]:
    """Return how large ``control`` must be in its blocks, where ``interventions`` had ``sizes``."""
    return {
        place: sizes[at]
        for here, there in zip(interventions, control, strict=True)
        if isinstance(here, BlockIntervention) and isinstance(there, BlockIntervention)
        if here.scaled
        for at, place in zip(here.places(trace), there.places(trace), strict=True)
    }


def _hidden(interventions: Sequence[Intervention]) -> list[HideRegion]:
    return [each for each in interventions if isinstance(each, HideRegion)]


def _run(
    trace: Trace,
    patches: Mapping[Place, Patch],
    shown: np.ndarray | None,
) -> Tensor:
    """Return the logits with ``patches`` made, of the picture or of what is ``shown`` instead."""
    if not patches and shown is None:
        raise AnalysisError("Choose at least one intervention.")
    model = trace.model
    check_evaluating(model)
    with torch.no_grad():
        if shown is not None:
            x = _network_input(trace, shown)
            if isinstance(model, AnySegmenter):
                return model(x)
            start, x = FIRST, model.backbone.patch_embed1(x)
        else:
            start = min(patches)
            x = trace.block_inputs[start.stage - 1][start.block]
        _, outputs = forward(model, x, trace.windows, start, patches)
        return model.decode((*trace.stage_outputs[: start.stage - 1], *outputs))


def _by_place(trace: Trace, interventions: Sequence[Intervention]) -> dict[Place, Composite]:
    found: dict[Place, tuple[Patch, ...]] = {}
    for intervention in interventions:
        if isinstance(intervention, HideRegion):
            continue
        for place in intervention.places(trace):
            found[place] = (*found.get(place, ()), intervention.at(place))
    return {place: Composite(patches) for place, patches in found.items()}


def _shown(interventions: Sequence[Intervention], picture: np.ndarray | None) -> np.ndarray | None:
    """Return the picture with regions hidden, one after another; None where none is."""
    hidden = _hidden(interventions)
    if not hidden:
        return None
    if picture is None:
        raise AnalysisError("To hide a region, give the picture that was traced as well.")
    return reduce(lambda shown, each: each.hide(shown), hidden, picture)


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
