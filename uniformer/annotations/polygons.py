"""Masks as polygons along the edges of pixels, with holes, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

Ring = list[list[int]]
"""A closed line [x, y] in pixels from the picture's upper left corner; the first point ends it."""

_NEXT, _CHILD = 0, 2


def polygons_of(mask: np.ndarray, left: int = 0, top: int = 0) -> list[list[Ring]]:
    """Return the polygons of a bool mask (H, W): for each, its outline and then its holes.

    ``left`` and ``top`` are added to x and y. Pixels that only touch at a corner are apart, so that
    no outline touches itself.
    """
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    polygons = []
    for part in range(1, count):
        x, y, width, height = boxes[part, :4]
        own = parts[y : y + height, x : x + width] == part
        polygons.append(list(_rings(own, left + x, top + y)))
    return polygons


def _rings(mask: np.ndarray, left: int, top: int) -> Iterator[Ring]:
    """Yield the outline of a mask of one part, then its holes.

    OpenCV's lines run through the centres of border pixels. At twice the size the two pixels beside
    an edge k have indices 2k - 1 and 2k, of which (index + 1) // 2 is k.
    """
    twice: np.ndarray = mask.astype(np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    lines, tree = cv2.findContours(twice, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outline = next(at for at, node in enumerate(tree[0]) if node[3] == -1)
    at = outline
    yield _corners(lines[at], left, top, clockwise=False)
    at = tree[0][outline][_CHILD]
    while at != -1:
        yield _corners(lines[at], left, top, clockwise=True)
        at = tree[0][at][_NEXT]


def _corners(line: np.ndarray, left: int, top: int, clockwise: bool) -> Ring:
    """Return the points where a line turns, closed; y points down, RFC 7946 looks from below."""
    points: np.ndarray = (line[:, 0] + 1) // 2
    points = points[np.any(points != np.roll(points, 1, axis=0), axis=1)]
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    points = points[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    x, y = points[:, 0], points[:, 1]
    area = np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))
    if (area < 0) != clockwise:
        points = points[::-1]
    ring = (points + np.array([left, top])).tolist()
    return [*ring, ring[0]]
