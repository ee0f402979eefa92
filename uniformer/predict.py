"""From a picture to a :class:`Segmentation`: resize, run the network, label every pixel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from uniformer.classifier import Classifier
from uniformer.engines.model import Predictor
from uniformer.pictures import PictureSource, read_picture
from uniformer.preprocess import preprocess
from uniformer.segmentation import Segmentation
from uniformer.tiles import WindowLogits, label_picture, resize_weights, tile_rows

Mode = Literal["whole", "slide"]
Precision = Literal["float32", "bfloat16"]

Span = tuple[int, int]
"""Where a window starts and stops along one axis of the network's input, in pixels."""

SHORT_SIDES = (64, 2048)
"""Limits of ``short_side``, in pixels."""

SCALES = (0.25, 4.0)
"""Limits of ``scales``."""


def segment(
    image: PictureSource,
    model: Predictor,
    *,
    mode: Mode = "whole",
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
    short_side: int | None = None,
    precision: Precision = "float32",
    onto: PictureSource | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Segmentation:
    """Label every pixel of a picture, resized as the model was tested officially.

    Args:
        image: anything that :func:`uniformer.open_picture` takes.
        model: in eval mode, optimized for inference or not.
        mode: "whole", or "slide": overlapping square windows, as large as the model's own short
            side and two thirds of it apart, whose logits are averaged.
        flip: average with the mirror image.
        scales: average over these sizes, relative to the first (the official multi-scale test has
            flip and 0.5, 0.75, 1, 1.25, 1.5 and 1.75).
        short_side: of the network's input in pixels; None: the model's own. The long side is at
            most 2048.
        precision: "bfloat16" runs a float32 network in autocast; labels are always decided in
            float32.
        onto: the same picture at another size, whose pixels get the labels instead, of the pass
            over ``image``, so that both sizes are labelled alike.
        progress: called with the steps done and in all; what it raises stops the work.

    Returns:
        Labels uint8 (H, W) of the picture's own pixels, with confidence, entropy and margin.

    Raises:
        uniformer.pictures.PictureError: for a picture that cannot be used.
        ValueError: for settings that cannot be, a model in training mode, or one whose output is
            not finite.

    Example:
        >>> import uniformer
        >>> model = uniformer.create_model("nano")
        >>> result = uniformer.segment("assets/examples/chelsea_cat.jpg", model, short_side=128)
        >>> result.labels.shape == result.picture.shape[:2]
        True
        >>> result.classes.names[result.labels[100, 200]] in result.classes.names
        True
    """
    settings = prediction_settings(model, mode, flip, scales, short_side, precision)
    short_side = settings["short_side"]
    seen = read_picture(image)
    read = seen if onto is None else read_picture(onto)
    picture = read.pixels
    size = picture.shape[0], picture.shape[1]
    inputs = [preprocess(seen.pixels, short_side, model.config.size_divisor, s) for s in scales]
    crop = model.config.short_side if mode == "slide" else None
    grids = [(window_spans(x.shape[-2], crop), window_spans(x.shape[-1], crop)) for x in inputs]
    flips = (False, True) if flip else (False,)
    windows = sum(len(rows) * len(columns) for rows, columns in grids)
    step = _steps(len(flips) * windows + tile_rows(size[0]), progress)
    dtype = torch.bfloat16 if precision == "bfloat16" else model.dtype
    with torch.inference_mode():
        passes = [
            _run(model, x, grid, mirror, size, dtype, step)
            for x, grid in zip(inputs, grids, strict=True)
            for mirror in flips
        ]
        maps = label_picture(passes, *size, step)
    settings["network_sizes"] = [list(x.shape[-2:]) for x in inputs]
    if onto is not None:
        settings["made_smaller_to"] = list(seen.pixels.shape[:2])
    return Segmentation(
        picture=picture,
        **vars(maps),
        classes=model.classes,
        model=model.config.name,
        weights=model.weights,
        settings=settings,
        notes=read.notes,
    )


def prediction_settings(
    model: Predictor,
    mode: Mode,
    flip: bool,
    scales: Sequence[float],
    short_side: int | None,
    precision: Precision,
) -> dict[str, Any]:
    """Return what labels depend on besides picture and weights, as :func:`segment` records it.

    All but ``network_sizes``, which follow from the picture. Raises ``ValueError`` for settings
    that cannot be used.
    """
    short_side = model.config.short_side if short_side is None else short_side
    _check(model, mode, scales, short_side, precision)
    dtype = torch.bfloat16 if precision == "bfloat16" else model.dtype
    return {
        "reach": model.reach,
        "window_size": model.window_size,
        "mode": mode,
        "flip": flip,
        "scales": list(scales),
        "short_side": short_side,
        "precision": str(dtype).removeprefix("torch."),
        "optimized": model.optimized,
        "engine": model.engine,
    }


def window_spans(length: int, crop: int | None) -> list[Span]:
    """Return the windows of ``crop`` pixels, two thirds of that apart, that cover an axis.

    The last one is moved back inside. None, or a crop that is not shorter, gives one window.
    """
    if crop is None or crop >= length:
        return [(0, length)]
    stride = 2 * crop // 3
    stops = (min(start + crop, length) for start in range(0, length - crop + stride, stride))
    return [(stop - crop, stop) for stop in stops]


def _steps(total: int, progress: Callable[[int, int], None] | None) -> Callable[[], None]:
    """Return what to call after each of ``total`` steps."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return step


def _run(
    model: Predictor,
    x: Tensor,
    grid: tuple[list[Span], list[Span]],
    mirror: bool,
    size: tuple[int, int],
    dtype: torch.dtype,
    step: Callable[[], None],
) -> list[WindowLogits]:
    """Run the network on every window of ``x`` (1, 3, h, w), or of its mirror image."""
    if mirror:
        x = x.flip(-1)
    shares = [_shares(spans, side) for spans, side in zip(grid, x.shape[-2:], strict=True)]
    windows = []
    for rows, columns in product(*grid):
        logits = _logits(model, x[..., slice(*rows), slice(*columns)], dtype)
        down = resize_weights(logits.shape[0], rows, shares[0], size[0])
        across = resize_weights(logits.shape[1], columns, shares[1], size[1])
        windows.append(WindowLogits.of(logits, down, across.flip(0) if mirror else across))
        step()
    return windows


def _shares(spans: Sequence[Span], length: int) -> Tensor:
    """Return 1 / windows for every pixel along an axis of the network's input."""
    windows = torch.zeros(length)
    for start, stop in spans:
        windows[start:stop] += 1
    return 1 / windows


def _logits(model: Predictor, x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the logits of one input (1, 3, h, w) as float32 (rows, columns, classes)."""
    with torch.autocast(model.device.type, dtype, enabled=dtype != model.dtype):
        logits = model(x.to(model.device, model.dtype))
    logits = logits[0].permute(1, 2, 0).float().contiguous()
    if not logits.isfinite().all():
        raise ValueError(
            "The model's output is not finite: its weights are damaged or do not fit, "
            "or the precision is too low for them."
        )
    return logits


def _check(
    model: Predictor, mode: str, scales: Sequence[float], short_side: int, precision: str
) -> None:
    """Raise ``ValueError`` for settings that cannot be used."""
    if isinstance(model, Classifier):
        raise ValueError(f"{model.config.name} names whole pictures: use classify, or a segmenter.")
    if model.training:
        raise ValueError("The model is in training mode: call model.eval() before predicting.")
    if mode not in get_args(Mode):
        raise ValueError(f"The mode must be whole or slide, not {mode!r}.")
    if precision not in get_args(Precision):
        raise ValueError(f"The precision must be float32 or bfloat16, not {precision!r}.")
    if model.optimized and precision == "bfloat16" and model.dtype != torch.bfloat16:
        raise ValueError(
            "This model is optimized for float32: for bfloat16, optimize it with that precision."
        )
    check_short_side(short_side)
    least, most = SCALES
    if not scales or not all(least <= scale <= most for scale in scales):
        raise ValueError(f"Give at least one scale, each from {least} to {most}, not {scales!r}.")


def check_short_side(short_side: int) -> int:
    """Return ``short_side``, or raise ``ValueError`` unless it is one of 64 to 2048 pixels."""
    low, high = SHORT_SIDES
    if not isinstance(short_side, int) or not low <= short_side <= high:
        raise ValueError(
            f"The short side must be a whole number of pixels from {low} to {high}, "
            f"not {short_side!r}."
        )
    return short_side
