"""Regions of a picture that a question is about: a pixel, a brushed area, a predicted segment.

A region is a boolean array (H, W) over the pixels of the picture, fixed before anything is
perturbed: a region that moves with the prediction makes attributions meaningless.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from analysis.core.activation_cache import Trace
from analysis.core.checks import check_label, check_pixel
from analysis.core.errors import AnalysisError
from uniformer.classes import ClassSet
from uniformer.heads import resize_bilinear

MAX_SIDE = 512
"""Longest side, in pixels, at which labels for regions are decided."""


def predicted_labels(trace: Trace) -> np.ndarray:
    """Return the class of every pixel of the traced picture, uint8 (H, W).

    Logits are resized to the network's input and on to the picture, as for a prediction. Pictures
    larger than ``MAX_SIDE`` are labelled at that size and enlarged to nearest pixels: a region may
    then be off by a pixel or two at its border, and memory stays bounded.
    """
    height, width = trace.picture_size_px
    factor = min(1.0, MAX_SIDE / max(height, width))
    small = max(1, round(height * factor)), max(1, round(width * factor))
    with torch.no_grad():
        logits = resize_bilinear(trace.logits, trace.network_size_px)
        labels = resize_bilinear(logits, small)[0].argmax(dim=0).cpu().numpy().astype(np.uint8)
    if small == (height, width):
        return labels
    rows = (np.arange(height) + 0.5) * small[0] // height
    columns = (np.arange(width) + 0.5) * small[1] // width
    return labels[rows.astype(int)[:, None], columns.astype(int)]


def pixel_region(size_px: tuple[int, int], x: int, y: int) -> np.ndarray:
    """Return the region of the single pixel in column ``x`` and row ``y``."""
    check_pixel(size_px, x, y)
    region = np.zeros(size_px, dtype=bool)
    region[y, x] = True
    return region


def segment_region(labels: np.ndarray, x: int, y: int) -> np.ndarray:
    """Return the connected area (8 neighbours) of equal ``labels`` (H, W) around a pixel."""
    seed = pixel_region(labels.shape, x, y)
    parts, _ = ndimage.label(labels == labels[y, x], structure=np.ones((3, 3)))
    return parts == parts[seed][0]


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
