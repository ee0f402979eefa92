"""Remove what visitors sent and were given once its time is over."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path


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
