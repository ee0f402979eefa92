"""Nothing that a visitor is answered tells where on the server anything lies."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from endpoints import given, photo
from gradio.utils import get_upload_folder

from analysis.core.progress import finish
from analysis.questions import QUESTIONS
from analysis.questions.parameters import parameters_of
from ui.api import endpoints
from ui.host.settings import Settings
from ui.messages import page as text
from ui.service.actions import Actions
from ui.service.export import write_report
from ui.service.jobs import Job, run
from ui.web.workbench import Workbench
from uniformer.weights import DATA

ROOT = Path(__file__).parents[1]
SECRET = "folder-of-the-host"
TOLD = (SECRET, str(ROOT), sys.prefix, str(Path.home()) + "/")


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A server with weights of its own, which keeps files in a folder called ``SECRET``."""
    folder = tmp_path_factory.mktemp("host") / SECRET
    folder.mkdir()
    shutil.copy(DATA / "nano.safetensors", folder / "mine.safetensors")
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    settings = Settings(weights=str(folder / "mine.safetensors"), store=str(folder / "shared"))
    actions = Actions(settings)
    yield endpoints._Api(actions.model_cache, settings, actions.turns), actions, settings
    tempfile.tempdir = before


@pytest.fixture(scope="module")
def picture(host):
    """A picture as it is when Gradio has taken it in."""
    folder = Path(get_upload_folder()) / "sent"
    folder.mkdir(parents=True)
    path = str(photo(folder, size=(24, 32)))
    return {"path": path, "orig_name": "x.png", "meta": {"_type": "gradio.FileData"}}


def contents(answer):
    """Yield the bytes of all that is in an answer; of a file what it holds and is called."""
    if isinstance(answer, gr.FileData):
        answer = Path(answer.path)  # the handle by which Gradio's clients fetch it
    if isinstance(answer, Path):
        yield answer.name.encode()
        yield answer.read_bytes()
        if answer.suffix == ".npz":
            with np.load(answer) as arrays:
                yield from (np.asarray(array).tobytes() for array in arrays.values())
                yield from (
                    "".join(array.ravel()).encode()
                    for array in arrays.values()
                    if array.dtype.kind == "U"
                )
    elif isinstance(answer, (list, tuple)):
        for part in answer:
            yield from contents(part)
    elif isinstance(answer, np.ndarray):
        yield answer.tobytes()
    else:
        yield (answer if isinstance(answer, str) else json.dumps(answer, default=str)).encode()


def assert_nothing_told(answer):
    parts = list(contents(answer))
    assert sum(map(len, parts)) > 20
    for place in TOLD:
        assert not [part for part in parts if place.encode() in part]


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_answer_to_a_question(host, picture, question):
    api, _, _ = host
    try:
        answer = api.ask(question, picture, **given(api, parameters_of(QUESTIONS[question])))
    except gr.Error as error:  # what this model cannot be asked
        answer = error.message
    assert_nothing_told(answer)


def test_no_labels_report_or_list(host, picture):
    api, _, _ = host
    for name in ("segment", "report"):
        answer = getattr(api, name)(picture, **given(api, [endpoints.SHORT_SIDE]))
        assert "mine.safetensors" in answer[0]
        assert_nothing_told(answer)
    assert_nothing_told(endpoints.list_models())


def test_nothing_of_the_page_or_the_workbench(host):
    _, actions, settings = host
    now = actions.first.selection
    assert_nothing_told(actions.view(now))
    assert_nothing_told(actions.lens(now))
    assert_nothing_told([actions.export(now, kind, 0.5) for kind in text.DOWNLOADS])
    assert_nothing_told(write_report(actions.stored(now), actions.trace(now)))
    answer = finish(run(actions, Job("probe", now, {"x": 3, "y": 4, "short_side": 64})))
    assert_nothing_told([answer.content, *(answer.folder / name for name in answer.files)])
    workbench = Workbench(actions, settings)
    assert_nothing_told(workbench.catalog())
    facts, _ = finish(workbench.relabel(now))
    assert "mine.safetensors" in json.dumps(actions.stored(now).result.describe())
    assert_nothing_told(facts)


WRONG = {"model": "none", "reach": "far", "window_size": 10**6, "short_side": 1}


@pytest.mark.parametrize("name", WRONG)
def test_no_refusal(host, picture, name):
    api, _, _ = host
    values = given(api, [endpoints.SHORT_SIDE]) | {name: WRONG[name]}
    with pytest.raises(gr.Error) as refused:
        api.segment(picture, **values)
    assert_nothing_told(refused.value.message)


@pytest.mark.parametrize("content", [b"", b"not a picture", "cut", "path"])
def test_no_refusal_of_a_picture(host, picture, content):
    api, _, _ = host
    file = Path(picture["path"]).with_name("bad.png")
    whole = Path(picture["path"]).read_bytes()
    file.write_bytes(content if isinstance(content, bytes) else whole[: len(whole) // 2])
    path = str(file) if content != "path" else str(Path(get_upload_folder()).parent / "x.png")
    with pytest.raises(gr.Error) as refused:
        api.segment(picture | {"path": path}, **given(api, [endpoints.SHORT_SIDE]))
    assert_nothing_told(refused.value.message)


def test_no_refusal_where_the_weights_are_gone(host, picture):
    api, actions, settings = host
    hidden = Path(settings.weights).with_suffix(".hidden")
    kept = dict(actions.model_cache._entries)
    Path(settings.weights).rename(hidden)
    actions.model_cache._entries.clear()
    try:
        with pytest.raises(gr.Error) as refused:
            api.segment(picture, **given(api, [endpoints.SHORT_SIDE]))
    finally:
        hidden.rename(settings.weights)
        actions.model_cache._entries.update(kept)
    assert_nothing_told(refused.value.message)
