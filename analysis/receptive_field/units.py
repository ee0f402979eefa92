"""The units of a UniFormer whose effective receptive field can be measured: tokens and logits.

Each function returns a readout for :func:`analysis.receptive_field.effective.effective_fields`. It
runs on a copy whose weights are frozen: nothing is kept for gradients that nobody asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.core.checks import (
    check_blocks,
    check_evaluating,
    check_label,
    check_pixel,
    check_stage,
)
from analysis.core.errors import AnalysisError
from analysis.core.forward import forward, stage_maps, windows_of
from analysis.core.grid import Grid, Token
from analysis.core.shared_weight_copy import shared_weight_copy
from analysis.receptive_field.effective import Readout
from analysis.receptive_field.theoretical import receptive_field
from uniformer.config import STRIDES
from uniformer.segmenter import Segmenter

LOCAL_STAGES = (1, 2)
"""Stages whose tokens see part of the picture only, in every reach."""

SMALL_SHARE = 0.4
"""A cut of less than this share of a picture is run by itself, even if the whole is run anyway."""


def stage_units(model: Segmenter, tokens: Mapping[int, Token]) -> Readout[int]:
    """Return a readout of the normed output of one token per stage, keyed by stage.

    ``tokens`` maps stages, 1 to 4, to (row, column). Raises :class:`AnalysisError` for an unknown
    stage or a model that is optimized or in training mode, and, once it sees a picture, for a token
    outside the map.
    """
    check_evaluating(model)
    check_blocks(model)
    if not tokens:
        raise AnalysisError("Name at least one stage and its token.")
    for stage in tokens:
        check_stage(stage)
    model_copy = shared_weight_copy(model)
    deep = [stage for stage in tokens if stage not in LOCAL_STAGES]

    def read(x: Tensor) -> dict[int, Tensor]:
        units, whole = {}, list(deep)
        size = tuple(x.shape[-2:])
        for stage, token in tokens.items():
            Grid(size, size, STRIDES[stage - 1]).check(token)
            if stage in deep:
                continue
            crop, (row, column) = _crop(model_copy, x, stage, token)
            if deep and crop.numel() > SMALL_SHARE * x.numel():
                whole.append(stage)
            else:
                units[stage] = _outputs(model_copy, crop, [stage])[stage][:, :, row, column]
        for stage, out in _outputs(model_copy, x, whole).items():
            row, column = tokens[stage]
            units[stage] = out[:, :, row, column]
        return units

    return read


def logit_unit(model: Segmenter, pixel: tuple[int, int], label: int) -> Readout[str]:
    """Return a readout of the logit of class ``label`` at an input pixel (row, column).

    Logits are taken at the size of the network's input, bilinearly, as for a prediction. Raises
    :class:`AnalysisError` for an unknown class or a model that is optimized or in training mode,
    and, once it sees a picture, for a pixel outside it.
    """
    check_evaluating(model)
    check_label(label, model.classes)
    model_copy = shared_weight_copy(model)
    return lambda x: {"logit": _logits_at(model_copy, x, pixel)[:, label, None]}


def margin_unit(model: Segmenter, pixel: tuple[int, int], label: int) -> Readout[str]:
    """Return a readout of the margin z_label - logsumexp of the other logits z at an input pixel.

    It does not change when the same function is added to all logits, as the prediction does not.
    Arguments and errors are those of :func:`logit_unit`.
    """
    check_evaluating(model)
    check_label(label, model.classes)
    model_copy = shared_weight_copy(model)

    def read(x: Tensor) -> dict[str, Tensor]:
        logits = _logits_at(model_copy, x, pixel)
        others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
        return {"margin": logits[:, label, None] - others.logsumexp(dim=1, keepdim=True)}

    return read


def _outputs(model: Segmenter, x: Tensor, stages: Sequence[int]) -> dict[int, Tensor]:
    """Return the normed outputs of ``stages``, and run no stage above them."""
    if not stages:
        return {}
    windows = windows_of(model)[: max(stages)]
    _, outputs = forward(model, model.backbone.patch_embed1(x), windows)
    return {stage: outputs[stage - 1] for stage in sorted(stages)}


def _crop(model: Segmenter, x: Tensor, stage: int, token: Token) -> tuple[Tensor, Token]:
    """Cut pictures to a token's theoretical field; return them and where the token is now.

    The cut starts at a multiple of the stride, so patches stay what they are, and all that the
    token depends on lies inside: its output is the same, and much cheaper.
    """
    field = receptive_field(model, tuple(x.shape[-2:]), stage, token)
    stride = STRIDES[stage - 1]
    top, left = field.top_px // stride, field.left_px // stride
    crop = x[:, :, top * stride : field.bottom_px, left * stride : field.right_px]
    return crop, (token[0] - top, token[1] - left)


def _logits_at(model: Segmenter, x: Tensor, pixel: tuple[int, int]) -> Tensor:
    """Return logits (B, classes) at one input pixel: the bilinear resizing, in this point only."""
    size = tuple(x.shape[-2:])
    check_pixel(size, x=pixel[1], y=pixel[0])
    row, column = ((2 * index + 1) / side - 1 for index, side in zip(pixel, size, strict=True))
    point = x.new_tensor([column, row]).expand(len(x), 1, 1, 2)
    logits = F.grid_sample(
        model.decode(stage_maps(model, x)), point, padding_mode="border", align_corners=False
    )
    return logits[:, :, 0, 0]
