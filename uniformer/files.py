"""Names for output files, and a way to write them so that a reader never meets half of one."""

from __future__ import annotations

import errno
import os
import re
import socket
import threading
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

_HERE = f"{zlib.crc32(socket.gethostname().encode()) & 0xFFFF:04x}"
"""This computer in the name of a half-written file: others may write into the same folder."""

_PART = re.compile(rf"\..*\.{_HERE}-(\d+)-\d+\.part", re.DOTALL)


def replace_file(target: Path, write: Callable[[BinaryIO], Any]) -> Path:
    """Let ``write`` fill a file beside ``target``, then move it there, and return ``target``.

    An existing ``target`` stays as it is until then, and for good when ``write`` raises. Raises
    ``OSError`` that names ``target`` when it cannot be written, as on a full disk.
    """
    part = target.with_name(f".{target.name}.{_HERE}-{os.getpid()}-{threading.get_ident()}.part")
    _remove_orphans(target.parent)
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


@lru_cache(maxsize=256)
def _remove_orphans(folder: Path) -> None:
    """Remove half-written files in ``folder`` whose process no longer runs, once per process."""
    for part in folder.glob(".*.part"):
        written_by = _PART.fullmatch(part.name)
        if written_by and not _runs(int(written_by[1])):
            part.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def file_names(photos: Sequence[Path]) -> list[str]:
    """Return a name per photo for its output files: its own, with -2, -3, ... where that is taken.

    Names that differ in case only count as one, since many file systems hold them for one.
    """
    names: list[str] = []
    taken: set[str] = set()
    for photo in photos:
        name, number = photo.stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{photo.stem}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names
