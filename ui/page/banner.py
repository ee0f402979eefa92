"""The line above the tabs on the weights: untrained, being fetched, or not to be had.

It is there whichever tab is open, and whichever list the model was chosen from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from analysis.core.progress import Progress, relay
from analysis.core.words import say
from ui.messages import models as messages
from ui.messages import questions as common
from ui.page.answer_card import note_line, progress_line
from ui.page.said import said
from ui.page.session import Session, attempt, refusal
from ui.service.actions import Actions
from ui.service.queues import LIGHT
from ui.service.selection import Selection
from ui.service.weights_download import fetch


class Banner:
    """Made above the tabs; ``fetched`` is the model whose weights are here now, or None."""

    def __init__(self, actions: Actions, session: Session) -> None:
        self._actions = actions
        self._now = session.selection
        self.fetched = gr.State(None)
        self._downloads: list[Any] = []
        with gr.Row(elem_id="weights"):
            self.line = gr.HTML(
                standing(actions, session.first), elem_id="weights-line", apply_default_css=False
            )
            # Shown by the style sheet as long as the line has a progress bar.
            self._stop = gr.Button(messages.STOP, scale=0, elem_id="weights-stop")
        quiet = {"show_progress": "hidden", **LIGHT}
        self._now.change(lambda now: standing(actions, now), self._now, self.line, **quiet)

    def fetch_on(
        self, listen: Callable[..., Any], model: gr.Dropdown, untrained: gr.Dropdown | None = None
    ) -> Any:
        """Fetch the weights of the chosen model on an event, and return what may come ``then``.

        Where there is a choice ``untrained`` and it is made, nothing is fetched.
        """
        outputs = [self.line, self.fetched]

        def work(now: Selection, name: str, bare: bool = False) -> Iterator[list[Any]]:
            if bare or name in ("", now.model):  # the same, or the page itself set it back
                yield [gr.skip(), None]
                return
            if self._actions.model_cache.is_at_hand(name):
                yield [gr.skip(), name]
                return
            for line, here in fetch_lines(name):
                yield [line, name if here else None]

        download = listen(
            work,
            [self._now, model] if untrained is None else [self._now, model, untrained],
            outputs,
            show_progress="hidden",
            trigger_mode="always_last",
            concurrency_id="download",
            concurrency_limit=2,
            api_visibility="private",
        )
        self._downloads.append(download)
        return download

    def wire(self, session: Session) -> None:
        """Have the button stop every download; call it when all tabs are built."""
        stopped = self._stop.click(
            None, cancels=self._downloads, queue=False, show_progress="hidden"
        ).then(  # later than the last word of what was stopped
            lambda now: [note_line(common.CANCELLED) + standing(self._actions, now), None],
            self._now,
            [self.line, self.fetched],
            show_progress="hidden",
            **LIGHT,
        )
        session.made.append(stopped)


def fetch_lines(name: str) -> Iterator[tuple[str, bool]]:
    """Yield the line, and whether the weights of the model called ``name`` are here."""

    def line(step: Progress) -> tuple[str, bool]:
        share = step.done / step.total if step.total else None
        return progress_line(messages.download(name, step.done, step.total), share), False

    try:
        yield from relay(fetch(name), line)
    except Exception as error:
        yield f"{refusal(error)}{note_line(messages.STAYS)}", False
        return
    yield "", True


def standing(actions: Actions, now: Selection) -> str:
    """Return the warning that stands while the weights in use mean nothing, as HTML."""
    result, _ = attempt(lambda: actions.stored(now).result)
    if result is None or result.weights.trained:
        return ""
    using, note = said(say(messages.IN_USE, model=result.model)), said(result.weights.note)
    return f'<p class="warning" role="note"><span>{using}</span> <span>{note}</span></p>'
