"""What the tabs of a page share: one selection, one line for messages, one way to fill a tab.

A tab is filled when it is open: when it is opened, and after a new result while it is. Nothing is
computed for a tab nobody looks at, and nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.messages import page as text
from ui.messages import sentence_of
from ui.page.carried import CarriedSelection
from ui.page.said import said
from ui.service.queues import HEAVY
from ui.service.selection import Selection


def attempt(action: Callable[[], Any]) -> tuple[Any, str]:
    """Return what ``action`` returned and no message, or None and one sentence as HTML."""
    try:
        return action(), ""
    except Exception as error:
        return None, refusal(error)


def refusal(error: Exception) -> str:
    """Return the sentence for the visitor, as HTML; what was no refusal of input is logged."""
    sentence = sentence_of(error)
    if not isinstance(error, ValueError):
        logging.getLogger(__name__).error("A page event failed.", exc_info=error)
        sentence = text.SERVER_FAILED
    return f'<p role="alert">{said(sentence)}</p>'


def result_key(selection: Selection) -> Hashable:
    """Return what a tab depends on that shows a result but no place in it."""
    return selection.key


@dataclass(frozen=True)
class _Panel:
    """How one tab is filled: ``make`` returns one value per output."""

    outputs: list[Any]
    make: Callable[[Selection], list[Any]]
    depends: Callable[[Selection], Hashable]


class Session:
    """Made once while the page is built; ``selection`` and ``message`` are its shared components.

    ``first`` is the selection the page opens with, in the tab called ``open_tab``. ``running``
    collects the events of long work, which a new result stops; ``made`` those of tabs that may make
    a new result, after which workbench and open tab are brought up to date. ``banner`` is the
    :class:`ui.page.banner.Banner` above the tabs.
    """

    def __init__(self, first: Selection, open_tab: str) -> None:
        self.first = first
        self.selection = CarriedSelection(first, elem_id="selection")
        self.message = gr.HTML(elem_id="message")
        self.open_tab = gr.State(open_tab)
        self.shown = gr.State({})
        self._panels: dict[str, _Panel] = {}
        self.running: list[Any] = []
        self.made: list[Any] = []
        self.banner: Any = None

    @property
    def outputs(self) -> list[Any]:
        """What any tab has filled: the place to show that the server is working."""
        return [output for panel in self._panels.values() for output in panel.outputs]

    def fill(
        self,
        tab: gr.Tab,
        outputs: list[Any],
        make: Callable[[Selection], list[Any]],
        depends: Callable[[Selection], Hashable] = result_key,
    ) -> None:
        """Have ``outputs`` filled by ``make`` whenever ``tab`` is open and out of date.

        That is when ``depends`` of the selection is not what it was when the tab was last filled.
        ``make`` may raise ``ValueError`` with a sentence for the visitor.
        """
        panel = self._panels[tab.id] = _Panel(outputs, make, depends)

        def opened(now: Selection, shown: dict[str, Hashable]) -> list[Any]:
            return [tab.id, *_filled(panel, tab.id, now, shown)]

        tab.select(
            opened,
            [self.selection, self.shown],
            [self.open_tab, self.shown, self.message, *outputs],
            show_progress="minimal",
            show_progress_on=outputs,
            **HEAVY,
        )

    def stop_work_on(self, listeners: list[Any]) -> None:
        """Stop all ``running`` work at once on these events; call it when all tabs are built.

        The page handles the events of one trigger one after the other, and one that asks for a
        result waits for the model that the work keeps: this must be wired before it.
        """
        for listen in listeners:
            listen(None, cancels=self.running, queue=False, show_progress="hidden")

    def refill_after(self, event: Any) -> None:
        """Bring the open tab up to date after ``event``, which may have made a new result.

        Call it when all tabs are built.
        """

        def refill(now: Selection, open_tab: str, shown: dict[str, Hashable]) -> list[Any]:
            values = []
            for tab, panel in self._panels.items():
                if tab == open_tab:
                    shown, sentence, *filled = _filled(panel, tab, now, shown)
                    values.extend(filled)
                else:
                    values.extend([gr.skip()] * len(panel.outputs))
            return [shown, sentence or gr.skip(), *values]

        event.then(
            refill,
            [self.selection, self.open_tab, self.shown],
            [self.shown, self.message, *self.outputs],
            show_progress="minimal",
            show_progress_on=self.outputs,
            **HEAVY,
        )


def _filled(panel: _Panel, tab: str, now: Selection, shown: dict[str, Hashable]) -> list[Any]:
    """Return what each tab shows by now, a message, and the values of the panel's outputs."""
    nothing = [gr.skip()] * len(panel.outputs)
    wanted = panel.depends(now)
    if shown.get(tab) == wanted:
        return [shown, "", *nothing]
    values, sentence = attempt(lambda: panel.make(now))
    if sentence:
        return [shown, sentence, *nothing]
    return [shown | {tab: wanted}, "", *values]
