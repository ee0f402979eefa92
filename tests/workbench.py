"""The workbench's addresses as a visitor's program sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
import httpx
import numpy as np

from analysis.report.frames import ALIGNED
from ui.host.settings import Settings
from ui.layout import launch
from ui.server import launch_options
from ui.service.actions import Actions
from ui.web.addresses import Addresses


@contextmanager
def served(host: Settings) -> Iterator[Any]:
    """Serve a page with nothing of Gradio's on it; yield a visitor, who knows its ``actions``."""
    actions = Actions(host)
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Markdown("Nothing")
    page.beside = [Addresses(actions, host)]
    _, url, _ = launch(page, prevent_thread_lock=True, quiet=True, **launch_options(page, host))
    with httpx.Client(base_url=f"{url}web/", timeout=120) as visitor:
        visitor.actions = actions
        yield visitor
    page.close(verbose=False)


def read_frames(content: bytes, whole: bool = True) -> list[tuple[dict, dict[str, np.ndarray]]]:
    """Read what ``analysis.report.frames`` wrote; it may end within a frame unless ``whole``."""
    found, at = [], 0
    while at < len(content):
        start = at + 4 + int.from_bytes(content[at : at + 4], "little")
        facts = json.loads(content[at + 4 : start]) if len(content) >= start else None
        if not whole and (facts is None or len(content) < start + facts["bytes"]):
            return found
        assert start % ALIGNED == 0
        parts = {}
        for name, one in facts.pop("arrays").items():
            assert one["offset"] % ALIGNED == 0
            count = int(np.prod(one["shape"]))
            values = np.frombuffer(content, one["dtype"], count, start + one["offset"])
            parts[name] = values.reshape(one["shape"])
        found.append((facts, parts))
        at = start + facts.pop("bytes")
    assert at == len(content)
    return found


def last(answer: httpx.Response):
    assert answer.status_code == 200, answer.text
    return read_frames(answer.content)[-1]
