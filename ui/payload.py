"""What the browser needs of a result, sent once: hovering and sliding then cost no request."""

from __future__ import annotations

import base64
import io
import zlib
from dataclasses import asdict
from typing import Any

import numpy as np
from PIL import Image

from ui import text
from ui.store import Held

MAX_VIEW_SIDE = 1600
"""Longest side, in pixels, of what is drawn in the browser; downloads have every pixel."""


def view_payload(key: str, held: Held) -> dict[str, Any]:
    """Return a result as JSON for ``assets/viewer.js``.

    ``picture`` is a JPEG data URL; ``labels`` (class indices) and ``percent`` (confidence in whole
    percent) are row-major bytes, compressed with zlib and written in base64, because a browser
    reads bytes back exactly and pixels of an image file not always. All three have ``width`` x
    ``height`` pixels, at most ``MAX_VIEW_SIDE`` a side; labels are picked, never mixed.
    """
    result = held.result
    height, width = result.labels.shape
    scale = min(1.0, MAX_VIEW_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    percent = np.rint(result.confidence * 100).astype(np.uint8)
    settings = result.settings
    return {
        "key": key,
        "width": size[0],
        "height": size[1],
        "picture": _jpeg(result.picture, size),
        "labels": _packed(result.labels, size),
        "percent": _packed(percent, size),
        "rows": [asdict(row) for row in result.table()],
        "facts": text.facts(
            width, height, result.model, settings["reach"], settings["window_size"], held.seconds
        ),
        "notice": "" if result.weights.trained else result.weights.note,
        "title": held.subject.title,
        "alt": held.subject.alt,
        "credit": held.subject.credit,
    }


def _jpeg(picture: np.ndarray, size: tuple[int, int]) -> str:
    image = Image.fromarray(picture)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _packed(values: np.ndarray, size: tuple[int, int]) -> str:
    image = Image.fromarray(values)
    if image.size != size:
        image = image.resize(size, Image.Resampling.NEAREST)
    return base64.b64encode(zlib.compress(image.tobytes(), 6)).decode()
