"""JSON that is written as it comes, so that a large data set needs no memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from uniformer.authorship import MARK


def write_object(file: BinaryIO, members: Mapping[str, Any]) -> None:
    """Write a JSON object; a member that is an iterator becomes a list, an entry in each line.

    Its first member is the mark by which :mod:`uniformer.authorship` knows it.
    """
    file.write(b"{" + _json("generator") + b": " + _json(MARK))
    for name, value in members.items():
        file.write(b",\n" + _json(name) + b": ")
        if isinstance(value, Iterator):
            write_list(file, value)
        else:
            file.write(_json(value))
    file.write(b"}\n")


def write_list(file: BinaryIO, entries: Iterator[Any]) -> None:
    """Write a JSON list, an entry in each line."""
    file.write(b"[")
    for number, entry in enumerate(entries):
        file.write((b",\n" if number else b"") + _json(entry))
    file.write(b"]")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")
