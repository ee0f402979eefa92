"""What programs can ask for: parameters, work and outputs of every endpoint, and their bounds.

The ways in are made of these: :mod:`ui.api.endpoints` for clients of Gradio and agents,
:mod:`ui.api.rest` for plain HTTP.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from analysis.core.progress import Work
from analysis.questions import QUESTIONS
from analysis.questions.parameters import Parameter, parameters_of
from analysis.report.page import Caption
from ui.host.settings import Settings
from ui.messages import page as text
from ui.service import gpu_calls as work
from ui.service.cost import refuse_too_long
from ui.service.export import file_stem, write_labels_for
from ui.service.figures import drawn_elsewhere
from ui.service.limits import QUESTION_PIXELS, bound, check
from ui.service.model_cache import ModelCache
from ui.service.turns import Turns
from uniformer.annotations import FORMATS
from uniformer.classes import class_set
from uniformer.config import CLASSIFIERS, MODELS, REACHES, ModelConfig
from uniformer.factory import find_config
from uniformer.files import replace_file
from uniformer.pictures import Picture, PictureSource, read_picture
from uniformer.predict import SHORT_SIDES

MOST_CLASSES = 100
"""Most classes that can be asked for of a classifier."""

SEGMENT = """Label every pixel of a picture: which classes, how much of the picture each, how sure.

The answer has a table of the classes found, largest first, with their pixels, share (0 to 1) and
mean_confidence (the mean probability of the label there, 0 to 1)."""

CLASSIFY = """Say what a picture shows: the most probable of ImageNet's 1000 classes, best first.

As in the official test only the square in the middle of the picture is looked at. Probabilities are
from 0 to 1."""

REPORT = """Write an interactive report about a picture: one HTML file that needs no server.

It has the labels, a legend, and a lens that shows for every pixel what it attended to. The answer
is like that of segment: shares and mean_confidence from 0 to 1, sizes in pixels."""

LIST = "List the models: name, task, classes, reach, window and the short side they work at."


@dataclass(frozen=True)
class Output:
    """A named part of what an endpoint returns: an object for JSON, a file, or several files."""

    name: str
    kind: Literal["json", "file", "files"]
    words: str
    media_type: str = "application/json"


@dataclass(frozen=True)
class Sent:
    """A picture that was sent: where it can be read, and what its sender calls the file."""

    source: PictureSource
    name: str

    @property
    def stem(self) -> str:
        """The plain beginning of the names of files about it."""
        return file_stem(Path(self.name).stem)


Reply = dict[str, Any]
"""Values by the name of the output: dict, Path, or list of Path."""


@dataclass(frozen=True)
class Service:
    """One endpoint.

    ``start(sent, values, folder)`` returns the work; its values have passed :meth:`checked`, and
    files go into ``folder``, which it makes. ``parameters`` is None where no picture is asked
    about; ``long`` is what may take many seconds.
    """

    name: str
    summary: str
    parameters: tuple[Parameter, ...] | None
    outputs: tuple[Output, ...]
    start: Callable[[Sent, dict[str, Any], Path], Work[Reply]]
    long: bool = False

    def checked(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return all parameters, those that are not ``given`` by default.

        Raises ``ValueError`` for a value or a name that cannot be.
        """
        known = {parameter.name: parameter for parameter in self.parameters or ()}
        if unknown := sorted(given.keys() - known.keys()):
            raise ValueError(f"{self.name} has no {unknown[0]}; it takes {', '.join(known)}.")
        return {
            name: check(parameter, given.get(name, parameter.default))
            for name, parameter in known.items()
        }


FOUND = Output("answer", "json", "what was found, units in the names, and all settings")
PNG, NPZ, CSV = "image/png", "application/octet-stream", "text/csv"

SEGMENT_FILES = {"labels": "labels.png", "overlay": "overlay.png", "arrays": "npz"}

LABELLED = (
    FOUND,
    Output("labels", "file", "the class index of every pixel, exact", PNG),
    Output("overlay", "file", "the picture under its labels", PNG),
    Output("arrays", "file", "labels, confidence, entropy and margin", NPZ),
    Output("annotations", "files", "the labels in the format asked for, if any", "*/*"),
)
ANSWERED = (
    FOUND,
    Output("figure", "file", "the figure", PNG),
    Output("arrays", "file", "the arrays behind the figure", NPZ),
    Output("tables", "files", "the tables", CSV),
)
REPORTED = (
    FOUND,
    Output(
        "page", "file", "the report, for a browser; it asks for nothing outside it", "text/html"
    ),
)

SHORT_SIDE = Parameter(
    "short_side",
    int,
    f"short side of the network's input in pixels, {SHORT_SIDES[0]} to {SHORT_SIDES[1]}",
    None,
    True,
    None,
)
FORMAT = Parameter(
    "format", str, "another tool to write the labels for", None, True, tuple(FORMATS)
)
CLASSIFIER = Parameter(
    "model", str, "a classifier that models lists", "small-cls", False, tuple(CLASSIFIERS)
)
WHOLE = Parameter(
    "whole", bool, "show all of the picture, not the square in its middle", False, False, None
)
TOP = Parameter("top", int, f"how many classes to name, 1 to {MOST_CLASSES}", 5, False, None)


class Services:
    """All endpoints over one model cache."""

    def __init__(self, model_cache: ModelCache, settings: Settings, turns: Turns) -> None:
        self._model_cache = model_cache
        self._turns = turns
        self._max_pixels = settings.picture_pixels
        self._common = (
            Parameter("model", str, "a model that models lists", settings.model, False, None),
            Parameter(
                "reach", str, "reach of stage 3; by default the model's own", None, True, REACHES
            ),
            Parameter(
                "window_size", int, "side of a window in tokens of stage 3", None, True, None
            ),
        )

    def all(self) -> list[Service]:
        """Return every endpoint: the models, labels, classes, the report, and the questions."""
        own = [
            Service("models", LIST, None, (FOUND,), self._models),
            Service("segment", SEGMENT, (*self._and(SHORT_SIDE), FORMAT), LABELLED, self._segment),
            Service("classify", CLASSIFY, (CLASSIFIER, TOP, WHOLE), (FOUND,), self._classify),
            Service("report", REPORT, self._and(SHORT_SIDE), REPORTED, self._report, long=True),
        ]
        return own + [
            Service(
                question.replace("-", "_"),
                inspect.getdoc(ask) or question,
                self._and(*parameters_of(ask)),
                ANSWERED,
                partial(self._ask, question),
                long=True,
            )
            for question, ask in QUESTIONS.items()
        ]

    def _and(self, *own: Parameter) -> tuple[Parameter, ...]:
        """Return ``own`` parameters and those of every endpoint; of one name the own one stays."""
        names = {parameter.name for parameter in own}
        return (*own, *(common for common in self._common if common.name not in names))

    def _models(self, sent: Sent, values: dict[str, Any], folder: Path) -> Work[Reply]:
        yield from ()
        return {
            "answer": {"models": [_described(each) for each in (MODELS | CLASSIFIERS).values()]}
        }

    def _segment(self, sent: Sent, values: dict[str, Any], folder: Path) -> Work[Reply]:
        kind, short_side = values.pop("format"), values.pop("short_side")
        place = _place(values)
        picture = opened(sent, self._max_pixels)
        with self._model_cache.acquire(*place) as model, self._turns.quick():
            result = yield from work.label(model, picture, short_side)
        files = result.save(folder, sent.stem, tuple(SEGMENT_FILES.values()))
        extra = [write_labels_for(kind, result, folder, sent.name)] if kind else []
        named = dict(zip(SEGMENT_FILES, files, strict=True))
        return {"answer": result.describe(), **named, "annotations": extra}

    def _classify(self, sent: Sent, values: dict[str, Any], folder: Path) -> Work[Reply]:
        if not 1 <= values["top"] <= MOST_CLASSES:
            raise ValueError(f"top must be from 1 to {MOST_CLASSES}.")
        picture = opened(sent, self._max_pixels)
        with self._model_cache.acquire(*_place(values)) as model, self._turns.quick():
            found = yield from work.name(model, picture, None, values["whole"])
        return {"answer": found.describe(values["top"])}

    def _ask(self, question: str, sent: Sent, values: dict[str, Any], folder: Path) -> Work[Reply]:
        own = {each.name: values.pop(each.name) for each in parameters_of(QUESTIONS[question])}
        bound(own)
        place = _place(values)
        picture = opened(sent, min(self._max_pixels, QUESTION_PIXELS))
        with self._model_cache.acquire_original(*place) as model:
            refuse_too_long(model, question, picture, own)
            asked = work.answer(model, question, picture, own)
            answer = yield from self._turns.stepwise(asked)
        stem = f"{sent.stem}.{question}"
        kinds = ("png", "npz", "csv")
        figure, arrays, *tables = drawn_elsewhere(answer).save(folder, stem, kinds)
        said = json.loads(answer.to_json())
        return {"answer": said, "figure": figure, "arrays": arrays, "tables": tables}

    def _report(self, sent: Sent, values: dict[str, Any], folder: Path) -> Work[Reply]:
        short_side = values.pop("short_side")
        bound({"short_side": short_side})
        place = _place(values)
        picture = opened(sent, min(self._max_pixels, QUESTION_PIXELS))
        with self._model_cache.acquire_original(*place) as model:
            written = work.report(model, picture, Caption(sent.stem), short_side)
            described, page = yield from self._turns.stepwise(written)
        folder.mkdir(parents=True, exist_ok=True)
        file = replace_file(
            folder / f"{sent.stem}.html", lambda target: target.write(page.encode())
        )
        return {"answer": json.loads(described), "page": file}


def opened(sent: Sent, max_pixels: int) -> Picture:
    """Return a picture that was sent; ``ValueError`` for more than ``max_pixels`` or none."""
    picture = read_picture(sent.source)
    pixels = picture.pixels.size // 3
    if pixels > max_pixels:
        raise ValueError(text.too_large(pixels / 1e6, max_pixels / 1e6))
    return picture


def _place(values: dict[str, Any]) -> tuple[Any, ...]:
    """Return which model in which reach is meant."""
    config = find_config(values["model"])
    reach, window_size = values.get("reach"), values.get("window_size")
    return (
        config.name,
        config.reach if reach is None else reach,
        config.window_size if window_size is None else window_size,
    )


def _described(config: ModelConfig) -> dict[str, Any]:
    names = class_set(config.class_set).names
    return {
        "name": config.name,
        "task": config.task,
        "class_set": config.class_set,
        "class_count": len(names),
        # A thousand names help nobody choose.
        "classes": None if config.task == "classify" else list(names),
        "reach": config.reach,
        "window_size_tokens": config.window_size,
        "short_side_px": config.short_side,
        "published_miou_percent": config.published_miou,
        "published_top1_percent": config.published_top1,
        "bundled": config.bundled is not None,
    }
