"""GPUs that are lent by the call: every long call takes one there, and none elsewhere."""

import importlib
import inspect
import pickle
import sys
import tempfile
import types
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from endpoints import SHORT_SIDE, photo
from gradio.utils import get_upload_folder
from steps import told

from analysis.core.progress import finish
from analysis.interventions import run as run_again
from analysis.questions import QUESTIONS
from analysis.questions.parameters import REQUIRED, parameters_of
from analysis.questions.what_if import Kind
from ui.api.endpoints import new_folder, sent_file
from ui.api.services import Services
from ui.host.settings import Settings
from ui.service import cost, gpu_seconds
from ui.service import gpu_calls as work
from ui.service.actions import Actions
from ui.service.jobs import Job, StoredAnswer, run
from ui.service.model_cache import ModelCache
from ui.service.turns import Turns
from ui.service.zerogpu import on_gpu
from uniformer import create_model
from uniformer.config import MODELS

ANONYMOUS_SECONDS = 120
"""What the host lends for a day to who is not signed in."""


class Spaces(types.ModuleType):
    """A ``spaces`` package whose calls happen as if in another process: all goes by pickle.

    As there, an error comes back as the name of its kind alone.
    """

    def __init__(self):
        super().__init__("spaces")
        self.asked, self.called, self.inside = {}, [], False

    def GPU(self, duration):
        def mark(function):
            assert inspect.isgeneratorfunction(function)

            def call(*arguments):
                self.called.append(function.__name__)
                self.asked[function.__name__] = duration(*arguments)
                steps = function(*pickle.loads(pickle.dumps(arguments)))
                try:
                    while True:
                        self.inside = True
                        try:
                            step = next(steps)
                        except StopIteration:
                            return
                        except Exception as error:
                            raise RuntimeError(type(error).__name__) from None
                        finally:
                            self.inside = False
                        yield pickle.loads(pickle.dumps(step))
                finally:
                    steps.close()

            return call

        return mark


@pytest.fixture
def spaces(monkeypatch):
    """A host that lends GPUs, and the app as it starts there."""
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    spaces = Spaces()
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setattr(gpu_seconds, "SMALL_PARAMETERS", 0)  # nano goes there as a large one does
    importlib.reload(work)
    yield spaces
    monkeypatch.undo()
    importlib.reload(work)


@pytest.fixture
def convolved(spaces, monkeypatch):
    """Where convolutions were computed: True within a lent call."""
    places, plain = [], F.conv2d

    def conv2d(*arguments, **options):
        places.append(spaces.inside)
        return plain(*arguments, **options)

    monkeypatch.setattr(F, "conv2d", conv2d)
    return places


@pytest.fixture
def picture(tmp_path, monkeypatch):
    """A picture as it is when Gradio has taken it in."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = Path(get_upload_folder()) / "sent"
    folder.mkdir(parents=True)
    return {
        "path": str(photo(folder, size=(24, 32))),
        "orig_name": "x.png",
        "meta": {"_type": "gradio.FileData"},
    }


def doubled(values):
    if not len(values):
        raise ValueError("Give at least one value.")
    yield len(values)
    return 2 * values


@pytest.mark.parametrize("value", [None, "", "0", "false"])
def test_elsewhere_a_function_stays_itself_and_nothing_is_imported(monkeypatch, value):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    if value is not None:
        monkeypatch.setenv("SPACES_ZERO_GPU", value)
    monkeypatch.setitem(sys.modules, "spaces", None)  # importing it would fail
    assert on_gpu(lambda values: 30)(doubled) is doubled


def test_on_zerogpu_a_call_asks_for_its_seconds_and_passes_its_steps_on(spaces):
    steps, found = told(on_gpu(lambda values: 45)(doubled)(np.arange(3)))
    assert steps == [3]
    np.testing.assert_array_equal(found, [0, 2, 4])
    assert spaces.asked["doubled"] == 45


def test_a_small_model_stays_and_asks_for_no_time(spaces, api, picture, monkeypatch):
    monkeypatch.setattr(gpu_seconds, "SMALL_PARAMETERS", 10**7)
    ask(api["segment"], picture)
    assert spaces.called == []


class Large:
    """As much of a large model as an estimate needs."""

    config = MODELS["base-upernet"]

    def parameters(self):
        with torch.device("meta"):
            return [torch.empty(gpu_seconds.SMALL_PARAMETERS)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_visitor_who_is_not_signed_in_has_the_time_for_every_question(question):
    values = {p.name: p.default for p in parameters_of(QUESTIONS[question])}
    seconds = gpu_seconds.answer_seconds(Large(), question, np.zeros((480, 640, 3)), values)
    assert gpu_seconds.START_SECONDS < seconds <= ANONYMOUS_SECONDS / 2


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_what_if_asks_for_the_passes_that_it_runs(kind, monkeypatch):
    """Counted: runs of the changed network, in nano, which attends in stages 3 and 4 alone."""
    runs, model, photo = [], create_model("nano"), np.zeros((64, 96, 3), np.uint8)
    photo[8:40, 8:40] = 200
    intervene = run_again._run
    monkeypatch.setattr(run_again, "_run", lambda *given: runs.append(1) or intervene(*given))
    finish(QUESTIONS["what-if"](model, photo, kind=kind, x=20, y=20, short_side=64))
    passes = cost.passes(model.config, "what-if", {"kind": kind}, (64, 96))
    assert len(runs) <= passes
    if kind in ("head-sweep", "radius-curve", "reach-cost"):
        assert passes <= 4 * len(runs)  # large maps have room for all random changes


def test_a_sweep_over_all_heads_asks_for_more_time_than_one_change():
    asked = [
        gpu_seconds.answer_seconds(Large(), "what-if", np.zeros((480, 640, 3)), {"kind": kind})
        for kind in ("drop-block", "head-sweep")
    ]
    assert gpu_seconds.START_SECONDS < asked[0] < asked[1] <= gpu_seconds.MOST_SECONDS


def test_more_work_asks_for_more_time_within_a_bound():
    wide, tall = np.zeros((300, 1200, 3)), np.zeros((640, 640, 3))
    labels = [gpu_seconds.label_seconds(Large(), wide, side) for side in (256, 512, 2048)]
    assert labels == sorted(labels)
    assert labels[0] <= 10
    few, many = ({"steps": steps, "short_side": 1024} for steps in (4, 128))
    asked = [gpu_seconds.answer_seconds(Large(), "attribute", tall, v) for v in (few, many)]
    assert asked[0] < asked[1] <= gpu_seconds.MOST_SECONDS


def test_where_a_visitors_time_is_used_up_the_page_says_so(spaces):
    class Refused(Exception):
        message = "You have exceeded your free GPU quota (60s requested vs. 30s left)."

    def refused(values):
        raise Refused

    spaces.GPU = lambda duration: lambda function: refused
    with pytest.raises(ValueError, match="choose the model nano"):
        list(on_gpu(lambda values: 45)(doubled)(np.arange(3)))


def test_a_refusal_keeps_its_sentence_though_errors_lose_theirs(spaces):
    with pytest.raises(ValueError, match="at least one value"):
        list(on_gpu(lambda values: 45)(doubled)(np.arange(0)))


def ask(service, picture):
    """Ask about one place in the picture, with little work to do."""
    given = {
        each.name: each.choices[0] if each.choices else 12
        for each in service.parameters
        if each.default is REQUIRED
    }
    quick = {"short_side": SHORT_SIDE, "samples": 2, "steps": 2, "probes": 1}
    quick |= {"x": 12, "y": 12, "other_reach": "global", "model": "nano"}
    if service.name == "classify":
        quick["model"] = "xxs-cls"
    names = {each.name for each in service.parameters}
    values = service.checked(given | {k: v for k, v in quick.items() if k in names})
    return finish(service.start(sent_file(picture), values, new_folder()))


@pytest.fixture
def api():
    cache = ModelCache({"nano": None, "xxs-cls": None}, 1)
    services = Services(cache, Settings(weights=None), Turns(2)).all()
    return {service.name: service for service in services}


def test_labels_classes_and_report_take_a_gpu_and_nothing_runs_outside(
    spaces, api, convolved, picture
):
    for name in ("segment", "classify", "report"):
        found = ask(api[name], picture)
        assert all(path.is_file() for path in found.values() if isinstance(path, Path))
    assert spaces.called == ["label", "name", "report"]
    assert convolved
    assert all(convolved)


QUICK = ["probe", "what-if"]  # which yields answers on the way


@pytest.mark.parametrize(
    "question",
    [q if q in QUICK else pytest.param(q, marks=pytest.mark.slow) for q in QUESTIONS],
)
def test_a_question_takes_a_gpu_and_nothing_runs_outside(spaces, api, convolved, picture, question):
    found = ask(api[question.replace("-", "_")], picture)
    assert found["answer"]
    assert found["figure"].is_file()
    assert spaces.called == ["answer"]
    assert convolved
    assert all(convolved)


def test_the_page_keeps_what_a_lent_call_found_and_a_model_never_leaves_its_place(
    spaces, convolved, picture
):
    actions = Actions(Settings(weights=None))
    first = actions.first.selection
    with actions.original(first) as model:
        device = next(model.parameters()).device
    spaces.called.clear()
    shown = actions.open_photo(first, picture["path"], "x.png").selection
    found = finish(run(actions, Job("probe", shown, {"x": 3, "y": 4})))
    assert isinstance(found, StoredAnswer)
    assert spaces.called == ["label", "answer"]
    assert actions.stored(shown).result.labels.shape == (24, 32)
    list(run(actions, Job("probe", shown, {"x": 3, "y": 4})))  # from its files
    assert spaces.called == ["label", "answer"]
    with actions.original(shown) as again:
        same = zip(again.parameters(), model.parameters(), strict=True)
        assert all(one.data_ptr() == other.data_ptr() for one, other in same)
        assert next(again.parameters()).device == device
