"""Files that visitors send are bounded: one by one, by sender, and all together."""

import os
import threading
import time

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ui.host import retention, room
from ui.host.retention import remove_beyond
from ui.host.room import Room, folder_bytes
from ui.messages import page as text

MOST = 4000


@pytest.fixture
def world(tmp_path, monkeypatch):
    """An app that stores uploads as Gradio does; call it to send bytes from an address."""
    monkeypatch.setattr(room, "SEEN_SECONDS", -1)
    folder = tmp_path / "gradio"
    folder.mkdir()

    async def upload(request: Request):
        content = await request.body()
        place = folder / f"{hash(content):x}"
        place.mkdir(exist_ok=True)
        (place / request.query_params["name"]).write_bytes(content)
        return JSONResponse([str(place / request.query_params["name"])])

    app = Starlette(routes=[Route("/gradio_api/upload", upload, methods=["POST"])])
    app = Room(app, lambda: folder, MOST)

    def send(content, address="203.0.113.1", name="a", announced=True):
        async def post():
            transport = httpx.ASGITransport(app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                body = content if announced else _parts(content)
                return await client.post(f"/gradio_api/upload?name={name}", content=body)

        return anyio.run(post)

    send.folder, send.app = folder, app
    return send


async def _parts(content):
    for at in range(0, len(content), 100):
        yield content[at : at + 100]


@pytest.mark.parametrize("announced", [True, False])
def test_one_sender_may_send_a_quarter_and_is_then_told_so(world, announced):
    assert world(os.urandom(900), announced=announced).is_success
    answer = world(os.urandom(200), announced=announced)
    assert answer.status_code == 507
    assert text.NO_ROOM in answer.text
    assert world(os.urandom(100), announced=announced).is_success
    assert world(os.urandom(200), address="203.0.113.2").is_success


@pytest.mark.parametrize("announced", [True, False])
def test_all_together_have_a_bound_and_room_comes_back_with_time(world, announced):
    for number in range(4):
        assert world(os.urandom(1000), f"203.0.113.{number}").is_success
    assert world(os.urandom(100), "203.0.113.9", announced=announced).status_code == 507
    assert folder_bytes(world.folder) == MOST
    for path in world.folder.rglob("a"):
        path.unlink()
    for number in range(4):
        assert world(os.urandom(900), f"203.0.113.{number}", announced=announced).is_success


def test_a_file_sent_again_counts_and_is_kept_once_whatever_it_is_called(world):
    content = os.urandom(400)
    for _ in range(5):
        assert world(content).is_success
    assert world(content, name="b").is_success
    assert folder_bytes(world.folder) == 400
    assert all(path.read_bytes() == content for path in world.folder.rglob("[ab]"))
    assert len(list(world.folder.rglob("[ab]"))) == 2


def test_what_is_still_coming_in_counts(world):
    """Ten at once, of which each alone would have room."""
    statuses, start = [], threading.Barrier(10)

    def visit():
        start.wait()
        statuses.append(world(os.urandom(600)).status_code)

    visitors = [threading.Thread(target=visit) for _ in range(10)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert statuses.count(200) <= 1
    assert not world.app._coming


def test_where_files_take_too_much_the_oldest_go_first(tmp_path, monkeypatch):
    for number in range(5):
        (tmp_path / str(number)).write_bytes(bytes(100))
        time.sleep(0.02)
    remove_beyond(tmp_path, 250)
    assert len(list(tmp_path.iterdir())) == 5  # of the last minute
    monkeypatch.setattr(retention, "FRESH_SECONDS", 0)
    remove_beyond(tmp_path, 250)
    assert {path.name for path in tmp_path.iterdir()} == {"3", "4"}
