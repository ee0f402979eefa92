"""What every analysis refuses, in one place: each check raises one sentence for the user."""

from __future__ import annotations

import numpy as np
from torch import nn

from analysis.core.any_segmenter import AnySegmenter
from analysis.core.errors import AnalysisError
from uniformer.backbone import MIN_SIDE
from uniformer.classes import ClassSet
from uniformer.config import STRIDES, Reach
from uniformer.light import PrunedBlock
from uniformer.segmenter import Segmenter


def check_stage(stage: int) -> int:
    """Return ``stage``, or raise :class:`AnalysisError` unless it is one of the four stages."""
    if stage not in range(1, len(STRIDES) + 1):
        raise AnalysisError(f"There is no stage {stage}: the stages are 1 to {len(STRIDES)}.")
    return stage


def check_blocks(model: Segmenter) -> None:
    """Raise :class:`AnalysisError` for a network that is no UniFormer."""
    if isinstance(model, AnySegmenter):
        raise AnalysisError(
            f"{model.config.name} has no UniFormer blocks, which this looks into: ask `attribute`, "
            "`attributions`, `faithfulness`, `receptive-field` or `what-if` (hide-region) instead."
        )


def check_unpruned(block: nn.Module, model: Segmenter) -> nn.Module:
    """Return ``block`` of ``model``, or raise :class:`AnalysisError` if it prunes tokens."""
    if isinstance(block, PrunedBlock):
        raise AnalysisError(
            f"{model.config.name} prunes tokens in stages 3 and 4, so this cannot be told of their "
            "blocks: ask which tokens were kept (pruning), or choose another model."
        )
    return block


def change_reach(model: Segmenter, reach: Reach, window_size: int | None = None) -> None:
    """Set the reach of ``model``, or raise :class:`AnalysisError` if it cannot have it."""
    try:
        model.set_reach(reach, window_size)
    except ValueError as error:
        raise AnalysisError(str(error)) from error


def check_not_optimized(model: Segmenter) -> None:
    """Raise :class:`AnalysisError` for a model that has been rewritten for prediction."""
    if model.optimized:
        raise AnalysisError(
            "An optimized model can only predict: analyse the model it was made from."
        )


def check_evaluating(model: Segmenter) -> None:
    """Raise :class:`AnalysisError` for a model with a part in training mode, or an optimized one.

    In training mode BatchNorm mixes pictures and layers drop out.
    """
    check_not_optimized(model)
    if any(module.training for module in model.modules()):
        raise AnalysisError("The model is in training mode: call model.eval() first.")


def check_pixel(size_px: tuple[int, int], x: int, y: int) -> None:
    """Raise :class:`AnalysisError` unless column ``x`` and row ``y`` are in (height, width)."""
    height, width = size_px
    if not (0 <= x < width and 0 <= y < height):
        raise AnalysisError(
            f"Pixel x={x}, y={y} is outside the picture: x runs from 0 to {width - 1}, "
            f"y from 0 to {height - 1}."
        )


def check_sides(size_px: tuple[int, int]) -> None:
    """Raise :class:`AnalysisError` for a network input of (height, width) without a last token."""
    if min(size_px) < MIN_SIDE:
        raise AnalysisError(f"The network needs sides of {MIN_SIDE} pixels, not {min(size_px)}.")


def check_region(region: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """Return ``region`` (H, W), bool, of a picture of ``size_px`` (height, width).

    Raises :class:`AnalysisError` if it is empty or not of this picture.
    """
    region = np.asarray(region)
    if region.dtype != bool or region.shape != tuple(size_px):
        raise AnalysisError(
            f"A region must be a boolean array of {size_px[0]} x {size_px[1]} pixels, "
            f"not {region.dtype} of {' x '.join(map(str, region.shape))}."
        )
    if not region.any():
        raise AnalysisError("The region is empty: choose at least one pixel.")
    return region


def check_label(label: int, classes: ClassSet) -> int:
    """Return ``label``, or raise :class:`AnalysisError` if no class has that index."""
    if not 0 <= label < len(classes):
        raise AnalysisError(f"There is no class {label}: choose 0 to {len(classes) - 1}.")
    return label
