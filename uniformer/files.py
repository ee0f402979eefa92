"""Write files so that a reader never meets half of one."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO


def replace_file(target: Path, write: Callable[[BinaryIO], Any]) -> Path:
    """Let ``write`` fill a file beside ``target``, then move it there, and return ``target``.

    An existing ``target`` stays as it is until then, and for good when ``write`` raises. Raises
    ``OSError`` that names ``target`` when it cannot be written, as on a full disk.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with part.open("wb") as file:
            write(file)
        part.replace(target)
    except OSError as error:  # a full disk is told without a name, by Pillow without a reason
        reason = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, reason, str(target)) from error
    finally:
        part.unlink(missing_ok=True)
    return target
