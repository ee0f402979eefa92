"""Figures drawn by another process: the same files, and none is lost when a process is."""

import contextlib
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from processes import wait_for

from analysis.core.progress import finish
from analysis.figures.canvas import new_figure
from analysis.questions import QUESTIONS
from analysis.questions.answer import Answer
from ui.service import figure_process, figures
from ui.service.figures import drawn_elsewhere, keep_figure, write_figure
from uniformer import create_model

KINDS = ("png", "svg", "pdf")


def answer_about(draw):
    return Answer("probe", "Title", "Sentence.", "exact", {}, {}, {}, {}, draw)


@pytest.fixture
def answer():
    def draw():
        figure = new_figure(4, 3, "Waves", "exact", "What is shown, and what is not.")
        figure.subplots(1, 2)[0].imshow(np.sin(np.arange(64.0)).reshape(8, 8))
        return figure

    return answer_about(draw)


@pytest.fixture
def processes(monkeypatch):
    """Processes that end with the test."""
    started = []

    def start():
        started.append(figures_start())
        return started[-1]

    figures_start = figures._start
    monkeypatch.setattr(figures, "_start", start)
    monkeypatch.setattr(figures, "_PROCESSES", figures._Processes(2))
    yield started
    for process in started:
        with contextlib.suppress(BrokenPipeError):  # of one that was killed
            process.stdin.close()
        process.stdout.close()
        assert process.wait(60) is not None


def contents(answer, folder):
    return {file.name: file.read_bytes() for file in answer.save(folder, "x", KINDS)}


def test_the_files_are_those_drawn_here(answer, processes, tmp_path):
    here = contents(answer, tmp_path / "here")
    assert contents(drawn_elsewhere(answer), tmp_path / "there") == here
    assert set(here) == {f"x.{kind}" for kind in KINDS}
    assert len(processes) == 1  # which drew all three


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_figure_is_drawn_later_as_it_would_have_been(answer, processes, tmp_path, kind):
    keep_figure(answer.figure(), tmp_path / "kept")
    write_figure(tmp_path / "kept", tmp_path / "file", kind)
    (here,) = answer.save(tmp_path / "here", "x", [kind])
    assert (tmp_path / "file").read_bytes() == here.read_bytes()
    assert len(processes) == 1


@pytest.mark.parametrize("question", ["probe", "profile"])
def test_the_figure_of_a_question_can_go_to_another_process(question, processes, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    place = {"x": 9, "y": 9} if question == "probe" else {}
    steps = QUESTIONS[question](create_model("nano"), picture, short_side=64, **place)
    answer = finish(steps)
    (here,) = answer.save(tmp_path / "here", "x", ["png"])
    (there,) = drawn_elsewhere(answer).save(tmp_path / "there", "x", ["png"])
    assert there.read_bytes() == here.read_bytes()
    assert processes[0].poll() is None


def test_what_a_killed_process_was_to_draw_is_drawn_all_the_same(answer, processes, tmp_path):
    drawn = drawn_elsewhere(answer)
    here = contents(answer, tmp_path / "here")
    drawn.save(tmp_path, "before", ["png"])
    processes[0].kill()
    processes[0].wait()
    assert contents(drawn, tmp_path / "there") == here
    assert len(processes) > 1  # a new one drew the rest


def test_a_figure_that_cannot_be_drawn_is_an_error_and_the_process_goes_on(processes, tmp_path):
    class Broken:
        def __reduce__(self):
            return (dict, ())  # has no savefig

    with pytest.raises(RuntimeError, match="AttributeError"):
        drawn_elsewhere(answer_about(Broken)).save(tmp_path, "x", ["png"])
    assert list(tmp_path.iterdir()) == []
    assert processes[0].poll() is None


def test_no_more_figures_are_drawn_at_a_time_than_there_are_processes(answer, processes, tmp_path):
    drawn = drawn_elsewhere(answer)
    threads = [
        threading.Thread(target=drawn.save, args=(tmp_path, str(number), ["png"]))
        for number in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({file.read_bytes() for file in tmp_path.iterdir()}) == 1
    assert len(list(tmp_path.iterdir())) == 5
    assert 1 <= len(processes) <= 2


def test_a_process_ends_with_the_one_that_started_it():
    code = (
        "import subprocess, sys; pipe = subprocess.PIPE;"
        f"started = subprocess.Popen([sys.executable, '-P', {figure_process.__file__!r}],"
        " stdin=pipe, stdout=pipe); print(started.pid, flush=True); input()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()

    def ended():
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(ended, 30)


def test_the_other_side_imports_neither_torch_nor_this_project():
    code = (
        f"import runpy, sys; runpy.run_path({figure_process.__file__!r}); import matplotlib.figure;"
        "print(sorted({'torch', 'gradio', 'analysis', 'ui', 'uniformer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
