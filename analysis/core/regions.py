"""Regions of a picture that a question is about: a pixel, a brushed area, a predicted segment.

A region is a boolean array (H, W) over the pixels of the picture, fixed before anything is
perturbed: a region that moves with the prediction makes attributions meaningless.
"""

from __future__ import annotations

import cv2
import numpy as np

from analysis.core.checks import check_label, check_pixel
from analysis.core.errors import AnalysisError
from uniformer.classes import ClassSet


def pixel_region(size_px: tuple[int, int], x: int, y: int) -> np.ndarray:
    """Return the region, bool of ``size_px`` (H, W), of the single pixel in column x and row y.

    Raises :class:`AnalysisError` for a pixel outside the picture.
    """
    check_pixel(size_px, x, y)
    region: np.ndarray = np.zeros(size_px, dtype=bool)
    region[y, x] = True
    return region


def segment_region(labels: np.ndarray, x: int, y: int) -> np.ndarray:
    """Return the connected area (8 neighbours) of equal ``labels`` (H, W) around a pixel, bool.

    Raises :class:`AnalysisError` for a pixel outside the picture.
    """
    check_pixel(labels.shape, x, y)
    _, parts = cv2.connectedComponents((labels == labels[y, x]).astype(np.uint8), connectivity=8)
    return parts == parts[y, x]


def class_region(labels: np.ndarray, label: int, classes: ClassSet) -> np.ndarray:
    """Return where ``labels`` (H, W) are ``label``; AnalysisError if that is nowhere."""
    check_label(label, classes)
    region = labels == label
    if not region.any():
        raise AnalysisError(
            f"No pixel of the picture is labelled {classes.names[label]}: choose a class of the "
            "legend, a pixel or an area."
        )
    return region
