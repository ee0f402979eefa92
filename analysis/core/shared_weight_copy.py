"""A private copy of a model, for libraries that hook and differentiate what they are given."""

from __future__ import annotations

import copy

import torch
from torch import nn

from analysis.core.forward import Windows
from uniformer.segmenter import Segmenter


@torch.inference_mode(False)
def shared_weight_copy(model: Segmenter, windows: Windows | None = None) -> Segmenter:
    """Return a copy of ``model`` whose modules are its own and whose weights are shared and frozen.

    It takes milliseconds and no memory for weights. Hooks, modes and gradients of one never reach
    the other, so every thread can have its copy; in-place changes of the weights would reach both.
    ``windows`` are those its blocks keep, whatever ``model`` is set to; None: those it has now.
    """
    shared = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in model.parameters()}
    model_copy = copy.deepcopy(model, shared)
    if windows:
        for stage in (3, 4):
            for block, size in zip(
                model_copy.backbone.stage(stage)[1], windows[stage - 1], strict=True
            ):
                block.window_size = size
    return model_copy
