"""The part of Handlebars that the page's templates use, so that a report needs no script for it.

Gradio fills ``assets/*.html`` in the browser; a report is filled here, before it is written. Known
are ``{{path}}``, escaped, and the blocks ``each`` (lists and objects), ``if`` and ``unless``. A
path is names joined by dots; ``this``, ``../`` and ``@key`` mean what they mean in Handlebars.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

TAG = re.compile(r"{{\s*(.*?)\s*}}")
BLOCKS = ("each", "if", "unless")


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Return ``template`` with ``values`` in place; what has no value is left empty.

    Raises ``ValueError`` for a block that is unknown, never closed or never opened.
    """
    pieces = iter(TAG.split(template))  # text, tag, text, tag, ..., text
    filled = _fill(_parse(pieces, None), [(values, None)])
    return "".join(filled)


def _parse(pieces: Iterator[str], closing: str | None) -> list[Any]:
    """Return texts, ("value", path) and (block, path, parts) up to the tag that closes a block."""
    parts: list[Any] = []
    for text in pieces:
        parts.append(text)
        tag = next(pieces, None)
        if tag is None:
            break
        if tag.startswith("/"):
            if tag[1:] != closing:
                raise ValueError(f"The template closes {tag[1:]} where it is not open.")
            return parts
        if tag.startswith("#"):
            block, _, path = tag[1:].partition(" ")
            if block not in BLOCKS:
                raise ValueError(f"The template has a block {block} that is not known.")
            parts.append((block, path, _parse(pieces, block)))
        else:
            parts.append(("value", tag))
    if closing is not None:
        raise ValueError(f"The template never closes {closing}.")
    return parts


def _fill(parts: list[Any], scopes: list[tuple[Any, str | None]]) -> Iterator[str]:
    """Yield the text of ``parts``; ``scopes`` are pairs of value and key, the innermost last."""
    for part in parts:
        if isinstance(part, str):
            yield part
            continue
        kind, found = part[0], _find(part[1], scopes)
        if kind == "value":
            yield "" if found is None else html.escape(str(found))
        elif kind == "each":
            items = found.items() if isinstance(found, Mapping) else enumerate(found or ())
            for key, item in items:
                yield from _fill(part[2], [*scopes, (item, str(key))])
        elif bool(found) == (kind == "if"):  # as in Handlebars, these open no scope of their own
            yield from _fill(part[2], scopes)


def _find(path: str, scopes: list[tuple[Any, str | None]]) -> Any:
    """Return the value that ``path`` leads to, or None."""
    outward = path.count("../")
    value, key = scopes[-1 - outward]
    path = path.replace("../", "")
    if path == "@key":
        return key
    for name in path.split("."):
        if name == "this":
            continue
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, (list, tuple)):
            value = value[int(name.strip("[]"))]
        else:
            return None
    return value
