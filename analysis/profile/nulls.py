"""What statistics of affinity come to when nothing was learned, or when there is nothing to see.

A number means little alone: beside it stand uniform weights (in closed form, in every result), the
same architecture with random weights, and the same weights on the picture's pixels in random order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_blocks
from analysis.core.errors import AnalysisError
from analysis.core.forward import forward
from analysis.core.progress import Work, counted
from analysis.core.uncertainty import FEWEST
from analysis.profile.depth_profile import DepthProfile, depth_profile
from uniformer.blocks import GlobalBlock
from uniformer.classifier import make_model
from uniformer.light import LightUniFormer
from uniformer.pictures import PictureSource, open_picture
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter

Nulls = Mapping[str, Sequence[DepthProfile]]
"""Draws of profiles by the name of their null."""

NULL_DRAWS = FEWEST
"""Draws of each null: as few as have a spread, for each takes as long as the profile itself."""


@dataclass(frozen=True)
class ProfileWithNulls:
    """The profile of a trace, and draws of it with random weights and with shuffled pixels."""

    traced: DepthProfile
    random_weights: tuple[DepthProfile, ...]
    shuffled_picture: tuple[DepthProfile, ...]

    @property
    def nulls(self) -> dict[str, tuple[DepthProfile, ...]]:
        """The draws of the two nulls by the name they have in a legend."""
        return {
            "random weights": self.random_weights,
            "shuffled pixels": self.shuffled_picture,
        }


def profile_with_nulls(
    trace: Trace, picture: PictureSource, *, seed: int = 0
) -> Work[ProfileWithNulls]:
    """Yield progress block by block, and return the profile of ``trace`` beside its two nulls.

    ``NULL_DRAWS`` of each, with seeds that follow from ``seed``. ``picture`` is the one that was
    traced, else :class:`AnalysisError` where its size tells.
    """
    profiles: list[DepthProfile] = []
    seeds = null_seeds(seed)
    makers: list[Callable[[], Trace]] = [lambda: trace]
    for null in (random_weights_trace, shuffled_trace):
        makers += [partial(null, trace, picture, seed=drawn) for drawn in seeds]
    blocks = sum(map(len, trace.windows))
    for number, make in enumerate(makers):
        work = depth_profile(make())
        profiles.append((yield from counted(work, number * blocks, len(makers) * blocks)))
    traced, *drawn = profiles
    return ProfileWithNulls(traced, tuple(drawn[:NULL_DRAWS]), tuple(drawn[NULL_DRAWS:]))


def null_seeds(seed: int) -> list[int]:
    """Return the seeds of the ``NULL_DRAWS`` draws of a null: others for another ``seed``."""
    return np.random.default_rng(seed).integers(2**31, size=NULL_DRAWS).tolist()


def random_weights_trace(trace: Trace, picture: PictureSource, *, seed: int = 0) -> Trace:
    """Return the trace that untrained weights leave for the same picture and windows."""
    return _traced(trace, random_model(trace.model, seed=seed), _network_input(trace, picture))


def shuffled_trace(trace: Trace, picture: PictureSource, *, seed: int = 0) -> Trace:
    """Return the trace of the network's input with its pixels, colours kept, in random order."""
    x = _network_input(trace, picture)
    order = torch.randperm(x[0, 0].numel(), generator=torch.Generator().manual_seed(seed))
    return _traced(trace, trace.model, x.flatten(2)[..., order].view_as(x))


def random_model(model: Segmenter, *, seed: int = 0) -> Segmenter:
    """Return a model like ``model``, in eval mode, with the weights that PyTorch starts from.

    Linear and convolution layers are uniform within +-1 / sqrt(fan in), norms and layer scales do
    nothing yet, the class token is zero. What an untrained model attends to depends on this choice.
    The same ``seed`` gives the same weights, whatever else draws random numbers: PyTorch's global
    generator is left alone.
    """
    check_blocks(model)
    with torch.device("meta"):
        fresh = make_model(model.config, model.classes)
    fresh = fresh.to(model.dtype).to_empty(device=model.device).eval()
    generator = torch.Generator().manual_seed(seed)
    for layer in fresh.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for values in layer.parameters():
                drawn = torch.empty(values.shape).uniform_(-bound, bound, generator=generator)
                values.data.copy_(drawn)
        elif hasattr(layer, "reset_parameters"):
            layer.reset_parameters()  # Norms: ones and zeros.
        elif isinstance(layer, LightUniFormer):
            layer.cls_token.data.zero_()
        elif isinstance(layer, GlobalBlock) and layer.gamma_1 is not None:
            layer.gamma_1.data.fill_(1)
            layer.gamma_2.data.fill_(1)
    return fresh


def _network_input(trace: Trace, picture: PictureSource) -> Tensor:
    divisor = trace.model.config.size_divisor
    x = preprocess(open_picture(picture), trace.short_side, divisor)
    if tuple(x.shape[-2:]) != tuple(trace.network_size_px):
        raise AnalysisError("This is not the picture that was traced: its proportions differ.")
    return x.to(trace.model.device, trace.model.dtype)


def _traced(trace: Trace, model: Segmenter, x: Tensor) -> Trace:
    """Return what ``x`` leaves in ``model`` with the windows of ``trace``."""
    with torch.no_grad():
        inputs, outputs = forward(model, model.backbone.patch_embed1(x), trace.windows)
        logits = model.decode(outputs)
    return replace(
        trace,
        model=model,
        weights=model.weights,
        block_inputs=inputs,
        stage_outputs=outputs,
        logits=logits,
    )
