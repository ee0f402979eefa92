"""GPUs that are lent by the call: every long call takes one there, and none elsewhere."""

import importlib
import inspect
import pickle
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import pytest
import torch.nn.functional as F
from endpoints import SHORT_SIDE, photo
from gradio.utils import get_upload_folder

from analysis.questions import QUESTIONS
from analysis.questions.parameters import REQUIRED, parameters_of
from ui.api import endpoints
from ui.host.settings import Settings
from ui.service import gpu_calls as work
from ui.service.actions import Actions
from ui.service.jobs import Job, StoredAnswer, run
from ui.service.model_cache import ModelCache
from ui.service.zerogpu import on_gpu


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
            self.asked[function.__name__] = duration

            def call(*arguments):
                self.called.append(function.__name__)
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
    yield 2 * values


@pytest.mark.parametrize("value", [None, "", "0", "false"])
def test_elsewhere_a_function_stays_itself_and_nothing_is_imported(monkeypatch, value):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    if value is not None:
        monkeypatch.setenv("SPACES_ZERO_GPU", value)
    monkeypatch.setitem(sys.modules, "spaces", None)  # importing it would fail
    assert on_gpu(30)(doubled) is doubled


def test_on_zerogpu_a_call_asks_for_its_seconds_and_passes_its_steps_on(spaces):
    steps = list(on_gpu(45)(doubled)(np.arange(3)))
    assert steps[0] == 3
    np.testing.assert_array_equal(steps[1], [0, 2, 4])
    assert spaces.asked["doubled"] == 45


def test_a_refusal_keeps_its_sentence_though_errors_lose_theirs(spaces):
    with pytest.raises(ValueError, match="at least one value"):
        list(on_gpu(45)(doubled)(np.arange(0)))


def given(api, own):
    """The endpoint's parameters about one place in the picture, with little work to do."""
    values = {parameter.name: parameter.default for parameter in api.common(*own)}
    required = {p.name: p.choices[0] if p.choices else 12 for p in own if p.default is REQUIRED}
    quick = {"short_side": SHORT_SIDE, "samples": 2, "steps": 2, "probes": 1}
    quick |= {"x": 12, "y": 12, "other_reach": "global"}
    return values | required | {name: v for name, v in quick.items() if name in values}


@pytest.fixture
def api():
    return endpoints._Api(ModelCache({"nano": None}, 1), Settings(weights=None))


def test_labels_and_report_take_a_gpu_and_nothing_runs_outside(spaces, api, convolved, picture):
    for name in ("segment", "report"):
        *_, file = getattr(api, name)(picture, **given(api, [endpoints.SHORT_SIDE]))
        assert Path(file.path).is_file()
    assert spaces.called == ["label", "report"]
    assert convolved
    assert all(convolved)


QUICK = ["probe"]


@pytest.mark.parametrize(
    "question",
    [q if q in QUICK else pytest.param(q, marks=pytest.mark.slow) for q in QUESTIONS],
)
def test_a_question_takes_a_gpu_and_nothing_runs_outside(spaces, api, convolved, picture, question):
    values = given(api, parameters_of(QUESTIONS[question]))
    content, figure, *_ = api.ask(question, picture, **values)
    assert content
    assert Path(figure.path).is_file()
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
    *_, found = run(actions, Job("probe", shown, {"x": 3, "y": 4}))
    assert isinstance(found, StoredAnswer)
    assert spaces.called == ["label", "answer"]
    assert actions.stored(shown).result.labels.shape == (24, 32)
    list(run(actions, Job("probe", shown, {"x": 3, "y": 4})))  # from its files
    assert spaces.called == ["label", "answer"]
    with actions.original(shown) as again:
        assert again is model
        assert next(again.parameters()).device == device
