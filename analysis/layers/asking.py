"""Ask for a layer: the question behind it, and its answers on the way and at the end, placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

import numpy as np

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_pixel
from analysis.core.errors import AnalysisError
from analysis.core.progress import Work, relay
from analysis.core.regions import class_region
from analysis.core.words import parts_of, sentences
from analysis.layers.kinds import LAYERS, LayerKind, LayerRegion
from analysis.layers.layer import Layer, Placed
from analysis.layers.numbers import numbers_of
from analysis.layers.placing import attribution_scale, covering, field_map
from analysis.questions import QUESTIONS
from analysis.questions.answer import Answer
from analysis.questions.common import TracedPicture
from analysis.questions.parameters import parameters_of
from uniformer.segmenter import Segmenter

HIDDEN_BY = {"pixel": "hide-region", "segment": "hide-segment"}
"""What hides a place, by what it is; any other is hidden as a painted area."""


@dataclass(frozen=True)
class LayerAsk:
    """A layer about a place: ``x``, ``y`` is the pixel, ``region`` what of the picture is meant.

    ``mask`` (H, W), bool, is the painted region where that is "mask". ``label`` is the class asked
    about, None for that of the pixel, ``against`` one to compare it with. ``parameters`` are those
    of the kind; what is left out has the kind's default.
    """

    layer: str
    x: int
    y: int
    region: LayerRegion | None = None
    mask: np.ndarray | None = None
    label: int | None = None
    against: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> LayerKind:
        """The kind asked for; :class:`AnalysisError` if there is none."""
        if self.layer not in LAYERS:
            raise AnalysisError(f"There is no layer {self.layer!r}.")
        return LAYERS[self.layer]

    @property
    def values(self) -> dict[str, Any]:
        """All parameters of the kind, defaults included; :class:`AnalysisError` for any other."""
        kind = self.kind
        known = {each.name: each for each in kind.parameters}
        if unknown := self.parameters.keys() - known.keys():
            raise AnalysisError(f"{kind.title} does not take {', '.join(sorted(unknown))}.")
        for name, value in self.parameters.items():
            choices = known[name].choices
            if choices and value is not None and value not in choices:
                raise AnalysisError(f"{kind.title}: choose {name} of {', '.join(choices)}.")
        return {each.name: each.default for each in known.values()} | dict(self.parameters)


def warm_up() -> None:
    """Import what live layers need and takes seconds to load."""
    for name in ("captum.attr", "pytorch_grad_cam"):
        import_module(name)


def question_of(ask: LayerAsk, trace: Trace) -> tuple[str, dict[str, Any]]:
    """Return the name of the question that ``ask`` means, and its arguments.

    Raises :class:`AnalysisError` for a layer or region that there is not.
    """
    kind, values = ask.kind, ask.values
    region = kind.regions[0] if ask.region is None else ask.region
    if region not in kind.regions:
        raise AnalysisError(f"{kind.title} is about {' or '.join(kind.regions)}, not {region}.")
    check_pixel(trace.picture_size_px, ask.x, ask.y)
    extra = {each.name for each in kind.extra}
    given: dict[str, Any] = {name: values[name] for name in values if name not in extra}
    given |= kind.fixed
    accepted = {each.name for each in parameters_of(QUESTIONS[kind.question])}
    place: dict[str, Any] = {"x": ask.x, "y": ask.y}
    if kind.question == "what-if":
        place |= _hidden(kind, region, ask, trace)
    elif "region" in accepted:
        place |= {"region": region} | ({"mask": ask.mask} if region == "mask" else {})
    given |= {name: value for name, value in place.items() if name in accepted | {"mask"}}
    for name in ("label", "against"):
        chosen = getattr(ask, name)
        if chosen is not None and name in accepted:
            given[name] = str(chosen)
    if "short_side" in accepted:
        given["short_side"] = trace.short_side
    return kind.question, given


def _hidden(kind: LayerKind, region: LayerRegion, ask: LayerAsk, trace: Trace) -> dict[str, Any]:
    """Return what says what is hidden; the pixel's segment is watched."""
    if not kind.id.startswith("hide"):
        return {}
    if region == "mask" and ask.mask is None:
        raise AnalysisError("Paint the region first, or choose pixel, segment or class.")
    area = ask.mask if region == "mask" else None
    if region == "class":
        label = int(trace.labels[ask.y, ask.x])
        area = class_region(trace.labels, label, trace.model.classes)
    if area is None and kind.id == "hide-tokens" and region == "pixel":
        area = np.zeros(trace.picture_size_px, dtype=bool)
        area[ask.y, ask.x] = True
    found: dict[str, Any] = {} if area is None else {"mask": area}
    if kind.id == "hide":
        found["kind"] = HIDDEN_BY.get(region, "hide-segment")
    return found


def layer_work(model: Segmenter, traced: TracedPicture, ask: LayerAsk) -> Work[Layer]:
    """Yield progress, whose ``found`` is a :class:`Layer` or :class:`Placed`; return the layer.

    The numbers are those of the question, asked with what :func:`question_of` returns. Closing it
    stops the work. Raises what the question raises.
    """
    name, given = question_of(ask, traced.trace)
    work = QUESTIONS[name](model, traced, **given)
    answer = yield from relay(
        work, lambda step: replace(step, found=_so_far(ask, step.found, traced.trace))
    )
    return _layer(ask, answer, traced.trace)


def _layer(ask: LayerAsk, answer: Answer, trace: Trace) -> Layer:
    kind = ask.kind
    said_anyway = (kind.misleads, kind.help)
    told = [one for one in parts_of(answer.sentence) if one not in said_anyway]
    return Layer(
        id=kind.id,
        answer=answer,
        placed=kind.place(answer, trace, ask.values),
        sentence=sentences(*told),
        misleads=kind.misleads,
        numbers=numbers_of(_plain_numbers(answer)),
    )


def _plain_numbers(answer: Answer) -> dict[str, Any]:
    """Return the numbers of an answer; a single row of a table of fields counts among them."""
    fields = answer.numbers.get("fields")
    if isinstance(fields, list) and len(fields) == 1:
        return answer.numbers | fields[0]
    return answer.numbers


def _so_far(ask: LayerAsk, found: Any, trace: Trace) -> Layer | Placed | None:
    """Return what is known on the way, placed as the whole will be."""
    if isinstance(found, Answer):
        return _layer(ask, found, trace)
    if not isinstance(found, np.ndarray):
        return None
    if ask.kind.question == "receptive-field":
        return field_map(found, trace)
    if ask.kind.question == "attribute":
        scale = attribution_scale(found, ask.kind.fixed["method"], ask.values["score"])
        return Placed("map", found, covering(found, trace), scale)
    return None
