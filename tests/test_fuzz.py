"""Whatever is sent to an endpoint is answered, by a result or by one sentence."""

import json
import math
import tempfile
from pathlib import Path

import gradio as gr
import pytest
from endpoints import SHORT_SIDE, photo
from gradio.utils import get_upload_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.questions import QUESTIONS
from analysis.questions.parameters import REQUIRED
from ui.api import endpoints as module
from ui.api.services import Services
from ui.host.settings import Settings
from ui.messages import page as text
from ui.service.model_cache import ModelCache
from ui.service.turns import Turns

# Of every endpoint: few, for the time of the ordinary run, yet a check that is missing altogether
# is found; `make test-slow` makes many, for rare ones.
CALLS, MANY_CALLS = 25, 400
ENDPOINTS = ["segment", "classify", "report", *(name.replace("-", "_") for name in QUESTIONS)]
PATHS = ["/etc/passwd", "../../app.py", "file:///etc/passwd", "C:\\x", "a\0b", "~", ".", "//"]
MARKUP = ["<script>alert(1)</script>", "' OR 1=1 --", "{{7*7}}", "\u202e\ud83d\ude00", "\ud800"]
NUMBERS = [math.nan, math.inf, -math.inf, -1, 0, 1e308, 2**31, -(2**63), 10**400, -0.0, 0.5]
HOSTILE = st.one_of(
    st.sampled_from([*PATHS, *MARKUP, *NUMBERS, None, True, [], {}, [[]], "", "1", "x" * 10**5]),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.recursive(st.none() | st.booleans() | st.text(max_size=3), st.lists, max_leaves=4),
)


@pytest.fixture(scope="module")
def api():
    cache = ModelCache({"nano": None, "xxs-cls": None}, 2)
    services = Services(cache, Settings(weights=None), Turns(2)).all()
    return {service.name: service for service in services}


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """A picture as it is when Gradio has taken it in."""
    before = tempfile.tempdir
    tempfile.tempdir = str(tmp_path_factory.mktemp("fuzz"))
    folder = Path(get_upload_folder()) / "sent"
    folder.mkdir(parents=True)
    yield sent(str(photo(folder, size=(24, 32))))
    tempfile.tempdir = before


def sent(path):
    return {"path": path, "orig_name": "x.png", "meta": {"_type": "gradio.FileData"}}


def requests(api, name, picture):
    """Arguments by name, two of three sound: what is wrong is met one at a time as well."""
    sound = {p.name: sound_values(p) for p in api[name].parameters}
    if name == "classify":
        sound["model"] = st.just("xxs-cls")
    pictures = st.one_of(HOSTILE, st.sampled_from([sent(path) for path in PATHS]))
    strategies = {"picture": rarely(pictures, st.just(picture))}
    return st.fixed_dictionaries(
        strategies | {name: rarely(HOSTILE, values) for name, values in sound.items()}
    )


def rarely(wild, usual):
    return st.integers(0, 2).flatmap(lambda n: wild if n == 0 else usual)


def sound_values(parameter):
    if parameter.name == "short_side":
        return st.just(SHORT_SIDE)
    if parameter.name == "model":
        return st.just("nano")
    if parameter.choices is not None:
        return st.sampled_from(parameter.choices)
    if parameter.kind is bool:
        return st.just(False)
    if parameter.default is not REQUIRED:
        return st.just(parameter.default)
    return st.integers(0, 23)


def answered(api, name, request):
    """Whether a result came back; otherwise one clear sentence did."""
    try:
        result = module.answering(api[name])(**request)
    except gr.Error as refusal:
        sentence = refusal.message
        assert sentence != text.SERVER_FAILED, request
        assert sentence.strip()
        assert "\n" not in sentence
        assert "Traceback" not in sentence
        assert len(sentence) < 2000
        return False
    json.dumps(result if isinstance(result, dict) else result[0], allow_nan=False)
    return True


def fuzz(api, name, picture, calls):
    outcomes = []

    @settings(
        max_examples=calls, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(requests(api, name, picture))
    def attack(request):
        outcomes.append(answered(api, name, request))

    attack()
    assert len(outcomes) >= calls


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Answers in little time, drawn coarsely: it is the calls that are tried here."""
    monkeypatch.setattr(module, "QUESTION_SECONDS", 2)
    monkeypatch.setattr("analysis.questions.answer.DOTS_PER_INCH", 20)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_call_is_answered(api, picture, name):
    fuzz(api, name, picture, CALLS)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ENDPOINTS)
def test_thousands_of_calls_are_answered(api, picture, name):
    fuzz(api, name, picture, MANY_CALLS)


def test_enough_calls_are_made():
    assert len(ENDPOINTS) * MANY_CALLS >= 5000


@pytest.mark.parametrize("path", PATHS)
def test_no_file_that_was_not_sent_is_opened(picture, path):
    folder = get_upload_folder()
    for wanted in (path, f"{folder}/../{path}", f"{folder}x/{path}", str(Path("app.py").resolve())):
        with pytest.raises(ValueError, match="sent to this server"):
            module.sent_file(sent(wanted))
