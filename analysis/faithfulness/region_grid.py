"""Maps, regions and distances brought onto one grid, so that they can be compared cell by cell."""

from __future__ import annotations

import numpy as np

from analysis.core.errors import AnalysisError
from uniformer.config import STRIDES

Size = tuple[int, int]
"""Rows and columns of a grid."""


def map_on_input(values: np.ndarray, size_px: Size, name: str = "map") -> np.ndarray:
    """Return a map (rows, columns) at every pixel of the network's input, nearest, float64.

    A map with as many cells as a stage has tokens is laid out like these: strips at the right and
    bottom that no token sees get the nearest one. Any other map is stretched over the input.

    Raises :class:`AnalysisError` for a map that is not two-dimensional or not finite; ``name`` is
    what the message calls it.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise AnalysisError(
            f"The {name} must be finite numbers in rows and columns: compute it again."
        )
    rows, columns = (np.arange(side) for side in size_px)
    for stride in STRIDES:
        if values.shape == (size_px[0] // stride, size_px[1] // stride):
            rows = np.minimum(rows // stride, values.shape[0] - 1)
            columns = np.minimum(columns // stride, values.shape[1] - 1)
            return values[rows[:, None], columns]
    rows, columns = _nearest(size_px, values.shape)
    return values[rows[:, None], columns]


def region_on_grid(region: np.ndarray, size: Size) -> np.ndarray:
    """Return the cells of a grid of ``size`` that a ``region`` (H, W) touches, bool.

    A region as small as one pixel of the picture still has a cell.
    """
    rows, columns = _nearest(size, region.shape)
    covered = region[rows[:, None], columns]
    inside = np.nonzero(region)
    rows, columns = _nearest(region.shape, size)
    covered[rows[inside[0]], columns[inside[1]]] = True
    return covered


def distance_from(region: np.ndarray, size: Size) -> np.ndarray:
    """Return how far each cell of a grid of ``size`` is from a ``region`` (H, W), 0 within it.

    In pixels of the picture, between the centre of the cell and that of the nearest one that the
    region touches: float64 (rows, columns).
    """
    from scipy import ndimage  # the page starts without it

    cell_px = [side / cells for side, cells in zip(region.shape, size, strict=True)]
    outside = ~region_on_grid(region, size)
    found: np.ndarray = ndimage.distance_transform_edt(outside, sampling=cell_px)
    return found


def signed_distance(inside: np.ndarray) -> np.ndarray:
    """Return the distance of every cell to the border of ``inside``, in cells, negative inside.

    ``inside`` (rows, columns) is bool, the distance float64 of the same shape.
    Between centres of cells: the first cell outside has 1, the first inside -1. All 0 if nothing is
    outside.
    """
    if inside.all():
        return np.zeros(inside.shape)
    from scipy import ndimage  # the page starts without it

    return ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)


def _nearest(size: Size, source: Size) -> tuple[np.ndarray, np.ndarray]:
    """Return the row and the column of ``source`` at the centres of a grid of ``size``."""

    def along(side: int, length: int) -> np.ndarray:
        return (2 * np.arange(side) + 1) * length // (2 * side)

    return along(size[0], source[0]), along(size[1], source[1])
