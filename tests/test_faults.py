"""What harms a server or a command from outside: it says so, starts again, leaves nothing half.

Downloads that break off and caches that rot are in test_hub.py, temporary files in test_scratch.py.
"""

import contextlib
import errno
import io
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from endpoints import SHORT_SIDE, call_tool, data_url, mcp_session, photo
from gradio_client import Client, handle_file
from huggingface_hub import constants
from processes import child, wait_for
from serving import ROOT, free_port, serving
from toy import Toy

import app
from analysis.cli.main import main as analysis_main
from ui.host import logs
from ui.host import temp_files as scratch
from ui.messages import page as text
from ui.service.model_cache import ModelCache
from uniformer import files, segment
from uniformer.cli import main as uniformer_main
from uniformer.files import replace_file
from uniformer.weights import DATA, WeightsError

UNREACHABLE = "http://127.0.0.1:9"
KEPT_SECONDS = 5
PHOTO = ROOT / "assets" / "examples" / "chelsea_cat.jpg"


@pytest.fixture(scope="module")
def result():
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    return segment(noise, Toy())


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
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_what_another_process_or_computer_is_writing_stays(tmp_path):
    mine, gone = os.getpid(), 2**22 + 1  # more than any process is called
    theirs = "0" * 4 if files._HERE != "0" * 4 else "1" * 4
    kept = {f".a.{files._HERE}-{mine}-1.part", f".a.{theirs}-{gone}-1.part", ".note.part", "a.part"}
    orphan = f".a b.{files._HERE}-{gone}-1.part"
    for name in (*kept, orphan, f"{orphan}.webm"):
        (tmp_path / name).touch()
    replace_file(tmp_path / "new", lambda file: file.write(b"new"))
    assert {path.name for path in tmp_path.iterdir()} == kept | {"new"}


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
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"uniformer: error: {PHOTO}: {tmp_path / 'o'}/chelsea")
    assert "cannot be written" in said
    assert "Traceback" not in done.stderr


class FullDisk:
    """Opens files to be written on a disk that takes ``room`` bytes more in all."""

    def __init__(self, room):
        self.room, self._open = room, Path.open

    def open(self, path, mode="r", *arguments, **options):
        file = self._open(path, mode, *arguments, **options)
        return io.BufferedWriter(_OnDisk(file, self)) if mode == "wb" else file


class _OnDisk(io.RawIOBase):
    def __init__(self, file, disk):
        self._file, self._disk = file, disk

    def writable(self):
        return True

    def write(self, data):
        self._disk.room -= len(data)
        if self._disk.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(data)

    def close(self):
        self._file.close()
        super().close()


SMALL = ["--weights", "none", "--short-side", "64"]
PROGRAMS = {
    "segment": (uniformer_main, SMALL),
    "probe": (analysis_main, [*SMALL, "--pixel", "9,9", "--formats", "npz,json"]),
    "publish": (analysis_main, ["--weights", "none"]),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_disk_that_fills_up_ends_a_folder_in_one_sentence_and_the_same_command_goes_on(
    program, tmp_path, monkeypatch, capsys
):
    main, options = PROGRAMS[program]
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for number in range(3):
        photo(folder, number, size=(48, 64))
    first = str(folder / "photo0.png")
    assert main([program, first, "-o", str(tmp_path / "one"), *options]) == 0
    needed = sum(file.stat().st_size for file in (tmp_path / "one").iterdir())
    capsys.readouterr()

    disk, command = FullDisk(int(1.5 * needed)), [program, str(folder), "-o", str(out), *options]
    with monkeypatch.context() as full:
        full.setattr(Path, "open", lambda *given, **named: disk.open(*given, **named))
        assert main(command) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(errors) == 1
    assert os.strerror(errno.ENOSPC) in errors[0]
    assert "run the same command again" in errors[0]
    assert not list(out.glob(".*"))
    assert any(file.name.startswith("photo0") for file in out.iterdir())

    assert main(command) == 0
    names = {file.name.partition(".")[0] for file in out.iterdir()}
    assert {f"photo{number}" for number in range(3)} <= names


# A server under way


def labelling(server):
    """Send a photo to be labelled, and return the answer as soon as it begins."""
    client = httpx.Client(timeout=60)
    files = {"file": ("cat.jpg", PHOTO.read_bytes())}
    request = client.build_request("POST", f"{server.url}/web/api/open", files=files)
    return client.send(request, stream=True)


def upload_half(server):
    """Return a connection on which half of a file has been sent."""
    connection = socket.create_connection(server.url.removeprefix("http://").split(":"))
    connection.sendall(
        b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        b'Content-Disposition: form-data; name="files"; filename="half.jpg"\r\n\r\n' + bytes(40000)
    )
    return connection


@contextlib.contextmanager
def limited(process, most):
    """Let ``process`` write no file of more than ``most`` bytes, as on a disk that is full."""
    soft, hard = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (soft, hard))


def actions(server):
    lines = server.get("/metrics").text.splitlines()
    name = 'uniformer_lens_action_seconds_count{action="open_photo"'
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_visitors_who_leave_in_the_middle_are_forgotten(server):
    before, logged = actions(server), len(server.output.read_text())
    for _ in range(3):
        upload_half(server).close()
        labelling(server).close()
    labelling(server).read()
    wait_for(lambda: actions(server) > before)
    assert server.get("/healthz").is_success
    assert not [path for path in server.temporary.rglob("*") if "half" in path.name]
    wait_for(lambda: '"status": 499' in server.output.read_text()[logged:])
    said = server.output.read_text()[logged:]
    assert '"error"' not in said
    assert all(json.loads(line) for line in said.splitlines())


def test_full_disk_on_the_server_is_one_sentence_and_it_lives_on(server):
    files = {"files": ("a.png", bytes(3 * 10**6))}
    with limited(server.process.pid, 100_000):
        answer = httpx.post(server.url + "/gradio_api/upload", files=files, timeout=60)
        assert (answer.status_code, answer.json()) == (507, {"detail": text.NO_ROOM})
    assert httpx.post(server.url + "/gradio_api/upload", files=files, timeout=60).is_success


def test_sigkill_leaves_a_port_and_a_folder_that_the_next_start_takes_over(tmp_path):
    with serving(tmp_path) as server:
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    (left,) = server.temporary.glob(f"{scratch.PREFIX}*")
    port = int(server.url.rpartition(":")[2])
    keep = ("--store-seconds", str(KEPT_SECONDS))
    with serving(tmp_path, *keep, port=port, HF_ENDPOINT=UNREACHABLE) as again:  # nano needs no Hub
        assert not left.exists()
        files_go_after_their_time(again, tmp_path)
        sigterm_during_work_ends_it_with_every_file_gone(again)
    assert "Traceback" not in again.output.read_text()


def files_go_after_their_time(server, tmp_path):
    """What a visitor and an agent sent and were given is there, and then it is not."""
    file = photo(tmp_path)

    def files():
        return {path.name for path in server.temporary.rglob("*.png")}

    sent = {"picture": handle_file(str(file)), "short_side": SHORT_SIDE}
    Client(server.url, verbose=False, download_files=False).predict(**sent, api_name="/segment")
    sent |= {"picture": data_url(file)}
    answer = mcp_session(server.url, lambda session: call_tool(session, "segment", sent))
    assert not answer.isError
    assert files()
    wait_for(lambda: not files(), 60)
    assert server.get("/healthz").is_success


def sigterm_during_work_ends_it_with_every_file_gone(server):
    sent = {"picture": handle_file(str(PHOTO)), "x": 9, "y": 9, "steps": 128, "short_side": 1024}
    Client(server.url, verbose=False).submit(**sent, api_name="/attribute")
    asked = labelling(server)
    half = upload_half(server)
    wait_for(lambda: "actions_running 0.0" not in server.get("/metrics").text)
    assert list(server.temporary.iterdir())
    assert server.stop(signal.SIGTERM) == 0
    half.close()
    asked.close()
    assert not [path for path in server.temporary.rglob("*") if path.is_file()]
    assert "terminate" not in server.output.read_text()


def test_a_model_whose_file_is_deleted_serves_on_and_is_one_sentence_once_it_is_not_loaded(
    tmp_path,
):
    file = tmp_path / "mine.safetensors"
    shutil.copy(DATA / "nano.safetensors", file)
    model_cache = ModelCache({"nano": str(file)}, 1)
    picture = np.zeros((24, 32, 3), np.uint8)
    with model_cache.acquire("nano", "global", 8) as model:
        before = segment(picture, model, short_side=SHORT_SIDE)
    file.unlink()
    with model_cache.acquire("nano", "global", 8) as model:
        assert np.array_equal(segment(picture, model, short_side=SHORT_SIDE).labels, before.labels)
    again = ModelCache({"nano": str(file)}, 1)
    with (
        pytest.raises(WeightsError, match=r"mine\.safetensors"),
        again.acquire("nano", "global", 8),
    ):
        pass
    shutil.copy(DATA / "nano.safetensors", file)  # mended while the server runs
    with again.acquire("nano", "global", 8) as model:
        assert np.array_equal(segment(picture, model, short_side=SHORT_SIDE).labels, before.labels)


@pytest.fixture
def no_hub(tmp_path, monkeypatch):
    """A machine that reaches no Hub and has no weights of it; its temporary files."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", constants.HF_HUB_OFFLINE)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(logs, "set_up", lambda level: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_start_offline_with_a_model_that_is_not_here_is_one_sentence(no_hub, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["app.py", "--offline", "--model", "small-upernet"])
    assert app.main() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("app.py: The weights of small-upernet could not be downloaded")
    assert not list(no_hub.glob(f"{scratch.PREFIX}*"))


@pytest.mark.slow  # the Hub's client tries for half a minute
def test_start_while_the_hub_cannot_be_reached_ends_in_one_sentence(tmp_path):
    unreachable = {"HF_ENDPOINT": UNREACHABLE, "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "app.py", "--port", str(free_port()), "--model", "small-upernet"],
        cwd=ROOT,
        env={**os.environ, **unreachable, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("app.py: The weights of small-upernet could not")
    assert "Traceback" not in done.stderr
