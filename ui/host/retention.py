"""Remove what visitors sent and were given: once its time is over, and once it is too much."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

FRESH_SECONDS = 60


def remove_old(folder: Path, seconds: float) -> None:
    """Remove the files below ``folder`` that are older than ``seconds``, then its empty folders.

    Old is what was neither written nor moved there in that time. Gradio itself forgets some of its
    files, such as pictures that agents send; here nothing has to be remembered.
    """
    oldest = time.time() - seconds
    for path, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            entry = Path(path, name)
            with contextlib.suppress(OSError):  # gone meanwhile, or a folder that is not empty
                if entry.lstat().st_ctime < oldest:
                    entry.rmdir() if name in folders else entry.unlink()


def remove_beyond(folder: Path, most_bytes: int) -> None:
    """Remove the oldest files below ``folder`` until what is left takes at most ``most_bytes``.

    Files of the last minute stay: they are being written or fetched.
    """
    found = []
    for path, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(path, name))
                found.append((status.st_ctime, status.st_size, Path(path, name)))
    total = sum(size for _, size, _ in found)
    for age, size, file in sorted(found):
        if total <= most_bytes or age > time.time() - FRESH_SECONDS:
            return
        with contextlib.suppress(OSError):
            file.unlink()
        total -= size
