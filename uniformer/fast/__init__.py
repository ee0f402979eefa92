"""Exact rewritings of the models for prediction; see :func:`fast_form`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.classifier import Classifier, make_model
from uniformer.fast.backbone import (
    FastConvEmbed,
    FastGlobalBlock,
    FastLocalBlock,
    FastMapNorm,
    FastPatchEmbed,
    FastPrunedBlock,
)
from uniformer.fast.folding import norm_then_conv, recast
from uniformer.fast.heads import FastFPN, FastFPNHead, FastUPerHead
from uniformer.heads import FPNHead
from uniformer.layers import ConvEmbed, MapNorm, PatchEmbed
from uniformer.light import LightUniFormer, PrunedBlock
from uniformer.segmenter import Segmenter

__all__ = ["fast_form"]

_FAST = {
    PatchEmbed: FastPatchEmbed,
    ConvEmbed: FastConvEmbed,
    LocalBlock: FastLocalBlock,
    GlobalBlock: FastGlobalBlock,
    PrunedBlock: FastPrunedBlock,
}


def fast_form(model: Segmenter, dtype: torch.dtype = torch.float32) -> Segmenter:
    """Return the form of ``model`` for prediction in PyTorch.

    float32 logits differ from ``model``'s by rounding only (about 1e-5 of the largest). ``dtype``
    ``torch.bfloat16`` runs the products in bfloat16 and keeps residuals, norms and logits float32.

    Raises ``ValueError`` for another dtype, and for a model that is optimized already or in
    training mode (its BatchNorm would answer differently).
    """
    if dtype not in (torch.float32, torch.bfloat16):
        raise ValueError(f"Prediction runs in float32 or bfloat16, not {dtype}.")
    if model.optimized:
        raise ValueError("This model is optimized already: optimize the one it was made from.")
    if model.training:
        raise ValueError("Call model.eval() first: the fast form is for prediction only.")
    with torch.device("meta"):
        fast = make_model(model.config, model.classes)
    for number in range(1, 5):
        embed, blocks, norm = model.backbone.stage(number)
        setattr(fast.backbone, f"patch_embed{number}", _rewritten(embed, dtype))
        fast_blocks = nn.ModuleList(_rewritten(block, dtype) for block in blocks)
        setattr(fast.backbone, f"blocks{number}", fast_blocks)
        if isinstance(norm, MapNorm):  # classifiers have none
            setattr(fast.backbone, f"norm{number}", FastMapNorm(norm))
    if isinstance(model.backbone, LightUniFormer):
        fast.backbone.cls_token = nn.Parameter(
            model.backbone.cls_token.detach(), requires_grad=False
        )
        fast.backbone.cls_upsample = recast(model.backbone.cls_upsample, torch.float32)
    if isinstance(model, Classifier):
        fast.norm = nn.Identity()
        fast.head = norm_then_conv(model.norm, model.head, torch.float32)
        for name in {"norm_cls", "head_cls"} & set(dict(fast.named_children())):
            delattr(fast, name)
    elif isinstance(model.decode_head, FPNHead):
        fast.neck = FastFPN(model.neck, dtype)
        fast.decode_head = FastFPNHead(model.decode_head, dtype)
    else:
        fast.decode_head = FastUPerHead(model.decode_head, dtype)
        del fast.auxiliary_head
    fast.weights = model.weights
    fast.optimized = True
    fast.register_forward_pre_hook(_refuse_recording)
    fast.set_reach(model.reach, model.window_size)
    return fast.eval()


def _rewritten(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    return _FAST[type(module)](module, dtype)


def _refuse_recording(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Stop exporters: these modules write into their own maps, which some leave out in silence."""
    if torch.jit.is_tracing() or torch.compiler.is_exporting():
        raise ValueError(
            "This model is optimized for PyTorch and cannot be exported: export the one it was "
            "made from, for example with uniformer.export_onnx."
        )
