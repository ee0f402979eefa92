"""Run a model for prediction by the engine of one's choice; see :func:`optimize_for_inference`."""

from __future__ import annotations

import statistics
import time
from importlib.util import find_spec
from typing import Literal, get_args

import torch
from torch import Tensor

from uniformer.engines.model import EngineModel, precisions
from uniformer.fast import fast_form
from uniformer.segmenter import Segmenter

__all__ = ["ENGINES", "EngineModel", "fastest_engine", "optimize_for_inference"]

Engine = Literal["torch", "onnxruntime", "openvino"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

PRECISIONS = ("float32", "bfloat16")

EQUAL_LABELS = {"float32": 0.999, "bfloat16": 0.95}
"""Share of pixels that an engine has to label as the model does before it is trusted."""

CHECK_SIZE = (256, 320)
ROUNDS = 3


def optimize_for_inference(
    model: Segmenter, engine: str = "torch", precision: str = "float32"
) -> Segmenter | EngineModel:
    """Return ``model`` for prediction: the same logits for less work, no gradients.

    ``engine`` is ``"torch"`` (a rewriting for PyTorch, on CPU and GPU), ``"onnxruntime"`` or
    ``"openvino"`` (packages of these names, on the CPU), or ``"auto"``: whichever of those
    installed labelled a test input fastest, here and now. All take normalised RGB (B, 3, H, W) and
    return float32 logits, and all are what :func:`uniformer.segment` takes for a model.

    In ``"float32"`` they differ from the model's by rounding only (about 1e-5 of the largest);
    ``"bfloat16"`` rounds the products to 8 binary digits. An engine other than PyTorch must first
    label a test input as the model does, to 99.9 % (float32) or 95 % (bfloat16) of its pixels.
    Making it takes some seconds; its graph is kept in the user's cache folder for the next time.

    The reach can be changed on the result; the auxiliary head is left out. PyTorch's form shares
    weights that need no rewriting, so optimize last, after loading and moving the model.

    Raises ``ValueError`` for an engine or precision that is unknown or not to be had here, a model
    that is optimized already or in training mode, and an engine whose labels are not the model's.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"The precision must be float32 or bfloat16, not {precision!r}.")
    if engine == "auto":
        return _race(model, precision)
    if engine == "torch":
        return fast_form(model, getattr(torch, precision))
    if engine not in ENGINES:
        raise ValueError(f"The engine must be auto or one of {', '.join(ENGINES)}, not {engine!r}.")
    _check_engine(model, engine, precision)
    fast = EngineModel(model, engine, precision)
    equal = _equal_labels(model, fast)
    if equal < EQUAL_LABELS[precision]:
        raise ValueError(
            f"With {engine} only {equal:.1%} of the pixels of a test input get the model's label: "
            "use the engine torch."
        )
    return fast


def fastest_engine(model: Segmenter, precision: str = "float32") -> str:
    """Return the engine that ``"auto"`` stands for, for ``model`` on this machine now."""
    fast = optimize_for_inference(model, "auto", precision)
    return fast.engine.split()[0]


def _race(model: Segmenter, precision: str) -> Segmenter | EngineModel:
    """Return the fastest of all forms that can be made and pass the check."""
    forms = [optimize_for_inference(model, "torch", precision)]
    if model.device.type == "cpu":
        for engine in ENGINES[1:]:
            if find_spec(engine) is None or precision not in precisions(engine):
                continue
            try:
                forms.append(optimize_for_inference(model, engine, precision))
            except Exception:  # labels that differ, or an engine's own error about the graph
                continue
    x = _test_input(model)
    seconds: list[list[float]] = [[] for _ in forms]
    with torch.inference_mode():
        for number in range(ROUNDS + 1):
            for form, times in zip(forms, seconds, strict=True):
                start = time.perf_counter()
                form(x)
                if number:  # the first is for warming up
                    times.append(time.perf_counter() - start)
    medians = [statistics.median(times) for times in seconds]
    return forms[medians.index(min(medians))]


def _check_engine(model: Segmenter, engine: str, precision: str) -> None:
    """Raise ``ValueError`` where ``engine`` cannot run this model in this precision."""
    for package in (engine, "onnx", "onnxscript"):
        if find_spec(package) is None:
            raise ValueError(
                f"The engine {engine} needs the package {package}, which is not installed: "
                f"pip install {engine} onnx onnxscript, or use the engine torch."
            )
    if precision not in precisions(engine):
        raise ValueError(f"{engine} does not compute in {precision} on this machine: use float32.")
    if model.device.type != "cpu":
        raise ValueError(
            f"The engine {engine} runs on the CPU: move the model there, or use the engine torch."
        )


def _equal_labels(model: Segmenter, fast: EngineModel) -> float:
    x = _test_input(model)
    with torch.inference_mode():
        return (model(x).argmax(1) == fast(x).argmax(1)).float().mean().item()


def _test_input(model: Segmenter) -> Tensor:
    """Return large smooth areas under some noise, the same every time, (1, 3, 256, 320)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 3, 8, 10, generator=generator)
    areas = torch.nn.functional.interpolate(coarse, size=CHECK_SIZE, mode="bilinear")
    noise = torch.randn(1, 3, *CHECK_SIZE, generator=generator)
    return (areas + 0.2 * noise).to(model.device, model.dtype)
