"""Draw figures in processes of their own, so that nobody waits for them.

Matplotlib draws in Python, of which a process runs one thread at a time: half a second for each
answer, in which nobody else is served.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from analysis.questions.answer import Answer, drawing
from ui.service import figure_process
from ui.service.figure_process import receive, send
from uniformer.files import replace_file

PROCESSES = max(1, (os.cpu_count() or 1) // 2)
"""Figures drawn at a time; each process holds about 100 MB, once there was something to draw."""


def drawn_elsewhere(answer: Answer) -> Answer:
    """Return ``answer`` with a figure that another process turns into files, the same bytes."""
    return replace(answer, figure=lambda: _Figure(answer.figure()))


def keep_figure(figure: Any, file: Path) -> None:
    """Write a figure of Matplotlib's, to be drawn later by :func:`write_figure`."""
    file.write_bytes(pickle.dumps(figure))


def write_figure(kept: Path, file: Path, kind: str) -> None:
    """Draw what :func:`keep_figure` has written, in another process, into ``file``.

    Raises ``FileNotFoundError`` where there is nothing.
    """
    # Only this program writes there: the folder of results is its own.
    replace_file(file, drawing(_Figure(pickle.loads(kept.read_bytes())), kind))


@dataclass(frozen=True)
class _Figure:
    """A figure as far as :meth:`Answer.save` needs one."""

    figure: Any

    def savefig(self, file: BinaryIO, /, **options: Any) -> None:
        """Write the figure into ``file``; without a process, as when it was killed, here."""
        from analysis.figures.canvas import FILE_SETTINGS  # with Matplotlib, which is slow to load

        try:
            content = _PROCESSES.draw(pickle.dumps((self.figure, options, FILE_SETTINGS)))
        except (OSError, EOFError):
            self.figure.savefig(file, **options)
        else:
            file.write(content)


class _Processes:
    """Processes that stay for the next figure; the first is started when there is one."""

    def __init__(self, count: int) -> None:
        self._places = threading.BoundedSemaphore(count)
        self._idle: list[subprocess.Popen[bytes]] = []

    def draw(self, message: bytes) -> bytes:
        """Return the file that a process makes of a pickled figure and its options.

        Raises ``OSError`` or ``EOFError`` where the process cannot be had or ends, and
        ``RuntimeError`` for a figure that cannot be drawn.
        """
        with self._places:
            try:
                process = self._idle.pop()
            except IndexError:  # asking first would let two threads take the last one
                process = _start()
            assert process.stdin is not None  # they are pipes, see below
            assert process.stdout is not None
            try:
                send(process.stdin, message)
                content, failure = pickle.loads(receive(process.stdout))
            except BaseException:
                process.kill()
                process.wait()
                raise
            self._idle.append(process)
        if failure is not None:
            raise RuntimeError(failure)
        return content


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", figure_process.__file__]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


_PROCESSES = _Processes(PROCESSES)
