"""How a tab asks a question of :mod:`analysis.questions` and shows the answer.

In ``build(actions, session, tab)`` of a tab::

    depth = gr.Radio(...)                      # what the visitor can choose
    view = AnswerView("profile")               # buttons, progress, answer: placed here

    def ask(now, depth):                       # plain; may raise ValueError with a sentence
        return Job("profile", now, {"depth": depth})

    view.wire(actions, session, ask, [depth])
    session.fill(tab, view.outputs, view.blank)  # an old answer goes when the result changes

``ask`` can return several jobs, whose answers then stand side by side. It is called in the
queue of the model, so that it may label the picture again in another reach.

A tab about a pixel adds ``depends=place_key`` to ``fill``, so that its answer goes with the pixel
too. The work runs step by step in the queue of the model, stops at the next step when cancelled,
and an answer is shown only if the visitor still looks at the result it is about.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import gradio as gr

from analysis.core.progress import Progress, relay
from analysis.core.words import joined
from ui.messages import questions as messages
from ui.page.answer_card import answer_cards, note_line, progress_line
from ui.page.download import SAVE_FILE
from ui.page.said import said
from ui.page.session import Session, attempt, refusal
from ui.service.actions import Actions
from ui.service.examples import ASSETS
from ui.service.jobs import Job, StoredAnswer, file_of, pixel_of, run
from ui.service.queues import LIGHT, LONG
from ui.service.selection import Selection

Ask = Callable[..., Job | Sequence[Job]]
Answers = tuple[StoredAnswer, ...]

REPORT_SECONDS = 0.4
"""Progress is told no more often, which would keep a slow browser from anything else."""


def place_key(selection: Selection) -> Hashable:
    """Return what an answer about the chosen pixel depends on."""
    return selection.key, selection.pixel


def place_line(actions: Actions, selection: Selection) -> str:
    """Return the line, as HTML, that says which pixel a tab speaks of."""
    x, y = pixel_of(actions, selection)
    result = actions.stored(selection).result
    name = result.classes.names[result.labels[y, x]]
    return note_line(messages.place(x, y, name, selection.pixel is not None))


def panel_intro(title: str, says: str, grade: str) -> gr.HTML:
    """Add what a panel is about, what it shows and does not, and the ``grade`` of its evidence."""
    return gr.HTML(
        f'<h2>{said(title)}</h2><p class="says">{said(says)} '
        f'<span class="grade">{said(grade)}</span></p>',
        apply_default_css=False,
        elem_classes="panel-intro",
    )


class AnswerView:
    """Buttons to ask and to cancel, the progress, and the card of the answer.

    The ids of its elements are ``name`` and ``-ask``, ``-cancel``, ``-status``, ``-card``.
    """

    def __init__(self, name: str, ask: str = messages.ASK) -> None:
        with gr.Row(elem_classes="ask-row"):
            self.button = gr.Button(ask, variant="primary", elem_id=f"{name}-ask", scale=0)
            self.cancel = gr.Button(
                messages.CANCEL, interactive=False, elem_id=f"{name}-cancel", scale=0
            )
        self.status = _html(f"{name}-status", "ask-status")
        self.card = gr.HTML(
            "",
            js_on_load=(ASSETS / "answer.js").read_text(),
            elem_id=f"{name}-card",
            elem_classes="answer-card",
            apply_default_css=False,
        )
        self.file = gr.File(visible="hidden")
        self.found = gr.State(None)
        self._about = gr.State(None)

    @property
    def outputs(self) -> list[Any]:
        """What :meth:`blank` empties, for ``session.fill``."""
        return [self.status, self.card]

    def blank(self, now: Selection) -> list[Any]:
        """Return the values of ``outputs`` without an answer."""
        return ["", ""]

    def wire(
        self,
        actions: Actions,
        session: Session,
        ask: Ask,
        inputs: list[Any] | None = None,
        on: Callable[..., Any] | None = None,
    ) -> None:
        """Ask what ``ask(selection, *values of inputs)`` returns whenever the button is pressed.

        ``on`` is the event that starts it instead, where something comes between.
        """
        now, buttons = session.selection, [self.button, self.cancel]
        at_once = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

        def work(now: Selection, *values: Any) -> Iterator[list[Any]]:
            for status, found in steps(actions, lambda: ask(now, *values)):
                yield [status, found, now]

        def show(now: Selection, about: Selection | None, found: Answers | None) -> list[Any]:
            if found is None:  # stopped before its end, by the visitor or by a new picture or reach
                here = about is None or about.key == now.key
                status = note_line(messages.CANCELLED) if here else ""
                return [status, gr.skip(), *_buttons(False)]
            if not found:
                return [gr.skip(), gr.skip(), *_buttons(False)]
            if about is None or about.key != now.key:
                return [note_line(messages.OUTDATED), "", *_buttons(False)]
            card, sentence = attempt(lambda: answer_cards(found))
            return [sentence, card or "", *_buttons(False)]

        begun = (on or self.button.click)(
            lambda: [progress_line(messages.WAITING, None), None, *_buttons(True)],
            outputs=[self.status, self.found, *buttons],
            **at_once,
        )
        working = begun.then(
            work,
            [now, *(inputs or [])],
            [self.status, self.found, self._about],
            show_progress="minimal",
            show_progress_on=self.status,
            **LONG,
        )
        working.then(
            show,
            [now, self._about, self.found],
            [self.status, self.card, *buttons],
            show_progress="hidden",
            **LIGHT,
        )
        # The page tells why by itself, such as a full queue.
        working.failure(lambda: ["", *_buttons(False)], outputs=[self.status, *buttons], **at_once)
        session.running.append(working)
        # The buttons wait for the end of the work: one who cancels too early can do it again.
        self.cancel.click(
            lambda: note_line(messages.CANCELLED), outputs=self.status, cancels=[working], **at_once
        )
        self._wire_files(session)

    def _wire_files(self, session: Session) -> None:
        def take(found: Answers | None, event: gr.EventData) -> list[Any]:
            path, sentence = attempt(lambda: file_of(found or (), event.at, event.file))
            return [None if path is None else str(path), sentence]

        self.card.take_away(
            take, self.found, [self.file, session.message], show_progress="hidden", **LIGHT
        ).then(None, self.file, js=SAVE_FILE)


def steps(
    actions: Actions, ask: Callable[[], Job | Sequence[Job]]
) -> Iterator[tuple[str, Answers | None]]:
    """Yield the status line as HTML with None, and last with the answers: none if one failed.

    What goes wrong becomes one sentence. Closing it stops the work.
    """
    yield progress_line(messages.STARTED, None), None
    answers: list[StoredAnswer] = []
    try:
        asked = ask()
        questions = (asked,) if isinstance(asked, Job) else tuple(asked)
        for at, question in enumerate(questions, start=1):
            prefix = messages.one_of(at, len(questions)) if len(questions) > 1 else ""
            answers.append((yield from relay(run(actions, question), _told(prefix))))
    except Exception as error:
        yield refusal(error), ()
        return
    yield progress_line(messages.DRAWING, 1), tuple(answers)


def _told(prefix: str) -> Callable[[Progress], tuple[str, None] | None]:
    """Return what makes the status line of a step, and nothing of one that follows too soon."""
    start, last = time.monotonic(), 0.0

    def status(step: Progress) -> tuple[str, None] | None:
        nonlocal last
        now = time.monotonic()
        if now - last <= REPORT_SECONDS:
            return None
        last = now
        return _status(prefix, step, now - start), None

    return status


def _status(prefix: str, step: Progress, seconds: float) -> str:
    left = None
    if seconds > 1 and step.done:
        left = seconds / step.done * (step.total - step.done)
    parts = (prefix, messages.progress(step.done, step.total, left))
    told = joined(filter(None, parts), " · ")
    return progress_line(told, step.done / step.total)


def _buttons(running: bool) -> list[Any]:
    return [gr.Button(interactive=not running), gr.Button(interactive=running)]


def _html(name: str, kind: str) -> gr.HTML:
    return gr.HTML("", elem_id=name, elem_classes=kind, apply_default_css=False)
