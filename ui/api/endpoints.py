"""The endpoints for clients of Gradio and, over MCP, for agents."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from analysis.core.progress import finish
from ui.api.refusals import Refusal, refusing
from ui.api.services import Output, Sent, Service
from ui.api.signatures import make_endpoint
from ui.host.inside_gradio import is_sent_file, upload_folder
from ui.host.places import is_wanted
from ui.service.limits import NOBODY_WAITS, QUESTION_SECONDS, within
from ui.service.one_thread import on_one_thread
from ui.service.queues import HEAVY, LONG

HINTS = {"json": dict[str, Any], "file": gr.FileData, "files": list[gr.FileData]}


def add(services: list[Service]) -> None:
    """Add an endpoint per service to the page being built, in the page's own queue."""
    for service in services:
        lane: dict[str, Any] = {"queue": False}
        if service.parameters is not None:
            lane = {**(LONG if service.long else HEAVY), "api_visibility": "public"}
        returns = [(HINTS[each.kind], _words(each)) for each in service.outputs]
        endpoint = make_endpoint(
            service.name, service.summary, service.parameters, returns, answering(service)
        )
        added = gr.api(endpoint, api_name=service.name, **lane)
        page = gr.context.Context.root_block
        for shown, each in zip(added["outputs"], service.outputs, strict=True):
            page.blocks[shown].label = each.name


def answering(service: Service) -> Callable[..., Any]:
    """Return what Gradio calls: it takes values by name as they were sent, and returns the outputs.

    Every failure is one sentence, ``gr.Error``.
    """

    def answer(picture: Any = None, **given: Any) -> Any:
        try:
            with refusing(service.name):
                values = service.checked(given)
                if not is_wanted()():
                    raise ValueError(NOBODY_WAITS)
                sent = Sent(b"", "") if service.parameters is None else sent_file(picture)
                started = on_one_thread(lambda: service.start(sent, values, new_folder()))
                found = finish(started, within(QUESTION_SECONDS))
        except Refusal as refusal:
            raise gr.Error(refusal.sentence, print_exception=False) from None
        values_found = [_value(found[each.name]) for each in service.outputs]
        return values_found[0] if len(values_found) == 1 else tuple(values_found)

    return answer


def sent_file(given: Any) -> Sent:
    """Return the picture in a file that the caller sent, and no other file of this machine.

    Raises ``ValueError`` for anything else.
    """
    if not is_sent_file(given):
        raise ValueError("picture must be a file or an address, as handle_file of gradio_client.")
    try:
        path = Path(given["path"]).resolve()
    except (OSError, ValueError, RuntimeError):  # a null byte, a loop, too long a name
        path = None
    if path is None or not path.is_relative_to(upload_folder().resolve()):
        raise ValueError("picture must be a file that was sent to this server.")
    name = given.get("orig_name")
    return Sent(path, name if isinstance(name, str) else "")


def file_address(root: str, path: object) -> str:
    """Return where a file that was handed out is served for some time, as a URI."""
    return f"{root}/gradio_api/file={quote(str(path))}"


def new_folder() -> Path:
    """Return a new folder whose name nobody can guess, where Gradio removes files after a time."""
    return upload_folder() / secrets.token_urlsafe(16)


def _words(output: Output) -> str:
    """Return what an output is, beginning with its name."""
    return f"{output.name}: {output.words}"


def _value(found: Any) -> Any:
    if isinstance(found, list):
        return [_value(each) for each in found]
    return gr.FileData(path=str(found), orig_name=found.name) if isinstance(found, Path) else found
