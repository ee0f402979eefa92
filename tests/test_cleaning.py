"""What visitors sent and were given goes after its time, and not before."""

import shutil
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from toy import Toy

from analysis.core.progress import Progress, finish
from analysis.questions import QUESTIONS
from analysis.questions.answer import Answer
from ui.host import retention as cleaning
from ui.host.retention import remove_old
from ui.service import jobs as asking
from ui.service import stored_results as store_module
from ui.service.selection import Selection
from ui.service.stored_results import PictureInfo, ResultGone, ResultStore
from ui.service.turns import Turns
from uniformer import segment

KEPT = 60


@pytest.fixture
def later(monkeypatch):
    """Return a function that lets time pass."""

    def wait(seconds):
        now, ticks = time.time(), time.monotonic()
        clock = SimpleNamespace(time=lambda: now + seconds, monotonic=lambda: ticks + seconds)
        monkeypatch.setattr(cleaning, "time", clock)
        monkeypatch.setattr(store_module, "time", clock)

    return wait


@pytest.fixture(scope="module")
def result():
    return segment(np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8), Toy())


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_files_go_when_they_are_old_and_their_folders_with_them(tmp_path, later):
    outside = tmp_path / "outside"
    outside.write_bytes(b"kept")
    folder = tmp_path / "files"
    (folder / "sent" / "deep").mkdir(parents=True)
    (folder / "sent" / "deep" / "photo.jpg").write_bytes(b"photo")
    (folder / "link").symlink_to(outside)
    before = names(folder)
    later(KEPT - 1)
    remove_old(folder, KEPT)
    assert names(folder) == before
    later(KEPT + 1)
    remove_old(folder, KEPT)
    remove_old(folder, KEPT)  # emptied folders have changed, so they go a round later
    assert folder.is_dir()
    assert names(folder) == set()
    assert outside.read_bytes() == b"kept"


def test_what_is_not_there_is_no_failure(tmp_path):
    remove_old(tmp_path / "nothing", KEPT)


def test_results_go_though_nobody_asks_and_pinned_ones_stay(result, later):
    store = ResultStore(10**9, KEPT)
    key, pinned = (
        store.put(PictureInfo("a", "a"), result, 0.1, pinned=pinned) for pinned in (False, True)
    )
    folder = store.get(key).folder
    later(KEPT + 1)
    store.forget_old()
    assert not folder.exists()
    assert store.usage()[0] == 1
    assert store.get(pinned).folder.exists()
    with pytest.raises(ResultGone):
        store.get(key)


def test_a_request_under_way_is_answered_though_its_result_goes_and_leaves_nothing(
    result, later, monkeypatch
):
    """The store is under pressure while a question about one of its results is worked on."""
    store = ResultStore(10**9, KEPT)
    key = store.put(PictureInfo("a", "a"), result, 0.1)
    folder = store.get(key).folder

    def ask(model, picture):
        yield Progress(1, 2)
        shutil.rmtree(folder)
        with store._lock:
            del store._stored[key]
        return Answer("toy", "Toy", "Says.", "exact", {}, {}, {}, {}, lambda: Figure((1, 1)))

    monkeypatch.setitem(QUESTIONS, "toy", ask)
    monkeypatch.setattr(asking, "refuse_too_long", lambda *question: None)
    held = store.get(key)
    actions = SimpleNamespace(
        stored=lambda now: held, original=lambda now: nullcontext(), turns=Turns(1)
    )
    selection = Selection(key, "nano", "window", 8, stage=3, block=0)
    found = finish(asking.run(actions, asking.Job("toy", selection)))
    assert found.content["question"] == "toy"
    assert folder.exists()
    later(KEPT + 1)
    store.forget_old()
    assert not folder.exists()
    assert list(Path(store._root.name).iterdir()) == []
