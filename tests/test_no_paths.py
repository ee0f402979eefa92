"""Nothing that a visitor is answered tells where on the server anything lies."""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from endpoints import photo
from gradio.utils import get_upload_folder

from analysis.core.progress import finish
from analysis.questions import QUESTIONS
from ui.api.endpoints import new_folder
from ui.api.refusals import Refusal, refusing
from ui.api.services import Sent, Services
from ui.host.settings import Settings
from ui.service.actions import Actions
from ui.service.export import write_report
from ui.service.jobs import Job, file_of, run
from ui.service.take_away import LABEL_KINDS
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
    services = Services(actions.model_cache, settings, actions.turns).all()
    yield {service.name: service for service in services}, actions, settings
    tempfile.tempdir = before


@pytest.fixture(scope="module")
def picture(host):
    """A picture as it is when Gradio has taken it in."""
    folder = Path(get_upload_folder()) / "sent"
    folder.mkdir(parents=True)
    return str(photo(folder, size=(24, 32)))


def contents(answer):
    """Yield the bytes of all that is in an answer; of a file what it holds and is called."""
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


def ask(service, picture, **given):
    """Ask with little work to do, as a caller over REST, MCP or plain HTTP does."""
    quick = {"short_side": 64, "samples": 2, "steps": 2, "probes": 1, "model": "nano"}
    quick |= {"x": 12, "y": 12, "other_reach": "global", "kind": "hide-region"} | given
    names = {each.name for each in service.parameters or ()}
    values = service.checked({name: value for name, value in quick.items() if name in names})
    found = finish(service.start(Sent(Path(picture), "x.png"), values, new_folder()))
    return list(found.values())


@pytest.mark.parametrize("name", [name.replace("-", "_") for name in QUESTIONS])
def test_no_answer_to_a_question(host, picture, name):
    try:
        answer = ask(host[0][name], picture)
    except ValueError as error:  # what this model cannot be asked
        answer = str(error)
    assert_nothing_told(answer)


def test_no_labels_report_or_list(host, picture):
    for name in ("segment", "report", "models"):
        answer = ask(host[0][name], picture)
        assert name == "models" or "mine.safetensors" in json.dumps(answer[0])
        assert_nothing_told(answer)


def test_nothing_of_the_page_or_the_workbench(host):
    _, actions, settings = host
    now = actions.first.selection
    assert_nothing_told(write_report(actions.stored(now), actions.trace(now)))
    answer = finish(run(actions, Job("probe", now, {"x": 3, "y": 4, "short_side": 64})))
    assert_nothing_told([answer.content, *(file_of([answer], 0, name) for name in answer.files)])
    workbench = Workbench(actions, settings)
    assert_nothing_told(workbench.catalog())
    for kind in LABEL_KINDS:
        facts, arrays = finish(workbench.take_away(now.key, None, kind))
        assert_nothing_told([facts, arrays["file"].tobytes().decode("latin-1")])
    facts, _ = finish(workbench.relabel(now))
    assert "mine.safetensors" in json.dumps(actions.stored(now).result.describe())
    assert_nothing_told(facts)


WRONG = {"model": "none", "reach": "far", "window_size": 10**6, "short_side": 1}


def refusal(service, picture, **given):
    with pytest.raises(Refusal) as refused, refusing(service.name):
        ask(service, picture, **given)
    return refused.value.sentence


@pytest.mark.parametrize("name", WRONG)
def test_no_refusal(host, picture, name):
    assert_nothing_told(refusal(host[0]["segment"], picture, **{name: WRONG[name]}))


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n", None])
def test_no_refusal_of_a_picture(host, picture, content):
    file = Path(picture).with_name("bad.png")
    file.unlink(missing_ok=True)
    if content is not None:
        file.write_bytes(content)
    assert_nothing_told(refusal(host[0]["segment"], str(file)))


def test_no_refusal_where_the_weights_are_gone(host, picture):
    services, actions, settings = host
    hidden = Path(settings.weights).with_suffix(".hidden")
    kept = dict(actions.model_cache._entries)
    Path(settings.weights).rename(hidden)
    actions.model_cache._entries.clear()
    try:
        said = refusal(services["segment"], picture)
    finally:
        hidden.rename(settings.weights)
        actions.model_cache._entries.update(kept)
    assert_nothing_told(said)
