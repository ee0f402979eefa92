"""What harms a server or a command from outside: it says so, starts again, leaves nothing half.

Downloads that break off and caches that rot are in test_weights.py.
"""

import contextlib
import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx
import numpy as np
import pytest
from serving import ROOT, START_SECONDS, free_port, serving
from toy import Toy

from ui import scratch, text
from uniformer import segment
from uniformer.files import replace_file

UNREACHABLE = "http://127.0.0.1:9"
PHOTO = ROOT / "assets" / "examples" / "chelsea_cat.jpg"


@pytest.fixture(scope="module")
def result():
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    return segment(noise, Toy())


@contextlib.contextmanager
def child(work):
    """Run ``work`` in a copy of this process, which ends with it; yields its process id."""
    number = os.fork()
    if number == 0:
        with contextlib.suppress(BaseException):
            work()
        os._exit(0)
    try:
        yield number
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)


def wait_for(condition, seconds=START_SECONDS):
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


# A process that is killed


def test_killed_while_a_report_is_written_the_old_report_stays_whole(tmp_path):
    target = tmp_path / "report.html"
    target.write_bytes(b"old" * 1000)

    def write(file):
        file.write(b"new" * 10**6)
        file.flush()
        time.sleep(60)

    with child(lambda: replace_file(target, write)) as writer:
        wait_for(lambda: any(path.stat().st_size > 10**6 for path in tmp_path.glob(".*.part")))
        os.kill(writer, signal.SIGKILL)
    assert visible(tmp_path) == ["report.html"]
    assert target.read_bytes() == b"old" * 1000
    replace_file(target, lambda file: file.write(b"new"))
    assert target.read_bytes() == b"new"


def test_files_of_a_killed_server_go_at_the_next_start_and_those_of_a_living_one_stay(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def serve():
        with scratch.private_folder() as folder:
            (folder / "upload.jpg").write_bytes(b"private")
            time.sleep(60)

    def uploads():
        return {path.parent for path in tmp_path.glob("*/upload.jpg")}

    with child(serve):
        wait_for(uploads)
        (killed,) = uploads()
        with scratch.private_folder() as living:
            assert killed.exists()
            (living / "upload.jpg").touch()
            assert (living.stat().st_mode & 0o077) == 0
    assert not living.exists()
    with child(serve):
        wait_for(lambda: uploads() - {killed})
        with scratch.private_folder():
            assert not killed.exists()
            assert len(uploads()) == 1


def test_temporary_files_are_made_in_the_private_folder():
    before = tempfile.gettempdir()
    with scratch.private_folder() as folder, tempfile.NamedTemporaryFile() as file:
        assert Path(file.name).parent == folder
        assert tempfile.mkdtemp().startswith(str(folder))
    assert tempfile.gettempdir() == before
    assert not folder.exists()


# A disk that is full


@pytest.mark.parametrize("room", [0, 100, 5000, 60_000])
def test_full_disk_leaves_whole_files_or_none_and_names_the_one_that_failed(tmp_path, result, room):
    whole, out, told = tmp_path / "whole", tmp_path / "out", tmp_path / "told"
    sizes = {path.name: path.stat().st_size for path in result.save(whole, "photo")}

    def save():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        try:
            result.save(out, "photo")
        except OSError as error:
            os.mkdir(f"{told}-{error.errno}-{Path(error.filename).name}")

    with child(save) as saver:
        os.waitid(os.P_PID, saver, os.WEXITED | os.WNOWAIT)
    (failed,) = tmp_path.glob("told-*")
    _, number, name = failed.name.split("-", 2)
    assert int(number) in (errno.EFBIG, errno.EIO)
    assert name in sizes
    assert list(out.glob(".*")) == []
    assert {file: (out / file).stat().st_size for file in visible(out)}.items() <= sizes.items()
    assert name not in visible(out)


def test_full_disk_is_one_sentence_on_the_command_line(tmp_path):
    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    command = [sys.executable, "-m", "uniformer", "segment", str(PHOTO), "-o", str(tmp_path / "o")]
    done = subprocess.run(
        [*command, "--weights", "none", "--short-side", "64"],
        cwd=ROOT,
        preexec_fn=little_room,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"uniformer: error: {tmp_path / 'o'}/chelsea")
    assert "Traceback" not in done.stderr


# A server under way


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("faults"), "--log-level", "info") as server:
        yield server


def join(server, session):
    """Upload a photo and ask for its labels, as the page does, without waiting for them."""
    with PHOTO.open("rb") as file:
        upload = httpx.post(server.url + "/gradio_api/upload", files={"files": file}, timeout=60)
    config = server.get("/config").json()
    photo = next(
        part["id"] for part in config["components"] if part["props"].get("elem_id") == "photo"
    )
    event = next(entry for entry in config["dependencies"] if [photo, "input"] in entry["targets"])
    given = {"path": upload.json()[0], "orig_name": "cat.jpg", "meta": {"_type": "gradio.FileData"}}
    data = [given if part == photo else None for part in event["inputs"]]
    asked = {"data": data, "fn_index": event["id"], "session_hash": session}
    answer = httpx.post(server.url + "/gradio_api/queue/join", json=asked, timeout=60)
    assert answer.is_success, answer.text
    return upload.json()[0]


def upload_half(server):
    """Return a connection on which half of a file has been sent."""
    connection = socket.create_connection(server.url.removeprefix("http://").split(":"))
    connection.sendall(
        b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        b'Content-Disposition: form-data; name="files"; filename="half.jpg"\r\n\r\n' + bytes(40000)
    )
    return connection


def actions(server):
    lines = server.get("/metrics").text.splitlines()
    name = 'uniformer_lens_action_seconds_count{action="open_photo"'
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_visitors_who_leave_in_the_middle_are_forgotten(server):
    before = actions(server)
    for _ in range(3):
        upload_half(server).close()
        session = uuid.uuid4().hex
        join(server, session)
        address = f"{server.url}/gradio_api/queue/data?session_hash={session}"
        with httpx.stream("GET", address, timeout=60) as events:
            next(events.iter_lines())
    wait_for(lambda: actions(server) > before)
    assert server.get("/healthz").is_success
    assert not [path for path in server.temporary.rglob("*") if "half" in path.name]
    failures = [line for line in server.output.read_text().splitlines() if '"error"' in line]
    assert not failures


def test_full_disk_on_the_server_is_one_sentence_and_it_lives_on(tmp_path):
    with serving(tmp_path) as server:
        hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (100_000, hard))
        files = {"files": ("a.png", bytes(3 * 10**6))}
        answer = httpx.post(server.url + "/gradio_api/upload", files=files, timeout=60)
        assert (answer.status_code, answer.json()) == (507, {"detail": text.NO_ROOM})
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert httpx.post(server.url + "/gradio_api/upload", files=files, timeout=60).is_success


def test_sigterm_during_work_ends_it_cleanly_with_every_file_gone(tmp_path):
    with serving(tmp_path) as server:
        join(server, "a")
        half = upload_half(server)
        assert list(server.temporary.iterdir())
        assert server.stop(signal.SIGTERM) == 0
        half.close()
    assert not [path for path in server.temporary.rglob("*") if path.is_file()]
    assert "Traceback" not in server.output.read_text()


def test_sigkill_leaves_a_port_and_a_folder_that_the_next_start_takes_over(tmp_path):
    with serving(tmp_path) as server:
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    (left,) = server.temporary.glob(f"{scratch.PREFIX}*")
    port = int(server.url.rpartition(":")[2])
    with serving(tmp_path, port=port, HF_ENDPOINT=UNREACHABLE) as again:  # nano needs no Hub
        assert not left.exists()
        assert again.get("/healthz").is_success


def start(tmp_path, *flags):
    """Start the app where no Hub answers and return how that ended."""
    unreachable = {"HF_ENDPOINT": UNREACHABLE, "HF_HOME": str(tmp_path / "cache")}
    return subprocess.run(
        [sys.executable, "app.py", "--port", str(free_port()), *flags],
        cwd=ROOT,
        env={**os.environ, **unreachable, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )


def test_start_offline_with_a_model_that_is_not_here_is_one_sentence(tmp_path):
    done = start(tmp_path, "--offline", "--model", "small-upernet")
    assert done.returncode == 1
    assert done.stderr.startswith("app.py: The weights of small-upernet could not be downloaded")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob(f"{scratch.PREFIX}*"))


@pytest.mark.slow  # the Hub's client tries for half a minute
def test_start_while_the_hub_cannot_be_reached_ends_in_one_sentence(tmp_path):
    done = start(tmp_path, "--model", "small-upernet")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("app.py: The weights of small-upernet could not")
    assert "Traceback" not in done.stderr
