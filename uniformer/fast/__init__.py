"""Exact rewritings of the models for prediction; see :func:`optimize_for_inference`."""

from __future__ import annotations

import torch
from torch import Tensor

from uniformer.fast.backbone import FastGlobalBlock, FastLocalBlock, FastMapNorm, FastPatchEmbed
from uniformer.fast.heads import FastFPN, FastFPNHead, FastUPerHead
from uniformer.heads import FPNHead
from uniformer.segmenter import Segmenter

__all__ = ["optimize_for_inference"]


class FastSegmenter(Segmenter):
    """A segmenter of rewritten modules, which write into their own maps as they go.

    A recorded graph cannot hold that, and some exporters leave it out in silence, so it refuses to
    be recorded.
    """

    def forward(self, x: Tensor) -> Tensor:
        if torch.jit.is_tracing() or torch.compiler.is_exporting():
            raise ValueError(
                "This model is optimized for PyTorch and cannot be exported: export the one it was "
                "made from, for example with uniformer.export_onnx."
            )
        return super().forward(x)


def optimize_for_inference(model: Segmenter, dtype: torch.dtype = torch.float32) -> Segmenter:
    """Return a segmenter for prediction: the same logits for less work and memory, no gradients.

    float32 logits differ from ``model``'s by rounding only (about 1e-5 of the largest). ``dtype``
    ``torch.bfloat16`` runs the products in bfloat16 and keeps residuals, norms and logits float32.
    The reach can be changed on the result; the auxiliary head is left out. Weights that need no
    rewriting are shared with ``model``, so optimize last, after loading and moving it.

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
        fast = FastSegmenter(model.config, model.classes)
    for number in range(1, 5):
        embed, blocks, norm = model.backbone.stage(number)
        fast_block = FastLocalBlock if number <= 2 else FastGlobalBlock
        setattr(fast.backbone, f"patch_embed{number}", FastPatchEmbed(embed, dtype))
        setattr(
            fast.backbone,
            f"blocks{number}",
            torch.nn.ModuleList(fast_block(block, dtype) for block in blocks),
        )
        setattr(fast.backbone, f"norm{number}", FastMapNorm(norm))
    if isinstance(model.decode_head, FPNHead):
        fast.neck = FastFPN(model.neck, dtype)
        fast.decode_head = FastFPNHead(model.decode_head, dtype)
    else:
        fast.decode_head = FastUPerHead(model.decode_head, dtype)
        del fast.auxiliary_head
    fast.weights = model.weights
    fast.optimized = True
    fast.set_reach(model.reach, model.window_size)
    return fast.eval()
