"""What the browser needs to show a segmentation: hovering and sliding then cost no request."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from analysis.report.packing import jpeg_url, packed_image, size_within
from uniformer.segmentation import Segmentation

MAX_VIEW_SIDE = 1600
"""Longest side, in pixels, of what is drawn in the browser; downloads have every pixel."""


def segmentation_view(result: Segmentation) -> dict[str, Any]:
    """Return a result as JSON for ``assets/viewer.js``, but a key and words about the picture.

    ``picture`` is a JPEG data URL; ``labels`` (class indices) and ``percent`` (confidence in whole
    percent) are row-major bytes as in :mod:`analysis.report.packing`, because a browser reads bytes
    back exactly and pixels of an image file not always. All three have ``width`` x ``height``
    pixels, at most ``MAX_VIEW_SIDE`` a side; labels are picked, never mixed.
    """
    height, width = result.labels.shape
    size = size_within(width, height, MAX_VIEW_SIDE)
    percent = np.rint(result.confidence * 100).astype(np.uint8)
    return {
        "width": size[0],
        "height": size[1],
        "picture": jpeg_url(result.picture, size),
        "labels": packed_image(result.labels, size),
        "percent": packed_image(percent, size),
        "rows": [asdict(row) for row in result.table()],
        "notice": "" if result.weights.trained else result.weights.note,
    }
