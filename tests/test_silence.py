"""Requests that never come to their end do not keep a connection, nor memory, for ever."""

import socket

import anyio
import gradio as gr
import httpx
import pytest
from gradio.data_classes import DataWithFiles
from processes import wait_for
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from ui.host import silence
from ui.host.silence import TOO_SLOW, HalfSent, Silence
from ui.page.mask_editor import MOST_LAYERS, MOST_PAINTINGS, mask_editor

HALF = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Le"


def test_content_that_stops_coming_is_refused(monkeypatch):
    monkeypatch.setattr(silence, "SILENT_SECONDS", 0.05)

    async def echo(request):
        return JSONResponse(len(await request.body()))

    inner = Starlette(routes=[Route("/", echo, methods=["POST"])])
    inner.add_middleware(Silence)

    async def post(pause):
        async def parts():
            yield b"a"
            await anyio.sleep(pause)
            yield b"b"

        transport = httpx.ASGITransport(inner)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/", content=parts())

    answer = anyio.run(post, 1)
    assert (answer.status_code, answer.text) == (408, TOO_SLOW)
    assert anyio.run(post, 0).json() == 2


def test_a_connection_with_half_a_request_is_closed_and_others_stay():
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Markdown("Nothing")
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    try:
        half_sent = HalfSent(page.server)
        host = (httpx.URL(url).host, httpx.URL(url).port)
        connections = page.server.server_state.connections
        with socket.create_connection(host) as half, httpx.Client(base_url=url) as whole:
            half.sendall(HALF)
            assert whole.get("/theme.css").is_success
            wait_for(lambda: any(one.cycle is None for one in list(connections)), 60)
            half.settimeout(0.2)
            half_sent.close_those_seen_before()
            with pytest.raises(TimeoutError):
                half.recv(1)
            half_sent.close_those_seen_before()
            half.settimeout(60)
            assert half.recv(1) == b""
            assert whole.get("/theme.css").is_success
    finally:
        page.close(verbose=False)


def painted(name, index="0"):
    data = {"type": "layer", "index": index, "id": name}
    return DataWithFiles(data=data, files=[("a.png", b"layer")])


def test_paintings_that_are_never_asked_about_do_not_pile_up():
    with gr.Blocks(analytics_enabled=False):
        editor = mask_editor("Paint", "paint")
    assert editor.accept_blobs._is_server_fn
    for number in range(MOST_PAINTINGS + 5):
        editor.accept_blobs(painted(str(number)))
    assert len(editor.blob_storage) == MOST_PAINTINGS
    assert "0" not in editor.blob_storage
    assert editor.blob_storage[str(MOST_PAINTINGS)].layers == [b"layer"]


@pytest.mark.parametrize("index", [str(MOST_LAYERS), "1000000000", "-1", "x"])
def test_a_layer_that_no_editor_has_is_refused(index):
    with gr.Blocks(analytics_enabled=False):
        editor = mask_editor("Paint", "paint")
    with pytest.raises(ValueError, match=r"layer|invalid literal"):
        editor.accept_blobs(painted("a", index))
    assert not editor.blob_storage
    editor.accept_blobs(painted("a", "null"))
