"""The endpoints alone, served on the loopback, for tests that call them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import gradio as gr
import numpy as np
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

from analysis.questions.parameters import REQUIRED
from ui import api
from ui.host.settings import Settings
from ui.service.model_cache import ModelCache
from ui.service.turns import Turns

SHORT_SIDE = 64


@contextmanager
def endpoints(weights: str | None = "default") -> Iterator[str]:
    """Serve them and give their address."""
    with gr.Blocks(analytics_enabled=False) as page:
        api.add(ModelCache({"nano": weights}, 1), Settings(), Turns(2))
    page.queue(default_concurrency_limit=2)
    _, url, _ = page.launch(
        prevent_thread_lock=True, quiet=True, mcp_server=True, show_error=True, ssr_mode=False
    )
    try:
        yield url
    finally:
        page.close(verbose=False)


def photo(folder: Path, seed: int = 0, size: tuple[int, int] = (72, 96)) -> Path:
    """Write a picture that has large areas and small ones."""
    y, x = np.mgrid[: size[0], : size[1]]
    noise = np.random.default_rng(seed).integers(0, 40, (*size, 3))
    waves = 100 + 100 * np.sin(x / 17 + seed)[..., None] * np.cos(y / 11)[..., None]
    file = folder / f"photo{seed}.png"
    Image.fromarray(np.clip(waves + noise, 0, 255).astype(np.uint8)).save(file)
    return file


def given(api, own):
    """The endpoint's parameters about one place in the picture, with little work to do."""
    values = {parameter.name: parameter.default for parameter in api.common(*own)}
    required = {p.name: p.choices[0] if p.choices else 12 for p in own if p.default is REQUIRED}
    quick = {"short_side": SHORT_SIDE, "samples": 2, "steps": 2, "probes": 1}
    quick |= {"x": 12, "y": 12, "other_reach": "global"}
    return values | required | {name: v for name, v in quick.items() if name in values}


def data_url(file: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()


def mcp_session(url: str, visit):
    """Return what the coroutine ``visit(session)`` returns to a real MCP client of the server."""

    async def connect():
        address = f"{url.rstrip('/')}/gradio_api/mcp/"
        async with (
            streamablehttp_client(address) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await visit(session)

    return anyio.run(connect)


async def call_tool(session: ClientSession, tool: str, given: dict):
    """Call a tool as a client does that shows progress: Gradio then sends text, files apart."""

    async def progress(done, total, message):
        pass

    return await session.call_tool(tool, given, progress_callback=progress)
