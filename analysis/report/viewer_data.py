"""What the browser needs to show a segmentation: hovering and sliding then cost no request."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from analysis.figures.palette import SERIES, color_steps
from analysis.report.packing import jpeg_url, packed_image, size_within
from uniformer.segmentation import Segmentation

MAX_VIEW_SIDE = 1600
"""Longest side, in pixels, of what is drawn in the browser; downloads have every pixel."""

SAFE_COLORS, GREYS = (*SERIES[:-1], "#F0E442"), ("#8c8c8c", "#c6c6c6", "#555555")
"""For the largest classes of a picture, told apart with any colour vision, and for the others."""


def segmentation_view(result: Segmentation) -> dict[str, Any]:
    """Return a result as JSON for ``assets/viewer.js``, but a key and words about the picture.

    ``picture`` is a JPEG data URL; ``labels`` (class indices) and ``maps`` (confidence, entropy and
    margin in whole percent) are row-major bytes as in :mod:`analysis.report.packing`, because a
    browser reads bytes back exactly and pixels of an image file not always. All have ``width`` x
    ``height`` pixels, at most ``MAX_VIEW_SIDE`` a side; values are picked, never mixed. ``colors``
    are those of 0 to 100 percent.
    """
    height, width = result.labels.shape
    size = size_within(width, height, MAX_VIEW_SIDE)
    untrained = () if result.weights.trained else (result.weights.note,)
    maps = {name: getattr(result, name) for name in ("confidence", "entropy", "margin")}
    return {
        "width": size[0],
        "height": size[1],
        "picture": jpeg_url(result.picture, size),
        "labels": packed_image(result.labels, size),
        "maps": {
            name: packed_image(np.rint(100 * values).astype(np.uint8), size)
            for name, values in maps.items()
        },
        "colors": color_steps(101),
        "rows": [
            asdict(row) | {"safe_color": safe_color(rank)}
            for rank, row in enumerate(result.table())
        ],
        "notice": " ".join([*untrained, *result.notes]),
    }


def safe_color(rank: int) -> str:
    """Return the colour of the class with that many larger ones."""
    if rank < len(SAFE_COLORS):
        return SAFE_COLORS[rank]
    return GREYS[(rank - len(SAFE_COLORS)) % len(GREYS)]
