"""Run app.py in a process of its own, as a host does, for tests that stop or harm it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent
START_SECONDS = 600
"""Far more than it takes; a busy machine is no failure."""


@dataclass(frozen=True)
class Server:
    """A running app: its address, its process, where its output and temporary files go."""

    url: str
    process: subprocess.Popen
    output: Path
    temporary: Path

    def get(self, path: str, **options) -> httpx.Response:
        return httpx.get(self.url + path, timeout=60, **options)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextmanager
def serving(
    folder: Path,
    *flags: str,
    root: Path = ROOT,
    port: int | None = None,
    user: int | None = None,
    **environment: str,
) -> Iterator[Server]:
    """Start ``root``'s app with untrained weights, and end it if it still runs.

    ``port`` is a free one unless it is given, and ``user`` the one who runs the tests.
    """
    output, temporary, port = folder / "output.txt", folder / "temporary", port or free_port()
    temporary.mkdir(exist_ok=True)
    if user is not None:
        os.chown(temporary, user, user)
    command = [sys.executable, "app.py", "--port", str(port), "--weights", "none", *flags]
    environment = {**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", **environment}
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=root, env=environment, stdout=file, stderr=subprocess.STDOUT, user=user
        )
    server = Server(f"http://127.0.0.1:{port}", process, output, temporary)
    try:
        _wait(server)
        yield server
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(server: Server) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        assert server.process.poll() is None, server.output.read_text()
        try:
            if server.get("/healthz").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"The app did not start:\n{server.output.read_text()}")
