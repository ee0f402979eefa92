"""Gradient-weighted relevance: what speaks for a class in a region, handed down to the pixels.

After Chefer, Gur and Wolf, "Generic Attention-model Explainability", arXiv 2103.15679: the affinity
A of a block is replaced with the positive part of A times the gradient of the score by A, averaged
over heads. Three things are ours. There is no class token and the decoder reads all four stages, so
a seed enters at the output of each. A convolution counts as an affinity with one head per channel.
And rows are scaled to sum 1 and weighed by the branch's share, as in
:mod:`analysis.rollout.rollout`: the published r + r E adds a term of second order in the score,
which vanishes beside r as soon as the score is a mean over many pixels, and the map would be that
of the seeds alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.forward import affinity_branch, feed_forward_branch
from analysis.core.targets import RegionScore
from analysis.rollout.flow import unnormed_output
from analysis.rollout.flow_step import BranchGradients, below, through_block


@dataclass(frozen=True)
class Relevance:
    """What the score of a region rests on, as far as this rule can tell; never negative.

    ``seeds[s - 1]`` (rows, columns) is the positive part of value times gradient, summed over
    channels, at the normed output of stage s that the decoder reads, in units of the score.
    ``maps[s - 1][b]`` (rows, columns) is the relevance of what block b of stage s receives, from
    the seeds above it, and ``pixels`` (h, w) that of the network's input, whose 4 x 4 pixels of a
    token of stage 1 share evenly. ``lost_relevance`` went to the padding of windows: with it,
    ``pixels`` sum to all seeds.
    """

    label: int
    score: float
    seeds: tuple[np.ndarray, ...]
    maps: tuple[tuple[np.ndarray, ...], ...]
    pixels: np.ndarray
    lost_relevance: float


def relevance(trace: Trace, target: RegionScore) -> Relevance:
    """Return what speaks for ``target``, a score of a region and class, in the traced picture.

    One block at a time is run again for its gradients, and no affinity matrix is ever held.

    It can mislead: the product of affinity and gradient depends on how the same function is written
    down (a constant moved from the values to the bias of the output changes the map), and whatever
    speaks against the class is dropped. Compare it with
    :func:`analysis.rollout.agreement.agreement`.

    Args:
        trace: of the picture.
        target: the score of a region and class, of the same model.

    Returns:
        Maps (rows, columns) over the tokens that every block receives, and over the pixels of the
        network's input, in units of the score.

    Raises:
        AnalysisError: if the score belongs to another model or picture, and if nothing speaks for
            the class.
    """
    if target.model is not trace.model or target.region.shape != trace.picture_size_px:
        raise AnalysisError("The score belongs to another model or picture than the trace.")
    score, gradients = _decoder_gradients(trace, target)
    seeds = _seeds(trace, target, gradients)
    flow, gradient, lost = torch.zeros_like(seeds[-1]), torch.zeros_like(gradients[-1]), 0.0
    stages: list[tuple[np.ndarray, ...]] = []
    for stage in range(4, 0, -1):
        embed, blocks, norm = trace.model.backbone.stage(stage)
        flow = flow + seeds[stage - 1]
        gradient = gradient + _through(norm, unnormed_output(trace, stage), gradients[stage - 1])
        maps: list[np.ndarray] = []
        for block in reversed(range(len(blocks))):
            branches, gradient = block_gradients(trace, stage, block, gradient)
            step = through_block(trace, stage, block, flow, gradients=branches)
            flow, lost = step.flow, lost + step.lost_mass
            maps.insert(0, flow.cpu().numpy())
        stages.insert(0, tuple(maps))
        flow = below(trace, stage, flow)
        if stage > 1:
            gradient = _through(embed, unnormed_output(trace, stage - 1), gradient)
    return Relevance(
        label=target.label,
        score=score,
        seeds=tuple(seed.cpu().numpy() for seed in seeds),
        maps=tuple(stages),
        pixels=flow.cpu().numpy(),
        lost_relevance=lost,
    )


def block_gradients(
    trace: Trace, stage: int, block: int, gradient: Tensor
) -> tuple[BranchGradients, Tensor]:
    """Return the gradients by the branches and by the input of a block, given that by its output.

    The block is run again for it; everything is (1, C, rows, columns).
    """
    layers, window = trace.block(stage, block), trace.windows[stage - 1][block]
    with torch.inference_mode(False), torch.enable_grad():
        x = trace.block_inputs[stage - 1][block].clone().requires_grad_()
        encoded = x + layers.pos_embed(x)
        mixed = encoded + affinity_branch(layers, encoded, window)
        output = mixed + feed_forward_branch(layers, mixed)
        by_mixed, by_encoded, by_x = torch.autograd.grad(output, (mixed, encoded, x), gradient)
    return BranchGradients(affinity=by_mixed, encoding=by_encoded), by_x


def _decoder_gradients(trace: Trace, target: RegionScore) -> tuple[float, tuple[Tensor, ...]]:
    """Return the score and its gradients by the normed outputs of the four stages."""
    with torch.inference_mode(False), torch.enable_grad():
        outputs = [kept.clone().requires_grad_() for kept in trace.stage_outputs]
        score = target.of_logits(trace.model.decode(outputs)).sum()
        # A classifier reads the last stage only.
        return score.item(), torch.autograd.grad(
            score, outputs, allow_unused=True, materialize_grads=True
        )


def _seeds(trace: Trace, target: RegionScore, gradients: tuple[Tensor, ...]) -> list[Tensor]:
    """Return value times gradient at the normed outputs, its positive part (rows, columns) each.

    Not before the norm: scaling does not pass a LayerNorm, so there this product is zero.
    """
    seeds = [
        (out * gradient)[0].sum(dim=0).clamp_min(0)
        for out, gradient in zip(trace.stage_outputs, gradients, strict=True)
    ]
    if not any(seed.any() for seed in seeds):
        name = trace.model.classes.names[target.label]
        raise AnalysisError(
            f"Nothing in the picture speaks for {name} there: ask for another class."
        )
    return seeds


def _through(layer: Callable[[Tensor], Tensor], x: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient by the input ``x`` of a layer, given that by its output."""
    with torch.inference_mode(False), torch.enable_grad():
        x = x.clone().requires_grad_()
        return torch.autograd.grad(layer(x), x, gradient)[0]
