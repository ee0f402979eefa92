"""Pictures and maps as text that a browser reads back exactly, for JSON."""

from __future__ import annotations

import base64
import io
import zlib

import numpy as np
from PIL import Image


def size_within(width: int, height: int, side: int) -> tuple[int, int]:
    """Return width and height scaled down, if need be, so that neither exceeds ``side``."""
    scale = min(1.0, side / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def jpeg_url(picture: np.ndarray, size: tuple[int, int]) -> str:
    """Return a picture at ``size`` (width, height) as a data URL."""
    image = Image.fromarray(picture)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def packed_image(values: np.ndarray, size: tuple[int, int]) -> str:
    """Return uint8 ``values`` (H, W), picked at ``size`` (width, height), as :func:`packed`."""
    image = Image.fromarray(values)
    if image.size != size:
        image = image.resize(size, Image.Resampling.NEAREST)
    return packed(image.tobytes())


def packed(data: bytes) -> str:
    """Return bytes compressed with zlib and written in base64."""
    return base64.b64encode(zlib.compress(data, 6)).decode()
