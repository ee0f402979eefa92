"""The selection as a component of the page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import gradio as gr

from ui.host.inside_gradio import write_no_interfaces
from ui.service.selection import Selection, from_browser

write_no_interfaces()


def read(said: Any) -> Selection:
    """Return the selection that a page says it shows; it may come from anybody.

    For events that get their inputs as they were sent. Raises ``gr.Error`` with one sentence.
    """
    try:
        return from_browser(said)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from None


class CarriedSelection(gr.JSON):
    """The selection, kept by the page in the browser and sent along with whatever is asked.

    So every server that finds its result can answer, whichever answered before.
    """

    is_template = True  # to the browser it is what it is made of

    # The browser is told what is named here, and nothing that comes by **options.
    def __init__(
        self, value: Any = None, *, elem_id: str | None = None, visible: Any = "hidden"
    ) -> None:
        content = asdict(value) if isinstance(value, Selection) else value
        super().__init__(value=content, elem_id=elem_id, visible=visible)

    def preprocess(self, payload: Any) -> Selection:
        """Return what the page says, checked."""
        return read(payload)

    def postprocess(self, value: Any) -> Any:
        """Return what the page is to keep."""
        return super().postprocess(asdict(value) if isinstance(value, Selection) else value)
