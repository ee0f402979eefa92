"""One forward pass whose block inputs are kept, so that any affinity can be recomputed from them.

No hooks and no switches are set on the model: the pass walks its layers
(``analysis.core.forward``). Threads can therefore trace and analyse one model at the same time, and
a model is always left as it was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from analysis.core.any_segmenter import AnySegmenter
from analysis.core.checks import (
    check_blocks,
    check_evaluating,
    check_pixel,
    check_stage,
    check_unpruned,
)
from analysis.core.errors import AnalysisError
from analysis.core.forward import Windows, forward, stage_maps, windows_of
from analysis.core.grid import Grid
from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.config import STRIDES, Reach
from uniformer.pictures import PictureSource, open_picture
from uniformer.predict import SHORT_SIDES
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter, WeightsRecord
from uniformer.tiles import WindowLogits, label_map, resize_weights


@dataclass(frozen=True)
class Trace:
    """What one picture left in a model; every analysis starts from it.

    ``block_inputs[stage - 1][block]`` (1, C, rows, columns) is what the block received, before its
    position encoding; ``stage_outputs[stage - 1]`` the normed map of the stage; ``logits``
    (1, classes, H/4, W/4). Sizes are (height, width), ``short_side`` the one asked for, in pixels.
    ``windows[stage - 1][block]`` is the side of the block's windows in tokens, None where it has
    none. ``reach``, ``windows`` and ``weights`` are those of the moment of tracing: changing the
    reach of ``model`` later changes no answer. Of an :class:`AnySegmenter` there are only logits:
    no inputs of blocks, no windows, and the logits as its one output.
    """

    model: Segmenter
    picture_size_px: tuple[int, int]
    network_size_px: tuple[int, int]
    short_side: int
    reach: Reach
    windows: Windows
    weights: WeightsRecord
    block_inputs: tuple[tuple[Tensor, ...], ...]
    stage_outputs: tuple[Tensor, ...]
    logits: Tensor

    @property
    def bytes(self) -> int:
        """Memory of all maps kept, in bytes, and of the labels."""
        height, width = self.picture_size_px
        return height * width + sum(kept.numel() * kept.element_size() for kept in self._kept())

    @cached_property
    def labels(self) -> np.ndarray:
        """The predicted class of every pixel of the picture (H, W), at its full size.

        uint8, uint16 above 256 classes. Logits are resized to the network's input and on to the
        picture, as for a prediction. Every question, the lens and reports name classes by this map.
        """
        with torch.no_grad():
            logits = self.logits[0].permute(1, 2, 0).float().contiguous()
            return label_map(WindowLogits.of(logits, *self._spans()), *self.picture_size_px)

    def probabilities(self, x: int, y: int) -> np.ndarray:
        """Return the softmax probabilities (classes,) at a pixel of the picture, float32.

        Logits are resized as for :attr:`labels`. Raises :class:`AnalysisError` for a pixel outside
        the picture.
        """
        check_pixel(self.picture_size_px, x, y)
        down, across = self._spans()
        with torch.no_grad():
            logits = torch.einsum(
                "chw,h,w->c", self.logits[0], down[y].to(self.logits), across[x].to(self.logits)
            )
            return logits.softmax(0).float().cpu().numpy()

    def grid(self, stage: int) -> Grid:
        """Return where the tokens of ``stage``, 1 to 4, lie; else :class:`AnalysisError`."""
        check_blocks(self.model)
        return Grid(self.picture_size_px, self.network_size_px, STRIDES[check_stage(stage) - 1])

    def block(self, stage: int, block: int) -> LocalBlock | GlobalBlock:
        """Return block number ``block`` of ``stage``, counted from 0; layer scale is multiplied in.

        Raises :class:`AnalysisError` if there is none, and for a block that prunes tokens: its rows
        are not of the map's tokens, which is what all analyses of a block are about.
        """
        check_blocks(self.model)
        blocks = self.model.backbone.stage(check_stage(stage))[1]
        if not 0 <= block < len(blocks):
            raise AnalysisError(
                f"There is no block {block} in stage {stage}: its blocks are 0 to "
                f"{len(blocks) - 1}."
            )
        layers = check_unpruned(blocks[block], self.model)
        return layers.without_layer_scale() if isinstance(layers, GlobalBlock) else layers

    def _spans(self) -> list[Tensor]:
        """Return what each row, and each column, of the logits gives to those of the picture."""
        return [
            resize_weights(cells, (0, seen), torch.ones(seen), side)
            for cells, seen, side in zip(
                self.logits.shape[-2:], self.network_size_px, self.picture_size_px, strict=True
            )
        ]

    def _kept(self) -> Iterator[Tensor]:
        for inputs in self.block_inputs:
            yield from inputs
        yield from self.stage_outputs
        yield self.logits


def trace(model: Segmenter, image: PictureSource, *, short_side: int | None = None) -> Trace:
    """Run ``model`` once on a picture, and keep what its blocks received.

    Only maps are kept, never an affinity matrix: UniFormer-S needs 33 MB at 512 x 512 for
    the inputs of its blocks, 51 MB in all with 150 classes.

    Args:
        model: what is looked into, in eval mode and not optimized. It is left as it is.
        image: anything that :func:`uniformer.open_picture` takes.
        short_side: of the network's input in pixels, 64 to 2048; None: the model's own.

    Returns:
        The inputs of all blocks, the maps of all stages and the logits: all that is said of the
        picture is computed from them.

    Raises:
        uniformer.pictures.PictureError: for a picture that cannot be used.
        AnalysisError: for a model that is optimized, in training mode, in half precision, or whose
            output is not finite, and for a short side out of range.

    Example:
        >>> import analysis, uniformer
        >>> model = uniformer.create_model("nano")
        >>> traced = analysis.trace(model, "assets/examples/chelsea_cat.jpg", short_side=128)
        >>> token = traced.grid(3).token_at(x=200, y=100)
        >>> row = analysis.global_affinity(traced, stage=3, block=0, token=token)
        >>> row.weight.shape == (row.weight.shape[0], *traced.grid(3).shape)
        True
        >>> float((row.weight.sum((1, 2)) + row.padding_mass).round(3).min())
        1.0
    """
    short_side = model.config.short_side if short_side is None else short_side
    _check_model(model)
    _check_short_side(short_side)
    # Read first: another thread may change the reach during the pass.
    reach, weights, windows = model.reach, model.weights, windows_of(model)
    picture = open_picture(image)
    x = preprocess(picture, short_side, model.config.size_divisor)
    inputs: tuple[tuple[Tensor, ...], ...] = ()
    with torch.no_grad():
        x = x.to(model.device, model.dtype)
        if isinstance(model, AnySegmenter):
            outputs = stage_maps(model, x)
        else:
            inputs, outputs = forward(model, model.backbone.patch_embed1(x), windows)
        logits = model.decode(outputs)
    if not logits.isfinite().all():
        raise AnalysisError(
            "The model's output is not finite: its weights are damaged or do not fit."
        )
    return Trace(
        model=model,
        picture_size_px=picture.shape[:2],
        network_size_px=tuple(x.shape[-2:]),
        short_side=short_side,
        reach=reach,
        windows=windows,
        weights=weights,
        block_inputs=inputs,
        stage_outputs=outputs,
        logits=logits,
    )


def _check_short_side(short_side: int) -> None:
    low, high = SHORT_SIDES
    if not isinstance(short_side, int) or not low <= short_side <= high:
        raise AnalysisError(
            f"The short side must be a whole number of pixels from {low} to {high}, "
            f"not {short_side!r}."
        )


def _check_model(model: Segmenter) -> None:
    check_evaluating(model)
    if model.dtype not in (torch.float32, torch.float64):
        raise AnalysisError("The model is in half precision: call model.float() before tracing.")
