"""How long a question would take here, before it begins: passes of the network, and what one takes.

The passes of each question were counted with its parameters, and what it does beside was measured
in passes as well. What a pass takes follows from its multiply-accumulates and from the time of a
small one, measured here once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from analysis.interventions.run import DRAWS
from analysis.layers import LayerAsk
from analysis.questions import QUESTIONS
from analysis.questions.parameters import REQUIRED, parameters_of
from ui.messages import page as text
from ui.service.limits import QUESTION_SECONDS
from ui.service.zerogpu import lends_gpus
from uniformer.config import STRIDES, ModelConfig
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
    "decoder-lens": 15,
    "receptive-field": 10,
    "attribute": 3,
    "attributions": 3,
    "faithfulness": 100,
    "compare": 6,
}
"""Passes that each question takes as long as, whatever its parameters; ``what-if`` has its own."""

GRADIENT = 3
"""Passes of one gradient: forward, and backward twice as long."""

REFINED = 3
"""Times by which integrated gradients exceed their points, from 1 to 8, where shares miss much."""


def passes(
    config: ModelConfig, question: str, given: Mapping[str, Any], size: tuple[int, int]
) -> float:
    """Return how many forward passes a question takes as long as.

    ``given`` are its parameters, where they are not the default, and ``size`` (height, width) is
    that of the network's input.
    """
    if question == "what-if":
        return _what_if_passes(config, given.get("kind"), size)
    values, total = {**_defaults(question), **given}, float(PASSES[question])
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
    return total


@cache
def _defaults(question: str) -> dict[str, Any]:
    known = parameters_of(QUESTIONS[question])
    return {each.name: each.default for each in known if each.default is not REQUIRED}


def _what_if_passes(config: ModelConfig, kind: str | None, size: tuple[int, int]) -> int:
    """Return the passes of one change and its random ones, or of a series of them."""
    side = max(size) // STRIDES[2]
    if kind == "head-sweep":
        backbone = config.backbone
        stages = list(zip(backbone.depths, backbone.dims, strict=True))[2:]
        return 2 + sum(depth * (width // backbone.head_dim) for depth, width in stages)
    if kind == "radius-curve":  # radii double from 1 to the whole map, and 0
        return 2 + (2 + (side - 2).bit_length()) * (1 + DRAWS)
    if kind == "reach-cost":  # global, padded, hybrid and masked windows, each token alone
        windows = (side - 1).bit_length() - 1
        return 3 + 2 * windows + (windows + 1) * (1 + DRAWS)
    return 2 + DRAWS


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


def asked_by(ask: LayerAsk, short_side: int) -> tuple[str, dict[str, Any]]:
    """Return the question behind a layer, and those of its parameters that it costs by."""
    return ask.kind.question, {**ask.values, **ask.kind.fixed, "short_side": short_side}


def expected_seconds(
    model: Segmenter, question: str, picture: Picture, values: Mapping[str, Any]
) -> float:
    """Return about how long the question would take here, at most ``FACTOR`` times off."""
    short_side = values.get("short_side") or model.config.short_side
    height, width = picture.pixels.shape[:2]
    size = network_size(height, width, short_side, model.config.size_divisor)
    form = model.config.name, len(model.classes), model.reach, model.window_size
    one = max(LEAST_SECONDS, macs_of(*form, *size) * seconds_per_mac())
    return passes(model.config, question, values, size) * one


def refuse_too_long(
    model: Segmenter, question: str, picture: Picture, values: Mapping[str, Any]
) -> None:
    """Raise ``ValueError``, one sentence, for what would surely take over ``QUESTION_SECONDS``.

    Estimates are of the processor: on a GPU nothing is refused beforehand.
    """
    if lends_gpus() or model.device.type != "cpu":
        return
    expected = expected_seconds(model, question, picture, values)
    if expected > FACTOR * QUESTION_SECONDS:
        fewer = [name for name in ("steps", "probes", "methods") if name in values]
        raise ValueError(text.would_take(expected / 60, QUESTION_SECONDS / 60, fewer))
