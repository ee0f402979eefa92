"""Which classes the tokens of a stage cover.

A token covers many pixels that may differ in class, so each is described by the shares of the
classes in its box; ``analysis/affinity/attended_classes.py`` weighs these shares by a row of
attention.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.core.errors import AnalysisError
from analysis.core.grid import Grid

SAMPLES = 8
"""Points along each side of a token's box at which the labels are read."""


@dataclass(frozen=True)
class TokenClasses:
    """The labels under the tokens of one stage.

    ``classes`` (n,) are the indices of the classes that occur; ``share`` (rows, columns, n), 0 to 1
    and 1 in sum, is the part of each token's box that has each of them, read at 8 x 8 points.
    """

    classes: np.ndarray
    share: np.ndarray


def token_classes(labels: np.ndarray, grid: Grid) -> TokenClasses:
    """Return which classes the ``labels`` (H, W) of a picture give to the tokens of ``grid``.

    Raises :class:`AnalysisError` if labels and grid are of pictures of different size.
    """
    if labels.shape != tuple(grid.picture_size_px):
        raise AnalysisError(
            f"The labels are of {labels.shape[0]} x {labels.shape[1]} pixels, the picture of "
            f"{grid.picture_size_px[0]} x {grid.picture_size_px[1]}."
        )
    rows, columns = grid.shape
    box = grid.box((0, 0))
    y, x = (
        _points(count, side) for count, side in ((rows, box.bottom_px), (columns, box.right_px))
    )
    sampled = labels[y[:, None], x].reshape(rows, SAMPLES, columns, SAMPLES)
    classes = np.unique(sampled)
    share = [(sampled == label).mean(axis=(1, 3), dtype=np.float32) for label in classes]
    return TokenClasses(classes, np.stack(share, axis=-1))


def _points(count: int, side_px: float) -> np.ndarray:
    """Return the pixels at which ``count`` tokens of ``side_px`` along an axis are read."""
    return ((np.arange(count * SAMPLES) + 0.5) * side_px / SAMPLES).astype(int)
