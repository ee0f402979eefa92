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

from ui import api
from ui.host.settings import Settings
from ui.service.model_cache import ModelCache
from ui.service.turns import Turns

SHORT_SIDE = 64


@contextmanager
def endpoints(weights: str | None = "default") -> Iterator[str]:
    """Serve them and give their address."""
    with gr.Blocks(analytics_enabled=False) as page:
        services = api.Services(
            ModelCache({"nano": weights, "xxs-cls": None}, 2), Settings(), Turns(2)
        ).all()
        api.add(services)
    api.serve_agents(page, services)
    page.queue(default_concurrency_limit=2)
    routes = api.Rest(services, Settings()).routes()
    _, url, _ = page.launch(
        prevent_thread_lock=True,
        quiet=True,
        mcp_server=True,
        show_error=True,
        ssr_mode=False,
        app_kwargs={"routes": routes},
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
