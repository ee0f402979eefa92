"""What Pillow does not say of a PNG file, from its chunks."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DEPTH_AT, COLOUR_AT = 24, 25
"""Where the header, always the first chunk, has the bits of a value and the kind of colour."""

GREY, GREY_ALPHA = 0, 4
COLOURS = (2, GREY_ALPHA, 6)
"""Kinds of colour with more than one channel."""


def without_wrong_chunks(data: bytes) -> bytes:
    """Return a PNG without those chunks that are not needed and have a wrong checksum.

    Browsers leave them out in the same way; Pillow would refuse the whole picture.
    """
    parts, kept = [SIGNATURE], True
    for kind, start, end in _chunks(data):
        needed = not kind[0] & 0x20  # a capital first letter: the picture cannot do without
        right = zlib.crc32(data[start + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")
        if needed or right:
            parts.append(data[start:end])
        else:
            kept = False
    return data if kept else b"".join(parts)


def depth_and_colour(data: bytes) -> tuple[int, int]:
    """Return the bits of a value, 1 to 16, and the kind of colour, ``GREY`` or another."""
    return (data[DEPTH_AT], data[COLOUR_AT]) if len(data) > COLOUR_AT else (0, 0)


def is_deep_colour(data: bytes) -> bool:
    """Return whether a PNG has several channels of 16 bits, of which Pillow keeps 8."""
    depth, colour = depth_and_colour(data)
    return depth == 16 and colour in COLOURS


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of each chunk; the last may reach to the end of a cut file."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if end > len(data):  # cut short: left as it is, for Pillow to say so
            yield kind.upper(), at, len(data)
            return
        yield kind, at, end
        at = end
    if at < len(data):
        yield b"REST", at, len(data)
