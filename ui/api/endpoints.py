"""What the endpoints do, and what bounds them. Every failure is one sentence, ``gr.Error``."""

from __future__ import annotations

import inspect
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder
from gradio_client.utils import is_file_obj_with_meta

from analysis.core.progress import finish
from analysis.questions import QUESTIONS
from analysis.questions.parameters import Parameter, parameters_of
from analysis.report.page import Caption
from ui.api.signatures import check, make_endpoint
from ui.host import metrics
from ui.host.middleware import NO_ROOM
from ui.host.places import is_wanted
from ui.host.settings import Settings
from ui.messages import page as text
from ui.service import gpu_calls as work
from ui.service.export import file_stem
from ui.service.limits import NOBODY_WAITS, within
from ui.service.model_cache import ModelCache
from ui.service.one_thread import on_one_thread
from ui.service.queues import HEAVY, LONG
from ui.service.turns import Turns
from uniformer.classes import class_set
from uniformer.config import MODELS, REACHES
from uniformer.factory import find_config
from uniformer.files import replace_file
from uniformer.pictures import Picture
from uniformer.pictures import read_picture as open_picture
from uniformer.predict import SHORT_SIDES
from uniformer.weights import WeightsError

QUESTION_PIXELS = 4 * 10**6
QUESTION_SHORT_SIDE = 1024
QUESTION_SECONDS = 300
QUESTION_COUNTS = {"steps": 128, "probes": 32}
"""Most that one question may ask for: pixels of the picture, pixels of the network's short side,
time to work, and repetitions of what may not be stopped in between."""

SEGMENT = """Label every pixel of a picture: which classes, how much of the picture each, how sure.

The JSON has a table of the classes found, largest first, with their pixels, share (0 to 1) and
mean_confidence (the mean probability of the label there, 0 to 1)."""
MODELS_SUMMARY = "List the models: name, classes, reach, window and the short side they work at."

JSON = (str, "JSON: what was found, with units in the names, and all settings to ask again")

NO_WEIGHTS = "The weights of this model cannot be had here: choose another one, such as nano."

SEGMENT_FILES = {
    "labels.png": "PNG: the class index of every pixel, exact",
    "overlay.png": "PNG: the picture under its labels",
    "npz": "NPZ: labels, confidence, entropy and margin",
}

LOG = logging.getLogger(__name__)


def add(model_cache: ModelCache, settings: Settings, turns: Turns) -> None:
    """Add /models, /segment, /report and an endpoint per question to the page being built.

    They share the models of ``model_cache``, the queue in front of them and the ``turns`` with the
    page.
    """
    api = _Api(model_cache, settings, turns)
    listed = make_endpoint("models", MODELS_SUMMARY, None, [JSON], list_models)
    gr.api(listed, api_name="models", queue=False)
    quick, long = ({**lane, "api_visibility": "public"} for lane in (HEAVY, LONG))
    labelled = [JSON, *((gr.FileData, words) for words in SEGMENT_FILES.values())]
    common = api.common(SHORT_SIDE)
    endpoint = make_endpoint("segment", SEGMENT, common, labelled, api.segment)
    gr.api(endpoint, api_name="segment", **quick)
    endpoint = make_endpoint("report", REPORT, common, REPORTED, api.report)
    gr.api(endpoint, api_name="report", **long)
    for question, ask in QUESTIONS.items():
        name = question.replace("-", "_")
        own = parameters_of(ask)
        summary = inspect.getdoc(ask) or question
        answer = partial(api.ask, question)
        endpoint = make_endpoint(name, summary, api.common(*own), ANSWER, answer)
        gr.api(endpoint, api_name=name, **long)


def list_models() -> str:
    """Return the models as JSON."""
    rows = [
        {
            "name": config.name,
            "classes": list(class_set(config.class_set).names),
            "reach": config.reach,
            "window_size_tokens": config.window_size,
            "short_side_px": config.short_side,
            "published_miou_percent": config.published_miou,
            "bundled": config.bundled is not None,
        }
        for config in MODELS.values()
    ]
    return json.dumps({"models": rows}, indent=2, ensure_ascii=False)


ANSWER = [
    JSON,
    (gr.FileData, "PNG: the figure"),
    (gr.FileData, "NPZ: the arrays behind the figure"),
    (list[gr.FileData], "CSV: the tables"),
]

REPORT = """Write an interactive report about a picture: one HTML file that needs no server.

It has the labels, a legend, and a lens that shows for every pixel what it attended to. The JSON is
like that of segment: shares and mean_confidence from 0 to 1, sizes in pixels."""

REPORTED = [JSON, (gr.FileData, "HTML: the report, for a browser; it asks for nothing outside it")]

SHORT_SIDE = Parameter(
    "short_side",
    int,
    f"short side of the network's input in pixels, {SHORT_SIDES[0]} to {SHORT_SIDES[1]}",
    None,
    True,
    None,
)


class _Api:
    """The endpoints over one model cache; their parameters arrive as they were sent."""

    def __init__(self, model_cache: ModelCache, settings: Settings, turns: Turns) -> None:
        self._model_cache = model_cache
        self._turns = turns
        self._max_pixels = settings.picture_pixels
        self._common = [
            Parameter("model", str, "a model that models lists", settings.model, False, None),
            Parameter(
                "reach", str, "reach of stage 3; by default the model's own", None, True, REACHES
            ),
            Parameter(
                "window_size", int, "side of a window in tokens of stage 3", None, True, None
            ),
        ]

    def common(self, *own: Parameter) -> list[Parameter]:
        """Return ``own`` parameters and those of every endpoint; of one name the own one stays."""
        names = {parameter.name for parameter in own}
        return [*own, *(common for common in self._common if common.name not in names)]

    def segment(self, picture: Any, **given: Any) -> tuple[Any, ...]:
        """Label a picture."""
        return _answered("segment", lambda: self._segment(picture, given))

    def report(self, picture: Any, **given: Any) -> tuple[Any, ...]:
        """Write the interactive report of a picture."""
        return _answered("report", lambda: self._report(picture, given))

    def ask(self, question: str, picture: Any, **given: Any) -> tuple[Any, ...]:
        """Ask a question about a picture."""
        return _answered(question, lambda: self._ask(question, picture, given))

    def _segment(self, picture: Any, given: dict[str, Any]) -> tuple[Any, ...]:
        place, values = self._sorted(given, [SHORT_SIDE])
        pixels = read_picture(picture, self._max_pixels)
        with self._model_cache.acquire(*place) as model, self._turns.quick():
            result = finish(on_one_thread(lambda: work.label(model, pixels, values["short_side"])))
        files = result.save(_new_folder(), _stem(picture), tuple(SEGMENT_FILES))
        described = json.dumps(result.describe(), indent=2, ensure_ascii=False)
        return described, *map(_file, files)

    def _ask(self, question: str, picture: Any, given: dict[str, Any]) -> tuple[Any, ...]:
        place, values = self._sorted(given, parameters_of(QUESTIONS[question]))
        _bound(values)
        pixels = read_picture(picture, min(self._max_pixels, QUESTION_PIXELS))
        with self._model_cache.acquire_original(*place) as model:
            asked = work.answer(model, question, pixels, values)
            answer = finish(self._turns.stepwise(asked), within(QUESTION_SECONDS))
        stem = f"{_stem(picture)}.{question}"
        figure, arrays, *tables = answer.save(_new_folder(), stem, ("png", "npz", "csv"))
        return answer.to_json(), _file(figure), _file(arrays), [_file(table) for table in tables]

    def _report(self, picture: Any, given: dict[str, Any]) -> tuple[Any, ...]:
        place, values = self._sorted(given, [SHORT_SIDE])
        _bound(values)
        pixels = read_picture(picture, min(self._max_pixels, QUESTION_PIXELS))
        stem = _stem(picture)
        with self._model_cache.acquire_original(*place) as model:
            written = work.report(model, pixels, Caption(stem), values["short_side"])
            described, page = finish(self._turns.stepwise(written), within(QUESTION_SECONDS))
        folder = _new_folder()
        folder.mkdir(parents=True)
        file = replace_file(folder / f"{stem}.html", lambda file: file.write(page.encode()))
        return described, _file(file)

    def _sorted(
        self, given: dict[str, Any], own: Sequence[Parameter]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Check all that is ``given``; return which model in which reach, and the ``own`` part."""
        checked = {
            parameter.name: check(parameter, given[parameter.name])
            for parameter in self.common(*own)
        }
        values = {parameter.name: checked.pop(parameter.name) for parameter in own}
        config = find_config(checked["model"])
        reach, window_size = checked.get("reach"), checked.get("window_size")
        place = (
            config.name,
            config.reach if reach is None else reach,
            config.window_size if window_size is None else window_size,
        )
        return place, values


def _bound(values: dict[str, Any]) -> None:
    """Refuse values that would take too long; :func:`check` has seen their types."""
    if (values.get("short_side") or 0) > QUESTION_SHORT_SIDE:
        raise ValueError(f"short_side may be at most {QUESTION_SHORT_SIDE}.")
    for name, most in QUESTION_COUNTS.items():
        if values.get(name, 0) > most:
            raise ValueError(f"{name} may be at most {most}.")


def read_picture(given: Any, max_pixels: int) -> Picture:
    """Return the picture in a file that the caller sent, and no other file of this machine.

    Raises ``ValueError`` for anything else, and for more than ``max_pixels``.
    """
    if not is_file_obj_with_meta(given):
        raise ValueError("picture must be a file or an address, as handle_file of gradio_client.")
    try:
        path = Path(given["path"]).resolve()
    except (OSError, ValueError, RuntimeError):  # a null byte, a loop, too long a name
        path = None
    if path is None or not path.is_relative_to(Path(get_upload_folder()).resolve()):
        raise ValueError("picture must be a file that was sent to this server.")
    picture = open_picture(path)
    pixels = picture.pixels.size // 3
    if pixels > max_pixels:
        raise ValueError(text.too_large(pixels / 1e6, max_pixels / 1e6))
    return picture


def _answered(name: str, do: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return what ``do`` returns, or raise one sentence; what was no refusal is logged."""
    try:
        with metrics.measured(f"api {name}"):
            if not is_wanted()():
                raise ValueError(NOBODY_WAITS)
            return do()
    except WeightsError as error:
        LOG.warning("%s", error)
        sentence = NO_WEIGHTS
    except ValueError as error:
        sentence = " ".join(str(error).split())
    except Exception as error:
        LOG.exception("An endpoint failed.")
        full = getattr(error, "errno", None) in NO_ROOM
        sentence = text.NO_ROOM if full else text.SERVER_FAILED
    raise gr.Error(sentence, print_exception=False)


def _new_folder() -> Path:
    """Return a new folder whose name nobody can guess, where Gradio removes files after a time."""
    return Path(get_upload_folder()) / secrets.token_urlsafe(16)


def _stem(picture: dict[str, Any]) -> str:
    name = picture.get("orig_name")
    return file_stem(Path(name).stem if isinstance(name, str) else "")


def _file(path: Path) -> gr.FileData:
    return gr.FileData(path=str(path), orig_name=path.name)
