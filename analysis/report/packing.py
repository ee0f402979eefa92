"""Pictures and maps as text that a browser reads back exactly."""

from __future__ import annotations

import base64
import io
import zlib

from PIL import Image


def size_within(width: int, height: int, side: int) -> tuple[int, int]:
    """Return width and height scaled down, if need be, so that neither exceeds ``side``."""
    scale = min(1.0, side / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def jpeg(image: Image.Image, side: int) -> bytes:
    """Return a picture as the bytes of a JPEG, scaled down to ``side`` pixels if it is longer."""
    size = size_within(*image.size, side)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def jpeg_url(data: bytes) -> str:
    """Return the bytes of a JPEG as an address that holds them."""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def packed(data: bytes) -> str:
    """Return bytes compressed with zlib and written in base64."""
    return base64.b64encode(zlib.compress(data, 6)).decode()
