"""Ask a question of :mod:`analysis.questions` about a visitor's result, step by step.

No Gradio types come in or go out. What was found is kept as files in the folder of the result, so
that it goes when the result goes, and a question asked twice is answered from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from analysis.core.progress import Work
from analysis.core.words import for_json, from_json
from analysis.questions import QUESTIONS
from analysis.questions.answer import Answer
from analysis.questions.parameters import parameters_of
from ui.host import metrics
from ui.messages import page as text
from ui.messages import questions as messages
from ui.service import gpu_calls as work
from ui.service.actions import Actions
from ui.service.cost import refuse_too_long
from ui.service.export import file_stem
from ui.service.figures import drawn_elsewhere, keep_figure, write_figure
from ui.service.limits import in_time
from ui.service.one_thread import on_one_thread
from ui.service.selection import Selection

ANSWERS_PER_RESULT = 24
"""Answers kept on disk for one result; the oldest go first."""

WRITTEN = ("png", "npz", "csv", "json")
"""Formats written with the answer..."""

ON_DEMAND = ("svg", "pdf")
"""...and those drawn when somebody takes them away, which many never do..."""

FIGURE = "figure.pickle"
"""...from the figure, kept in this file."""

WORDS = "words"
"""Title and sentence with what they were made of, to be said in other languages."""


@dataclass(frozen=True)
class Job:
    """A name in ``QUESTIONS`` with its parameters, about the result of ``selection``."""

    name: str
    selection: Selection
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredAnswer:
    """An answer as files in ``folder``: ``content`` is its JSON, ``figure`` the PNG among them."""

    folder: Path
    files: tuple[str, ...]
    figure: str
    content: dict[str, Any]


def run(actions: Actions, question: Job) -> Work[StoredAnswer]:
    """Return what was found; close it between two steps to stop the work.

    ``short_side`` is that of the result unless given. The work has a thread of its own, to which
    the model is lent while it runs. Raises ``ValueError`` with one sentence for the visitor, also
    for what would take or takes too long.
    """
    ask = QUESTIONS.get(question.name)
    if ask is None:
        raise ValueError(messages.NO_SUCH_QUESTION)
    stored = actions.stored(question.selection)
    parameters = dict(question.parameters)
    if any(parameter.name == "short_side" for parameter in parameters_of(ask)):
        parameters.setdefault("short_side", stored.result.settings["short_side"])
    folder = stored.folder / "answers" / _digest(question.name, parameters)
    if not folder.exists():
        asked = on_one_thread(lambda: _answer(actions, question, parameters, folder))
        yield from in_time(asked)
    return read(folder)


def read(folder: Path) -> StoredAnswer:
    """Return the answer in ``folder``; ``ValueError`` if it was removed meanwhile."""
    try:
        files = {path.name for path in folder.iterdir()} - {FIGURE, WORDS}
        (figure,) = (name for name in files if name.endswith(".png"))
        (content,) = (name for name in files if name.endswith(".json"))
        found = json.loads((folder / content).read_text(encoding="utf-8"))
        words = json.loads((folder / WORDS).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(messages.ANSWER_GONE) from error
    files |= {f"{figure.removesuffix('.png')}.{kind}" for kind in ON_DEMAND}
    found |= {name: from_json(words[name]) for name in ("title", "sentence")}
    return StoredAnswer(folder, tuple(sorted(files)), figure, found)


def file_of(answers: Sequence[StoredAnswer], at: int, name: str) -> Path:
    """Return a file of one of the answers; ``ValueError`` for any other and for one removed."""
    if at not in range(len(answers)) or name not in answers[at].files:
        raise ValueError(text.NO_SUCH_FILE)
    path = answers[at].folder / name
    kind = path.suffix.removeprefix(".")
    if not path.is_file() and kind in ON_DEMAND:
        with contextlib.suppress(FileNotFoundError):  # the answer is gone
            write_figure(path.with_name(FIGURE), path, kind)
    if not path.is_file():
        raise ValueError(messages.ANSWER_GONE)
    return path


def pixel_of(actions: Actions, selection: Selection) -> tuple[int, int]:
    """Return the chosen pixel (x, y), or the middle of the picture before one is chosen."""
    if selection.pixel is not None:
        return selection.pixel
    height, width = actions.stored(selection).result.labels.shape
    return width // 2, height // 2


def _answer(
    actions: Actions, question: Job, parameters: dict[str, Any], folder: Path
) -> Work[None]:
    """Ask a question; when this ends, its answer is in ``folder``."""
    stored = actions.stored(question.selection)
    with metrics.measured(f"ask {question.name}"):
        picture = stored.result.as_read
        with actions.original(question.selection) as model:
            refuse_too_long(model, question.name, picture, parameters)
            asked = work.answer(model, question.name, picture, parameters)
            answer = yield from actions.turns.stepwise(asked)
        _write(answer, folder, f"{file_stem(stored.subject.title)}.{question.name}")


def _digest(name: str, parameters: dict[str, Any]) -> str:
    """Return a name for the folder of an answer; the result it is about is the folder above."""
    plain = json.dumps([name, parameters], sort_keys=True, default=_plain)
    return hashlib.sha256(plain.encode()).hexdigest()[:24]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [value.shape, hashlib.sha256(np.ascontiguousarray(value)).hexdigest()]
    return repr(value)


def _write(answer: Answer, folder: Path, stem: str) -> None:
    """Write the files of an answer; the folder has its name only once they are complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        figure = answer.figure()
        drawn_elsewhere(replace(answer, figure=lambda: figure)).save(unfinished, stem, WRITTEN)
        keep_figure(figure, unfinished / FIGURE)
        words = {"title": for_json(answer.title), "sentence": for_json(answer.sentence)}
        (unfinished / WORDS).write_text(json.dumps(words), encoding="utf-8")
        if not folder.exists():
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    kept = [path for path in folder.parent.iterdir() if not path.name.startswith("unfinished-")]
    kept.sort(key=lambda path: path.stat().st_mtime)
    for old in kept[:-ANSWERS_PER_RESULT]:
        shutil.rmtree(old, ignore_errors=True)
