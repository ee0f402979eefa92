"""Where a prediction is wrong, and whether that is at a border or in the middle of things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from analysis.core.errors import AnalysisError
from uniformer.classes import IGNORE_INDEX
from uniformer.metrics import boundary_width

UNKNOWN, HIT, BORDER_MISS, MISS = range(4)
"""Codes of an error map: not annotated, labelled right, wrong near a border, wrong elsewhere."""


@dataclass(frozen=True)
class ErrorMap:
    """``kind`` (H, W), uint8, has one of the four codes for every pixel of a picture.

    A pixel is near a border if the annotation changes within ``border_px`` of it, rows and columns
    alike; what is not annotated counts as a change, the edge of the picture does not. The distance
    is that of boundary IoU (2 % of the diagonal). ``confusion`` (classes, classes) counts pixels, a
    row per annotated class. Many misses near borders can be the annotation's as well.
    """

    kind: np.ndarray
    border_px: int
    confusion: np.ndarray

    def share(self, code: int) -> float:
        """Return the share of annotated pixels of one kind, 0 to 1; NaN if none is annotated."""
        annotated = np.count_nonzero(self.kind != UNKNOWN)
        return np.count_nonzero(self.kind == code) / annotated if annotated else float("nan")


@dataclass(frozen=True)
class Confusion:
    """``pixels`` of class ``truth`` that were labelled ``predicted``, both by name.

    ``share`` is the part of all annotated pixels of ``truth``, 0 to 1.
    """

    truth: str
    predicted: str
    pixels: int
    share: float


def error_map(labels: np.ndarray, truth: np.ndarray, classes: int) -> ErrorMap:
    """Compare predicted ``labels`` with the annotation ``truth``, both uint8 (H, W).

    ``classes`` is how many there are; 255 in ``truth`` means "not annotated". Raises
    :class:`AnalysisError` for maps of different size, without any annotated pixel, or with a label
    that is no class.
    """
    if labels.shape != truth.shape:
        raise AnalysisError(
            f"The labels have {labels.shape[0]} x {labels.shape[1]} pixels, the annotation "
            f"{truth.shape[0]} x {truth.shape[1]}."
        )
    known = truth != IGNORE_INDEX
    if not known.any():
        raise AnalysisError("No pixel is annotated: there is nothing to compare.")
    wanted, found = truth[known].astype(int), labels[known].astype(int)
    highest = max(wanted.max(), found.max())
    if highest >= classes:
        raise AnalysisError(f"There is no class {highest}: the classes are 0 to {classes - 1}.")
    distance = boundary_width(*truth.shape)
    kind = np.where(
        labels == truth, HIT, np.where(_near_border(truth, distance), BORDER_MISS, MISS)
    )
    confusion = np.bincount(wanted * classes + found, minlength=classes**2)
    return ErrorMap(
        kind=np.where(known, kind, UNKNOWN).astype(np.uint8),
        border_px=distance,
        confusion=confusion.reshape(classes, classes),
    )


def top_confusions(
    confusion: np.ndarray, names: Sequence[str], count: int = 10
) -> tuple[Confusion, ...]:
    """Return the ``count`` most frequent confusions of a matrix (classes, classes) of pixels.

    Rows are annotated classes, columns predicted ones, as in
    :class:`uniformer.evaluation.Evaluation`.
    """
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return tuple(
        Confusion(
            names[truth],
            names[predicted],
            int(wrong[truth, predicted]),
            float(wrong[truth, predicted] / confusion[truth].sum()),
        )
        for truth, predicted in pairs
        if wrong[truth, predicted]
    )


def _near_border(truth: np.ndarray, distance: int) -> np.ndarray:
    """Return which pixels have another label within ``distance`` rows and columns."""
    square: np.ndarray = np.ones((2 * distance + 1, 2 * distance + 1), dtype=np.uint8)
    # Both leave out what lies beyond the picture.
    return cv2.erode(truth, square) != cv2.dilate(truth, square)
