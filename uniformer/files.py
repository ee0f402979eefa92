"""Write files so that a reader never meets half of one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO


def replace_file(target: Path, write: Callable[[BinaryIO], Any]) -> Path:
    """Let ``write`` fill a file beside ``target``, then move it there, and return ``target``.

    An existing ``target`` stays as it is until then, and for good when ``write`` raises. Raises
    ``OSError`` when the folder cannot be written to.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("wb") as file:
            write(file)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target
