"""Work stops when its sender goes: real work at a real server, over REST and over MCP."""

import time

import anyio
import httpx
import pytest
from endpoints import call_tool, data_url, mcp_session, photo
from gradio_client import Client, handle_file
from processes import wait_for

PATIENCE_SECONDS = 240
LONG = {"x": 20, "y": 20, "short_side": 256, "steps": 128}
SHORT = LONG | {"steps": 4}


def running(server):
    (line,) = (
        line
        for line in server.get("/metrics").text.splitlines()
        if line.startswith("uniformer_lens_actions_running ")
    )
    return float(line.split()[-1])


def over_rest(server, picture):
    """Ask and listen until the work has begun, then hang up."""
    client = Client(server.url, verbose=False)
    names = client.view_api(return_format="dict")["named_endpoints"]["/attribute"]["parameters"]
    given = {entry["parameter_name"]: entry.get("parameter_default") for entry in names}
    upload = httpx.post(
        f"{server.url}/gradio_api/upload", files={"files": picture.read_bytes()}, timeout=60
    )
    sent = {"path": upload.json()[0], "meta": {"_type": "gradio.FileData"}}
    data = list((given | {"picture": sent} | LONG).values())
    address = f"{server.url}/gradio_api/call/attribute"
    event = httpx.post(address, json={"data": data}, timeout=60).json()["event_id"]
    with httpx.stream("GET", f"{address}/{event}", timeout=PATIENCE_SECONDS):
        wait_for(lambda: running(server), PATIENCE_SECONDS)


def over_mcp(server, picture):
    """Call the tool, and cancel once the work has begun."""

    async def leave(session):
        with anyio.fail_after(PATIENCE_SECONDS):
            async with anyio.create_task_group() as tasks:
                given = {"picture": data_url(picture), **LONG}
                tasks.start_soon(call_tool, session, "attribute", given)
                while not running(server):
                    await anyio.sleep(0.05)
                tasks.cancel_scope.cancel()

    mcp_session(server.url, leave)


@pytest.mark.parametrize("way", [over_rest, over_mcp])
def test_work_stops_within_a_second_at_its_next_step(server, way, tmp_path):
    """A step takes less than the same work in four steps; all 128 would take far longer."""
    wait_for(lambda: not running(server), PATIENCE_SECONDS)
    picture = photo(tmp_path)
    start = time.monotonic()
    client = Client(server.url, verbose=False, download_files=False)
    client.predict(picture=handle_file(str(picture)), **SHORT, api_name="/attribute")
    step = time.monotonic() - start
    way(server, picture)
    left = time.monotonic()
    wait_for(lambda: not running(server), PATIENCE_SECONDS)
    assert time.monotonic() - left < 1 + step
