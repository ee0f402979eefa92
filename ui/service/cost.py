"""How long a question would take here, before it begins: passes of the network, and what one takes.

The passes of each question were counted with its parameters, and what it does beside was measured
in passes as well. What a pass takes follows from its multiply-accumulates and from the time of a
small one, measured here once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ui.messages import page as text
from ui.service.zerogpu import lends_gpus
from uniformer.cost import macs_of, seconds_per_mac
from uniformer.pictures import Picture
from uniformer.preprocess import network_size
from uniformer.segmenter import Segmenter

FACTOR = 4
"""How far off an estimate may be, either way (``tests/test_cost_of_questions.py``)."""

LEAST_SECONDS = 0.02
"""Of a pass, however small the picture."""

PASSES = {
    "probe": 3,
    "affinity": 3,
    "jacobian": 20,
    "profile": 5,
    "rollout": 8,
    "similarity": 3,
    "representation": 15,
    "pruning": 3,
    "receptive-field": 10,
    "attribute": 3,
    "attributions": 3,
    "faithfulness": 100,
    "what-if": 20,
    "compare": 6,
}
"""Passes that each question takes as long as, whatever its parameters."""

GRADIENT = 3
"""Passes of one gradient: forward, and backward twice as long."""

REFINED = 3
"""Times by which integrated gradients exceed their points, from 1 to 8, where shares miss much."""


def passes(question: str, values: Mapping[str, Any], size: tuple[int, int]) -> float:
    """Return how many forward passes a question takes as long as.

    ``values`` are its parameters and ``size`` (height, width) that of the network's input.
    """
    total = float(PASSES[question])
    steps = values.get("steps", 0)
    methods = [values["method"]] if "method" in values else _names(values.get("methods"))
    total += sum(_method_passes(method, steps, values, size) for method in methods)
    if question == "faithfulness":  # curves of two replacements, and of random orders
        total += len(methods) * (4 * steps + 4 * GRADIENT * values.get("noisy", 0))
    if question == "receptive-field":
        settings = 1 + 2 * bool(values.get("reaches")) + bool(values.get("untrained"))
        total += settings * 4 * values.get("probes", 0)  # one backward pass for each stage
    if question == "rollout" and values.get("compare"):
        total += 200
    if question == "profile" and values.get("nulls"):
        total += 10
    if values.get("kind") in ("head-sweep", "radius-curve", "reach-cost"):
        total += 100
    return total


def _names(methods: str | None) -> list[str]:
    return [name.strip() for name in (methods or "").split(",") if name.strip()]


def _method_passes(
    method: str, steps: int, values: Mapping[str, Any], size: tuple[int, int]
) -> float:
    if method == "integrated-gradients":
        return REFINED * GRADIENT * steps
    if method == "smooth-grad":
        return GRADIENT * steps
    if method == "segment-ablation":
        return 20
    if method == "occlusion":
        window = values.get("window_px") or max(1, min(size) // 8)
        rows, columns = (max(1.0, 2 * side / window - 1) for side in size)
        return 1.4 * rows * columns
    return GRADIENT


def expected_seconds(
    model: Segmenter, question: str, picture: Picture, values: Mapping[str, Any]
) -> float:
    """Return about how long the question would take here, at most ``FACTOR`` times off."""
    short_side = values.get("short_side") or model.config.short_side
    height, width = picture.pixels.shape[:2]
    size = network_size(height, width, short_side, model.config.size_divisor)
    form = model.config.name, len(model.classes), model.reach, model.window_size
    one = max(LEAST_SECONDS, macs_of(*form, *size) * seconds_per_mac())
    return passes(question, values, size) * one


def refuse_too_long(
    model: Segmenter, question: str, picture: Picture, values: Mapping[str, Any], seconds: float
) -> None:
    """Raise ``ValueError``, one sentence, for what would surely take more than ``seconds``.

    Estimates are of the processor: on a GPU nothing is refused beforehand.
    """
    if lends_gpus() or model.device.type != "cpu":
        return
    expected = expected_seconds(model, question, picture, values)
    if expected > FACTOR * seconds:
        fewer = [name for name in ("steps", "probes", "methods") if name in values]
        raise ValueError(text.would_take(expected / 60, seconds / 60, fewer))
