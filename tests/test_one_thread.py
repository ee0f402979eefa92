"""Work that is told step by step lives on one thread, whichever threads ask for the steps."""

import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress
from analysis.questions import QUESTIONS
from ui.service import jobs as asking
from ui.service.jobs import Job, run
from ui.service.model_cache import ModelCache
from ui.service.one_thread import on_one_thread
from ui.service.selection import Selection
from ui.service.turns import Turns

STEPS = 3
PATIENCE_SECONDS = 30


class Places:
    """Two threads that take turns, as Gradio's do when they ask a generator for its steps."""

    def __init__(self):
        self.pools = [ThreadPoolExecutor(1), ThreadPoolExecutor(1)]

    def take(self, steps, count):
        """Ask for ``count`` steps, on one thread after the other."""
        return [self.at(number, next, steps) for number in range(count)]

    def at(self, number, work, *values):
        return self.pools[number % 2].submit(work, *values).result(PATIENCE_SECONDS)

    def gradients(self):
        return [self.at(number, torch.is_grad_enabled) for number in (0, 1)]


@pytest.fixture
def places():
    places = Places()
    yield places
    for pool in places.pools:
        pool.shutdown()


def without_gradients(model, image, *, fail: bool = False):
    """Yield steps with gradients off, as an analysis may."""
    with torch.no_grad():
        for done in range(1, STEPS + 1):
            yield Progress(done, STEPS)
        if fail:
            raise AnalysisError("Choose another pixel.")
        while True:  # for ever: it ends by being closed
            yield Progress(STEPS, STEPS)


@pytest.fixture
def actions(tmp_path, monkeypatch):
    """As much of the page as a question needs: a cache with a model, a result, its folder."""
    monkeypatch.setitem(QUESTIONS, "toy", without_gradients)
    monkeypatch.setattr(asking, "refuse_too_long", lambda *question: None)
    monkeypatch.setattr(asking, "parameters_of", lambda ask: [])

    class Actions:
        model_cache = ModelCache({"nano": None}, 1)
        turns = Turns(1)

        def stored(self, selection):
            picture = np.zeros((32, 32, 3), np.uint8)
            settings = {"short_side": 64, "reach": "window", "window_size": 8}
            result = type("Result", (), {"as_read": picture, "settings": settings})
            return type("StoredResult", (), {"folder": tmp_path, "result": result})

        def original(self, selection):
            return self.model_cache.acquire_original("nano", "window", 8)

    return Actions()


def asked(actions, **parameters):
    selection = Selection("key", "nano", "window", 8, stage=3, block=0)
    return run(actions, Job("toy", selection, parameters))


def is_over_soon(actions):
    """Return whether nothing computes any more, by now or within a step."""
    actions.turns.close(PATIENCE_SECONDS)
    return not actions.turns.at_work


@pytest.mark.parametrize("way", ["closed", "forgotten"])
def test_cancelled_work_ends_and_gives_back_gradients(actions, places, way):
    steps = asked(actions)
    assert places.take(steps, STEPS)[-1] == Progress(STEPS, STEPS)
    if way == "closed":
        places.at(1, steps.close)
    del steps
    assert is_over_soon(actions)
    assert places.gradients() == [True, True]
    assert torch.is_grad_enabled()


def test_failed_work_ends_and_gives_back_gradients(actions, places):
    steps = asked(actions, fail=True)
    places.take(steps, STEPS)
    with pytest.raises(AnalysisError, match="another pixel"):
        places.at(1, next, steps)
    assert is_over_soon(actions)
    assert places.gradients() == [True, True]


def test_finished_work_has_given_everything_back_before_its_end_is_told(places):
    lock = threading.Lock()

    def work():
        with lock, torch.no_grad():
            yield 1
            yield 2

    steps = on_one_thread(work)
    assert places.take(steps, 2) == [1, 2]
    with pytest.raises(StopIteration):
        steps.__next__()
    assert not lock.locked()
    assert places.gradients() == [True, True]


def test_work_does_not_wait_to_be_asked():
    done = threading.Event()

    def work():
        yield 1
        yield 2
        done.set()

    steps = on_one_thread(work)
    assert next(steps) == 1
    assert done.wait(PATIENCE_SECONDS)
    assert list(steps) == [2]


def test_closing_stops_the_work_at_its_next_step_and_does_not_wait_for_it():
    go_on, ended, made = threading.Event(), threading.Event(), []

    def work():
        try:
            for number in range(100):
                yield number
                go_on.wait(PATIENCE_SECONDS)
                made.append(number)
        finally:
            ended.set()

    steps = on_one_thread(work)
    assert next(steps) == 0
    start = time.monotonic()
    steps.close()
    assert time.monotonic() - start < PATIENCE_SECONDS / 2
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(PATIENCE_SECONDS)
    assert made == [0]


def test_all_of_it_happens_on_one_thread_in_the_context_of_the_caller(places):
    visitor = contextvars.ContextVar("visitor")
    visitor.set("ann")
    seen = set()

    def work():
        try:
            for _ in range(4):
                seen.add(threading.get_ident())
                yield visitor.get()
        finally:
            seen.add(threading.get_ident())

    context = contextvars.copy_context()
    steps = on_one_thread(work)
    assert [context.run(next, steps), *places.take(steps, 3)] == ["ann"] * 4
    assert list(steps) == []
    assert len(seen) == 1
    assert threading.get_ident() not in seen


def test_threads_that_stay_compute_with_as_many_as_their_caller():
    def work():
        yield torch.get_num_threads()

    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 1):
            torch.set_num_threads(count)
            assert list(on_one_thread(work)) == [count]
    finally:
        torch.set_num_threads(threads)
