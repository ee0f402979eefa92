"""Names for output files, and a way to write them so that a reader never meets half of one."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import threading
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

_HERE = f"{zlib.crc32(socket.gethostname().encode()) & 0xFFFF:04x}"
"""This computer in the name of a half-written file: others may write into the same folder."""

_PART = re.compile(rf"\..*\.{_HERE}-(\d+)-\d+\.part(\.\w+)?", re.DOTALL)

MAX_STEM_BYTES = 200
"""Of the 255 bytes that most file systems allow for a name, with room for what is put after it."""


def replace_file(target: Path, write: Callable[[BinaryIO], Any]) -> Path:
    """Let ``write`` fill a file beside ``target``, then move it there, and return ``target``.

    An existing ``target`` stays as it is until then, and for good when ``write`` raises. Raises
    ``OSError`` that names ``target`` when it cannot be written, as on a full disk.
    """
    replace_files({target: write})
    return target


def replace_files(writes: Mapping[Path, Callable[[BinaryIO], Any]]) -> None:
    """Do as :func:`replace_file` for files that belong together: none is moved until all are whole.

    So those that are there stay as they are when any of ``writes`` raises.
    """
    with ExitStack() as stack:
        parts = {target: stack.enter_context(part_beside(target)) for target in writes}
        for target, part in parts.items():
            with _naming(target), part.open("wb") as file:
                writes[target](file)
        for target, part in parts.items():
            with _naming(target):
                part.replace(target)


@contextmanager
def part_beside(target: Path, suffix: str = "") -> Iterator[Path]:
    """Give a name for a half-written file beside ``target``, and remove what has it at the end.

    What a killed process leaves there goes with the next file that is written into the folder.
    ``suffix`` is for writers that know the kind of a file by it.
    """
    # Of a long name the start will do: with what comes after it, it would be too long for a file.
    own = f"{_HERE}-{os.getpid()}-{threading.get_ident()}"
    part = target.with_name(f".{target.name[:40]}.{own}.part{suffix}")
    _remove_orphans(target.parent)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _naming(target: Path) -> Iterator[None]:
    """Let an ``OSError`` name ``target``: of a full disk it has no name, by Pillow no reason."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, reason, str(target)) from error


@lru_cache(maxsize=256)
def _remove_orphans(folder: Path) -> None:
    """Remove half-written files in ``folder`` whose process no longer runs, once per process."""
    for part in folder.glob(".*.part*"):
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


def file_names(
    photos: Sequence[Path], is_taken: Callable[[str], bool] = lambda name: False
) -> list[str]:
    """Return a name per photo for its output files: its own, with -2, -3, ... where that is taken.

    Names that differ in case or Unicode form only count as one, since many file systems hold them
    for one. ``is_taken`` tells of names that others use already. A name too long to be followed by
    the kind of a file ends in a digest of itself, and what is no text in one becomes "_".
    """
    names: list[str] = []
    taken: set[str] = set()
    for photo in photos:
        stem = _shortened(photo.stem)
        name, number = stem, 1
        while plain_name(name) in taken or is_taken(name):
            number += 1
            name = f"{stem}-{number}"
        taken.add(plain_name(name))
        names.append(name)
    return names


def shown(path: Path) -> str:
    """Return a path as it may be printed or stored as text: one line, of characters that exist.

    Names may hold control characters, and bytes that are no text. Of a web address, a path has
    dropped a slash.
    """
    text = "".join(
        each.encode("unicode_escape").decode() if _is_no_text(each) else each for each in str(path)
    )
    return re.sub(r"^(https?:)/(?=[^/])", r"\1//", text)


def _is_no_text(character: str) -> bool:
    """Return whether it controls a terminal, or stands for a byte that is no text."""
    return unicodedata.category(character) in ("Cc", "Cs")


def plain_name(name: str) -> str:
    """Return a file's name so that it equals itself in any Unicode form and in any case.

    macOS hands out accents as characters of their own, other systems do not.
    """
    return unicodedata.normalize("NFC", name).casefold()


def _shortened(stem: str) -> str:
    """Return ``stem``, or its first bytes and a digest, so that ``MAX_STEM_BYTES`` hold it."""
    stem = "".join("_" if _is_no_text(each) else each for each in stem)
    data = stem.encode()
    if len(data) <= MAX_STEM_BYTES:
        return stem
    digest = hashlib.sha256(data).hexdigest()[:8]
    return f"{data[: MAX_STEM_BYTES - len(digest) - 1].decode(errors='ignore')}-{digest}"
