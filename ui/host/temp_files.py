"""Temporary files of one server: private, gone with it, and gone at the next start if it died."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "uniformer-lens-server-"
LOCK = "lock"


@contextmanager
def private_folder() -> Iterator[Path]:
    """Let every temporary file of this process be made in one new folder, and remove it at the end.

    Uploads, results and downloads of visitors go there, readable by this user only. A server that
    was killed could not remove its own: the next one to start does. A folder belongs to whoever
    holds a lock on a file in it, which the system lets go when a process ends, however it ends.
    """
    parent = Path(tempfile.gettempdir())
    remove_orphans(parent)
    before = tempfile.tempdir
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    with (folder / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = before
            shutil.rmtree(folder, ignore_errors=True)


def remove_orphans(parent: Path) -> None:
    """Remove the folders in ``parent`` whose server no longer runs."""
    for folder in parent.glob(f"{PREFIX}*"):
        # A folder without a lock file is one that another server is just making.
        with contextlib.suppress(OSError), (folder / LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
