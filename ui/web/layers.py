"""A layer as the workbench asks for it and is answered: from JSON, and as facts and arrays."""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np

from analysis.core.progress import Progress
from analysis.core.words import say
from analysis.layers import LAYERS, Layer, LayerAsk, LayerKind
from analysis.layers.layer import Placed, Scale
from analysis.questions.answer import plain
from analysis.questions.parameters import REQUIRED, Parameter
from analysis.report.workbench_data import Content
from ui.messages import web as text
from ui.service.limits import QUESTION_COUNTS, bound, check
from ui.web.asked import named, whole
from uniformer.config import STRIDES

MOST_ROWS = 1000
"""Rows of a table that are sent; the files have them all."""

NO_SCALE = Scale("sequential", 0.0, 1.0, "", "")
"""Of layers without values over the picture."""

BOUNDS = {"stage": (1, len(STRIDES)), **{name: (1, most) for name, most in QUESTION_COUNTS.items()}}
"""Least and most of whole numbers, as far as the kind alone tells."""


def kind_facts(kind: LayerKind) -> dict[str, Any]:
    """Return a ``LayerKind`` of ``assets/web/source.js``."""
    return {
        "id": kind.id,
        "group": kind.group,
        "title": kind.title,
        "help": kind.help,
        "misleads": kind.misleads,
        "parameters": [_parameter_facts(each) for each in kind.parameters],
        "regions": list(kind.regions),
        "live": kind.live,
        "seconds": kind.seconds,
        "against": kind.against,
    }


def _parameter_facts(parameter: Parameter) -> dict[str, Any]:
    low, high = BOUNDS.get(parameter.name, (None, None))
    limits = {} if low is None else {"low": low, "high": high}
    return {
        "name": parameter.name,
        "kind": parameter.kind.__name__,
        "title": title_of(parameter),
        "help": parameter.help,
        "choices": None if parameter.choices is None else list(parameter.choices),
        "default": None if parameter.default is REQUIRED else parameter.default,
        "optional": parameter.optional,
        **limits,
    }


def title_of(parameter: Parameter) -> str:
    """Return what a parameter is called on the page."""
    return parameter.name.replace("_", " ").removesuffix(" px")


def read_ask(given: dict[str, Any], size_px: tuple[int, int]) -> LayerAsk:
    """Return the layer that an ``Ask`` means, of a picture of ``size_px`` (height, width).

    Raises ``ValueError`` with one sentence for what cannot be asked.
    """
    layer = named("layer", given.get("layer"))
    if layer not in LAYERS:
        raise ValueError(say(text.NO_SUCH_LAYER, name=layer))
    height, width = size_px
    region, parameters = given.get("region"), given.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ValueError(text.NOT_UNDERSTOOD)
    ask = LayerAsk(
        layer=layer,
        x=whole("x", 0, width - 1)(given.get("x")),
        y=whole("y", 0, height - 1)(given.get("y")),
        region=cast(Any, None if region is None else named("region", region)),
        mask=None if given.get("mask") is None else _mask(given["mask"], size_px),
        label=_class("label", given.get("label")),
        against=_class("against", given.get("against")),
    )
    known = {each.name: each for each in ask.kind.parameters}
    if unknown := [name for name in parameters if name not in known]:
        raise ValueError(say(text.NO_SUCH_PARAMETER, name=unknown[0][:50]))
    checked = {
        name: check(replace(known[name], name=title_of(known[name])), value)
        for name, value in parameters.items()
    }
    for name, value in checked.items():
        if name in BOUNDS and value is not None:
            whole(name, *BOUNDS[name])(value)
    bound(checked)
    return LayerAsk(**{**vars(ask), "parameters": checked})


def _class(name: str, value: Any) -> int | None:
    return None if value is None else whole(name, 0, 2**16 - 1)(value)


def _mask(given: Any, size_px: tuple[int, int]) -> np.ndarray:
    """Return the painted region from bits, row by row, the most significant first, in base64."""
    count = size_px[0] * size_px[1]
    try:
        bits = np.frombuffer(base64.b64decode(given, validate=True), np.uint8)
    except (TypeError, ValueError, binascii.Error):
        bits = np.empty(0, np.uint8)
    if len(bits) != -(-count // 8):
        raise ValueError(text.WRONG_MASK)
    return np.unpackbits(bits, count=count).reshape(size_px).astype(bool)


def layer_content(layer: Layer, seconds: float | None = None) -> Content:
    """Return a ``Layer`` of ``assets/web/source.js``."""
    answer = layer.answer
    placed, arrays = _placed_content(layer.placed)
    return {
        "id": layer.id,
        **placed,
        "sentence": layer.sentence,
        "grade": answer.grade,
        "misleads": layer.misleads,
        "numbers": [{**vars(one), "value": _told(one.value)} for one in layer.numbers],
        "tables": [
            {"title": name.replace("_", " "), "head": list(rows[0]),
             "rows": [[_cell(value) for value in row.values()] for row in rows[:MOST_ROWS]]}
            for name, rows in answer.tables.items()
        ],
        "seconds": seconds,
    }, arrays  # fmt: skip


def partial_content(step: Progress) -> Content:
    """Return a ``Partial``: how far a layer is, and what is known of it, if ``step`` says so."""
    facts: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    if isinstance(step.found, Layer):
        known, arrays = layer_content(step.found)
        facts["layer"] = known
    elif isinstance(step.found, Placed):
        facts, arrays = _placed_content(step.found)
    elif isinstance(step.found, np.ndarray):  # a frame of a film
        arrays["preview"] = cv2.imencode(".jpg", step.found[..., ::-1])[1].ravel()
    told = {"partial": True, "done": step.done, "total": step.total, "ahead": 0}
    return told | facts, arrays


def _placed_content(placed: Placed) -> Content:
    facts: dict[str, Any] = {
        "kind": placed.form,
        "scale": vars(placed.scale or NO_SCALE),
        "boxes": [vars(box) for box in placed.boxes],
        "plots": [
            {
                "title": plot.title,
                "xTitle": plot.x_title,
                "yTitle": plot.y_title,
                "series": [
                    {name: value for name, value in vars(one).items() if value is not None}
                    for one in plot.series
                ],
            }
            for plot in placed.plots
        ],
    }
    height, width = placed.token_size_px
    if placed.map is None:
        return facts | {"rows": 0, "columns": 0, "tokenWidth": width, "tokenHeight": height}, {}
    rows, columns = placed.map.shape
    kind = placed.map.dtype if placed.form == "labels" else np.float32
    facts |= {"rows": rows, "columns": columns, "tokenWidth": width, "tokenHeight": height}
    return facts, {"map": placed.map.astype(kind)}


def _told(value: Any) -> Any:
    """Return a value of an answer as the page has it."""
    return {True: text.YES, False: text.NO}[value] if isinstance(value, bool) else value


def _cell(value: Any) -> Any:
    """Return what stands in a table: nothing where there is no number."""
    value = plain(value)
    return "" if value is None else _told(value)
