"""Quick work goes first, long work one step at a time, and both end when the server does."""

import threading

import pytest
from processes import wait_for

from ui.service import turns as module
from ui.service.turns import STOPPING, Turns

PATIENCE_SECONDS = 30


class Long:
    """Long work on a thread of its own whose every step waits to be let on; what happened is in
    ``made``.
    """

    def __init__(self, turns, steps=100):
        self.made, self.error, self._go_on = [], None, threading.Semaphore(0)
        self._steps = turns.stepwise(self._work(steps))
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def let_on(self, steps=1):
        self._go_on.release(steps)

    def end(self):
        self.let_on(1000)
        self.thread.join(PATIENCE_SECONDS)

    def _work(self, steps):
        try:
            for number in range(steps):
                assert self._go_on.acquire(timeout=PATIENCE_SECONDS)
                yield number
        finally:
            self.made.append("closed")

    def _run(self):
        try:
            for step in self._steps:
                self.made.append(step)
        except ValueError as error:
            self.error = str(error)


def test_quick_work_begins_while_a_step_of_long_work_goes_on():
    turns = Turns(2)
    long = Long(turns)
    wait_for(lambda: turns.at_work == 1, PATIENCE_SECONDS)
    for _ in range(5):
        with turns.quick():
            assert turns.at_work == 2
    long.end()


def test_where_one_computes_at_a_time_quick_work_waits_for_one_step_only():
    turns, begun = Turns(1), threading.Event()
    long = Long(turns)
    wait_for(lambda: turns.at_work == 1, PATIENCE_SECONDS)

    def visit():
        with turns.quick():
            begun.set()
            assert long.made == [0]

    visitor = threading.Thread(target=visit)
    visitor.start()
    wait_for(lambda: turns._quick_waiting == 1, PATIENCE_SECONDS)
    assert not begun.is_set()
    long.let_on()
    assert begun.wait(PATIENCE_SECONDS)
    visitor.join()
    long.end()


def test_long_ones_take_all_places_and_quick_work_begins_all_the_same():
    turns = Turns(2)
    both = [Long(turns, 3), Long(turns, 3)]
    wait_for(lambda: turns._long == 2, PATIENCE_SECONDS)
    for _ in range(3):
        with turns.quick():
            assert (turns._quick, turns._long) == (1, 2)
    for long in both:
        long.let_on(3)
    for long in both:
        long.thread.join(PATIENCE_SECONDS)
        assert long.made == [0, 1, 2, "closed"]
    assert (turns._quick, turns._long) == (0, 0)


def test_a_long_one_begins_no_step_while_quick_work_has_all_places():
    turns, over = Turns(2), threading.Event()

    def visit():
        with turns.quick():
            over.wait(PATIENCE_SECONDS)

    visitors = [threading.Thread(target=visit) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    wait_for(lambda: turns._quick == 2, PATIENCE_SECONDS)
    long = Long(turns, 1)
    long.let_on()
    assert (turns._quick, turns._long, turns._quick_waiting) == (2, 0, 1)
    assert not long.made
    over.set()
    for visitor in visitors:
        visitor.join(PATIENCE_SECONDS)
    long.thread.join(PATIENCE_SECONDS)
    assert long.made == [0, "closed"]


def test_long_work_is_not_kept_waiting_for_ever_by_quick_work(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    turns, over = Turns(1), threading.Event()

    def visit():
        while not over.wait(0.001):
            with turns.quick():
                pass

    visitors = [threading.Thread(target=visit) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    long = Long(turns, 3)
    long.let_on(3)
    long.thread.join(PATIENCE_SECONDS)
    over.set()
    assert long.made == [0, 1, 2, "closed"]


@pytest.mark.parametrize("ends", ["error", "closed"])
def test_a_place_is_given_back_however_work_ends(ends):
    turns = Turns(1)

    def work():
        yield 1
        raise KeyError

    steps = turns.stepwise(work())
    assert next(steps) == 1
    if ends == "error":
        with pytest.raises(KeyError):
            next(steps)
    else:
        steps.close()
    with pytest.raises(KeyError), turns.quick():
        raise KeyError
    assert (turns._quick, turns._long) == (0, 0)


def test_once_closed_nothing_begins_and_what_is_under_way_is_waited_for():
    turns = Turns(2)
    long = Long(turns)
    wait_for(lambda: turns.at_work == 1, PATIENCE_SECONDS)
    threading.Timer(0.1, long.let_on).start()
    turns.close(PATIENCE_SECONDS)
    assert turns.at_work == 0
    long.thread.join(PATIENCE_SECONDS)
    assert (long.error, long.made) == (STOPPING, [0, "closed"])
    with pytest.raises(ValueError, match="being stopped"), turns.quick():
        pass
