"""Counts that label maps add up to over a data set, and the scores those counts give.

Intersection over union, class accuracy and pixel accuracy come from one confusion matrix of the
whole data set; a class that is neither annotated nor predicted anywhere has no score and takes no
part in a mean (mmseg's ``eval_metrics``). An average over pictures would be another, higher or
lower, number.

Boundary IoU: Cheng et al., "Boundary IoU: Improving Object-Centric Image Segmentation Evaluation",
arXiv 2103.16562: IoU of the pixels of a class within a distance of that class's own border, the
edge of the picture included. The distance is 2 % of the picture's diagonal, at least one pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix

from uniformer.calibration import BINS, count_bins
from uniformer.classes import IGNORE_INDEX

BOUNDARY_SHARE = 0.02
"""Distance from the border that counts as boundary, as a share of the picture's diagonal."""

BAND_PIXELS = 2**20
"""Pixels counted at once: counting needs some 50 bytes for each."""


@dataclass(frozen=True)
class Counts:
    """Sums over pictures, in pixels, as int64; add two to join two sets of pictures.

    ``confusion`` (classes, classes) has a row per annotated and a column per predicted class.
    ``boundary_intersection`` and ``boundary_union`` (classes,) compare the boundaries of a class.
    ``bins`` (3, 15) are those of :func:`uniformer.calibration.count_bins`, 0 where pictures were
    counted without their confidence.
    """

    confusion: np.ndarray
    boundary_intersection: np.ndarray
    boundary_union: np.ndarray
    bins: np.ndarray

    @classmethod
    def zero(cls, classes: int) -> Counts:
        """Return the counts of no pictures."""
        return cls(
            np.zeros((classes, classes), dtype=np.int64),
            np.zeros(classes, dtype=np.int64),
            np.zeros(classes, dtype=np.int64),
            np.zeros((3, BINS), dtype=np.int64),
        )

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            *(getattr(self, part.name) + getattr(other, part.name) for part in fields(self))
        )


@dataclass(frozen=True)
class Scores:
    """Scores in 0..1, float64 (classes,), NaN for a class that has none, and their means.

    ``accuracy`` is the share of a class's annotated pixels that were found (recall); ``aacc`` is
    the share of all annotated pixels that were labelled right, NaN when nothing is annotated.
    """

    iou: np.ndarray
    accuracy: np.ndarray
    boundary_iou: np.ndarray
    miou: float
    macc: float
    aacc: float
    mean_boundary_iou: float


def boundary_width(height: int, width: int) -> int:
    """Return the boundary's width in pixels for a picture of ``height`` x ``width``."""
    return max(1, round(BOUNDARY_SHARE * math.hypot(height, width)))


def boundaries(labels: np.ndarray, distance: int) -> np.ndarray:
    """Return labels (H, W) uint8 with 255 wherever a pixel is inside its class.

    A pixel is inside when the square of ``distance`` pixels to every side holds its class alone:
    for each class, what remains is the mask minus its erosion by that square. Comparing the lowest
    and the highest label of the square does this for all classes in one pass; outside of the
    picture the highest is 255, so that a square that leaves it is never of one class.
    """
    square: np.ndarray = np.ones((2 * distance + 1, 2 * distance + 1), dtype=np.uint8)
    lowest = cv2.erode(labels, square)
    highest = cv2.dilate(labels, square, borderType=cv2.BORDER_CONSTANT, borderValue=IGNORE_INDEX)
    return np.where(lowest == highest, np.uint8(IGNORE_INDEX), labels)


def count(
    prediction: np.ndarray,
    truth: np.ndarray,
    classes: int,
    confidence: np.ndarray | None = None,
) -> Counts:
    """Return the counts of one picture from two uint8 (H, W) maps of labels below ``classes``.

    ``confidence`` (H, W), 0 to 1, is the probability of each predicted label.

    Pixels where ``truth`` is 255 belong to no class in either map, so that they bound what is
    annotated in both alike.
    """
    prediction = np.where(truth == IGNORE_INDEX, np.uint8(IGNORE_INDEX), prediction)
    height, width = truth.shape
    distance = boundary_width(height, width)
    found, wanted = boundaries(prediction, distance), boundaries(truth, distance)
    rows = max(1, BAND_PIXELS // width)
    bands = (slice(top, top + rows) for top in range(0, height, rows))
    counts = sum(
        (
            _count_band(prediction[band], truth[band], found[band], wanted[band], classes)
            for band in bands
        ),
        Counts.zero(classes),
    )
    if confidence is None:
        return counts
    return replace(counts, bins=count_bins(confidence, prediction, truth))


def score(counts: Counts) -> Scores:
    """Return the scores that ``counts`` give."""
    hits = counts.confusion.diagonal()
    annotated, predicted = counts.confusion.sum(axis=1), counts.confusion.sum(axis=0)
    iou = _share(hits, annotated + predicted - hits)
    accuracy = _share(hits, annotated)
    boundary_iou = _share(counts.boundary_intersection, counts.boundary_union)
    return Scores(
        iou=iou,
        accuracy=accuracy,
        boundary_iou=boundary_iou,
        miou=_mean(iou),
        macc=_mean(accuracy),
        aacc=float(_share(hits.sum(), annotated.sum())),
        mean_boundary_iou=_mean(boundary_iou),
    )


def _count_band(
    prediction: np.ndarray,
    truth: np.ndarray,
    found: np.ndarray,
    wanted: np.ndarray,
    classes: int,
) -> Counts:
    """Return the counts of some rows; ``found`` and ``wanted`` are the two maps' boundaries."""
    confusion = multiclass_confusion_matrix(
        torch.from_numpy(prediction).long(),
        torch.from_numpy(truth).long(),
        num_classes=classes,
        ignore_index=IGNORE_INDEX,
        validate_args=False,
    )
    intersection = _histogram(found[found == wanted], classes)
    union = _histogram(found, classes) + _histogram(wanted, classes) - intersection
    return replace(
        Counts.zero(classes),
        confusion=confusion.numpy(),
        boundary_intersection=intersection,
        boundary_union=union,
    )


def _histogram(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return how many pixels each class has, those without a class left out."""
    return np.bincount(labels.ravel(), minlength=IGNORE_INDEX + 1)[:classes]


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, NaN where whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _mean(values: np.ndarray) -> float:
    """Return the mean of the values there are, NaN when there is none."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else math.nan
