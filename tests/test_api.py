"""The endpoints over REST: what they say of themselves, what they return, how they refuse."""

import errno
import inspect
import re
from pathlib import Path
from typing import Annotated, Literal

import gradio as gr
import numpy as np
import pytest
from endpoints import SHORT_SIDE, endpoints, photo
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from analysis.core.errors import AnalysisError
from analysis.questions import QUESTIONS
from analysis.questions.parameters import parameters_of
from ui.api import endpoints as module
from ui.api import refusals, services
from ui.api.signatures import make_endpoint
from ui.messages import page as text
from ui.service import limits
from ui.service.limits import check


@pytest.fixture(scope="module")
def client():
    with endpoints() as url:
        yield Client(url, verbose=False)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    return photo(tmp_path_factory.mktemp("api"))


@pytest.fixture(scope="module")
def described(client):
    return client.view_api(return_format="dict")["named_endpoints"]


def ask(client, name, picture, **given):
    return client.predict(picture=handle_file(str(picture)), api_name=name, **given)


def a_question(
    model,
    image,
    *,
    near: Annotated[float, "how near"] = 0.5,
    x: Annotated[int, "column"],
    way: Annotated[Literal["up", "down"], "where to"] = "up",
    head: Annotated[int | None, "head"] = None,
):
    """Answer :class:`~analysis.Nothing` of ``worth``."""


def test_every_question_has_an_endpoint_beside_models_and_segment(described):
    questions = {"/" + name.replace("-", "_") for name in QUESTIONS}
    assert set(described) == {"/models", "/segment", "/classify", "/report", *questions}
    named = {"/probe", "/profile", "/receptive_field", "/attribute", "/what_if", "/compare"}
    assert named <= questions


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_endpoint_takes_the_parameters_of_its_question(described, question):
    given = described["/" + question.replace("-", "_")]["parameters"]
    names = [entry["parameter_name"] for entry in given]
    own = parameters_of(QUESTIONS[question])
    assert names[0] == "picture"
    assert set(names) == {"picture", "model", "reach", "window_size"} | {p.name for p in own}
    required = {p["parameter_name"] for p in given if not p["parameter_has_default"]}
    assert required == {"picture"} | {p.name for p in own if p.default is inspect.Parameter.empty}


def test_a_signature_says_names_types_defaults_and_help():
    parameters = parameters_of(a_question)
    seen = {}
    endpoint = make_endpoint(
        "asked", a_question.__doc__, parameters, [(str, "JSON")], lambda **given: seen.update(given)
    )
    signature = inspect.signature(endpoint)
    assert list(signature.parameters) == ["picture", "x", "near", "way", "head"]
    hints = {name: entry.annotation for name, entry in signature.parameters.items()}
    assert hints["picture"] is gr.FileData
    assert (hints["x"], hints["near"]) == (int, float)
    assert hints["way"] == Literal["up", "down"]
    assert hints["head"] == int | None
    assert signature.parameters["near"].default == 0.5
    description, helps, returns = gr.utils.get_function_description(endpoint)
    assert description == "Answer analysis.Nothing of worth."
    assert helps["way"] == "where to"
    assert returns == ["JSON"]
    endpoint("file", 3, 0.1, "down", None)
    assert seen == {"picture": "file", "x": 3, "near": 0.1, "way": "down", "head": None}


def test_values_of_another_type_are_refused_in_one_sentence():
    near, x, way, head = parameters_of(a_question)
    assert check(near, 1) == 1
    assert check(head, None) is None
    huge = [2**31, -(2**40), 10**400]
    wrong = {near: ["1", None, float("nan"), float("inf"), True], way: ["left", 1, None, []]}
    wrong |= {x: [1.0, "1", None, True, {}, *huge], head: ["a", 0.5, False]}
    for parameter, values in wrong.items():
        for value in values:
            with pytest.raises(ValueError, match=rf"^{parameter.name} must be [^\n]+\.$"):
                check(parameter, value)


def test_models_are_listed_with_their_classes(client):
    models = client.predict(api_name="/models")["models"]
    nano = models[0]
    assert nano["name"] == "nano"
    assert len(nano["classes"]) == 50
    assert nano["short_side_px"] > 0


def test_segment_returns_its_table_and_exact_files(client, picture):
    found, labels, overlay, arrays, annotations = ask(
        client, "/segment", picture, short_side=SHORT_SIDE
    )
    assert annotations == []
    assert sum(row["share"] for row in found["table"]) == pytest.approx(1)
    with np.load(arrays) as maps:
        assert np.array_equal(np.asarray(Image.open(labels)), maps["labels"])
    assert Image.open(overlay).size == (96, 72)


def test_a_question_returns_its_answer_and_files(client, picture):
    given = {"x": 9, "y": 5, "short_side": SHORT_SIDE}
    answer, figure, arrays, tables = ask(client, "/probe", picture, **given)
    assert answer["question"] == "probe"
    assert answer["settings"]["parameters"]["x"] == 9
    assert Image.open(figure).format == "PNG"
    with np.load(arrays) as maps:
        assert maps.files
    assert len(tables) == len(answer["tables"])


def test_report_is_a_page_that_asks_for_nothing_outside_it(client, picture):
    answer, file = ask(client, "/report", picture, short_side=SHORT_SIDE)
    assert sum(row["share"] for row in answer["table"]) == pytest.approx(1)
    page = Path(file).read_text(encoding="utf-8")
    assert Path(file).suffix == ".html"
    assert page.startswith("<!doctype html>")
    assert picture.stem in page
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("/segment", {"model": "large"}, "There is no model called 'large'"),
        ("/segment", {"reach": "far"}, "reach must be one of global, hybrid, window."),
        ("/segment", {"short_side": 5}, "short side must be"),
        ("/segment", {"model": "base-fpn"}, refusals.NO_WEIGHTS),
        ("/probe", {"x": "left", "y": 0}, "x must be a whole number"),
        ("/probe", {"x": 500, "y": 0}, "500"),
        ("/probe", {"x": 0, "y": 0, "short_side": 2048}, "at most 1024"),
        ("/report", {"short_side": 2048}, "at most 1024"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(client, picture, name, given, words):
    with pytest.raises(AppError) as told:
        ask(client, name, picture, **given)
    sentence = str(told.value)
    assert words in sentence
    assert "Traceback" not in sentence
    assert "\n" not in sentence


def test_too_large_a_picture_is_refused(client, picture, monkeypatch):
    monkeypatch.setattr(services, "QUESTION_PIXELS", 1000)
    with pytest.raises(AppError, match="million pixels"):
        ask(client, "/probe", picture, x=0, y=0)


def test_work_that_takes_too_long_is_stopped_between_two_steps():
    stop = limits.within(-1)
    with pytest.raises(ValueError, match="after 3 of 9 steps"):
        stop(3, 9)
    limits.within(60)(3, 9)


def test_a_report_that_takes_too_long_is_stopped(client, picture, monkeypatch):
    monkeypatch.setattr(module, "QUESTION_SECONDS", -1)
    with pytest.raises(AppError, match="after 1 of 3 steps"):
        ask(client, "/report", picture, short_side=64)


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KeyError("secret detail"), 500, text.SERVER_FAILED),
        (OSError(errno.ENOSPC, "No space left on device", "labels.png"), 507, text.NO_ROOM),
        (AnalysisError("Choose another\n pixel."), 422, "Choose another pixel."),
    ],
)
def test_a_failure_is_one_sentence_and_what_nobody_is_to_blame_for_is_logged(
    caplog, error, status, sentence
):
    with pytest.raises(refusals.Refusal) as told, refusals.refusing("probe"):
        raise error
    assert (told.value.status, told.value.sentence) == (status, sentence)
    assert ("An endpoint failed." in caplog.text) == (status >= 500)


def test_outputs_are_named_for_clients_of_gradio(described):
    returns = {
        name: [each["label"] for each in entry["returns"]] for name, entry in described.items()
    }
    assert returns["/models"] == ["answer"]
    assert returns["/segment"] == ["answer", "labels", "overlay", "arrays", "annotations"]
    assert returns["/probe"] == ["answer", "figure", "arrays", "tables"]
