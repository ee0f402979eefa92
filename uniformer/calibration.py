"""Does a probability of 0.8 come true in 80 % of the pixels? Counts per bin of confidence.

Expected calibration error: Guo et al., "On Calibration of Modern Neural Networks", arXiv
1706.04599: the mean of |accuracy - confidence| over the bins, weighted by their pixels. Pixels of
one picture are correlated, so many pixels do not make it a sure figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from uniformer.classes import IGNORE_INDEX

BINS = 15
UNIT = 2**20
"""Confidences are summed as whole numbers of this share, so that sums do not depend on order."""


@dataclass(frozen=True)
class Reliability:
    """What became of the labels of each bin of confidence; bin i spans i / 15 to (i + 1) / 15.

    ``pixels`` (15,) counts annotated pixels; ``confidence`` and ``accuracy`` (15,), 0 to 1, are the
    mean confidence and the share labelled right, NaN where the bin is empty. ``error`` is the
    expected calibration error, 0 to 1, NaN without pixels.
    """

    pixels: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


def count_bins(confidence: np.ndarray, prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return sums (3, 15), int64: pixels, those labelled right, and confidence in 2**-20.

    All maps are (H, W): confidence in 0..1, labels, and labels with 255 where nothing is known.
    """
    known = truth != IGNORE_INDEX
    whole = np.rint(confidence[known].astype(np.float64) * UNIT).astype(np.int64)
    # Upper edges belong to a bin, as in the paper.
    bins = np.clip(-(-whole * BINS // UNIT) - 1, 0, BINS - 1)
    hits = (prediction == truth)[known]
    sums: np.ndarray = np.zeros((3, BINS), dtype=np.int64)
    for row, values in zip(sums, (np.ones_like(whole), hits, whole), strict=True):
        np.add.at(row, bins, values)
    return sums


def reliability(sums: np.ndarray) -> Reliability:
    """Return what sums (3, 15) of :func:`count_bins`, added up over pictures, say."""
    pixels, hits, confidence = sums
    total = pixels.sum()
    with np.errstate(invalid="ignore"):
        mean, accuracy = confidence / UNIT / pixels, hits / pixels
        gap = np.abs(hits - confidence / UNIT).sum() / total
    return Reliability(pixels, mean, accuracy, float(gap))
