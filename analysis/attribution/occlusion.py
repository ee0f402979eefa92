"""Attribution by hiding: how far the score falls when a window or a segment is replaced.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901. The
perturbations are captum's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from analysis.attribution.finding import Finding
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work

Score = Callable[[Tensor], Tensor]
"""Maps network inputs (B, 3, h, w) to one number each (B,)."""

MAX_WINDOWS = 1024
"""Each window is one forward pass."""

MAX_SEGMENTS, MIN_SEGMENT_SHARE = 40, 0.005
"""Smaller or further connected areas join the nearest one that is kept."""

CHUNK = 8
"""Segments between two reports of progress."""


def occlusion(
    score: Score, x: Tensor, baseline: Tensor, window_px: int, stride_px: int
) -> Work[Finding]:
    """Find how far the score falls when a window around a pixel shows ``baseline``, (h, w).

    A pixel's value is the mean over the windows that cover it, so detail is as fine as the stride.
    Windows of ``window_px`` input pixels move by ``stride_px``; one row of them is one step.

    Raises :class:`AnalysisError` for windows that do not fit the input, leave gaps or are more than
    1024.
    """
    height, width = x.shape[-2:]
    rows, columns = _shifts(height, width, window_px, stride_px)
    fall = np.zeros((height, width))
    covered = np.zeros((height, 1))
    for row in range(rows):
        band = slice(row * stride_px, min(row * stride_px + window_px, height))
        fall[band] += _hide_along(score, x, baseline, band, window_px, stride_px)
        covered[band] += 1
        yield Progress((row + 1) * columns, rows * columns)
    return Finding(fall / covered, baseline_score=_value(score, baseline))


def segment_ablation(
    score: Score, x: Tensor, baseline: Tensor, segments: np.ndarray
) -> Work[Finding]:
    """Find how far the score falls when each of ``segments`` alone shows ``baseline``, (h, w).

    ``segments`` (h, w) numbers the input's pixels from 0, as :func:`connected_segments` does. All
    pixels of a segment share its value: a large one does not matter more per pixel.
    """
    from captum.attr import FeatureAblation  # captum takes seconds to import

    count = int(segments.max()) + 1
    numbers = torch.from_numpy(segments).to(x.device)
    fall = np.zeros(segments.shape)
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        inside = (numbers >= first) & (numbers < last)
        mask = torch.where(inside, numbers - first, last - first)
        found = FeatureAblation(score).attribute(x, baseline, feature_mask=mask[None, None])
        fall[inside.cpu().numpy()] = found[0, 0][inside].double().cpu().numpy()
        yield Progress(last, count)
    note = None
    if count == 1:
        note = "The whole picture is one predicted segment: hiding it compares nothing."
    return Finding(fall, baseline_score=_value(score, baseline), note=note)


def connected_segments(labels: np.ndarray) -> np.ndarray:
    """Return the connected areas (8 neighbours) of equal ``labels`` (h, w), numbered from 0.

    Areas below 0.5 % of the pixels, and all beyond the 40 largest, join the nearest one that stays.
    """
    from scipy import ndimage  # the page starts without it

    parts, count = np.zeros(labels.shape, dtype=np.int64), 0
    for label in np.unique(labels):
        found, new = ndimage.label(labels == label, structure=np.ones((3, 3)))
        parts[found > 0] = found[found > 0] + count - 1
        count += new
    areas = np.bincount(parts.ravel())
    kept = np.argsort(-areas, kind="stable")[:MAX_SEGMENTS]
    kept = kept[areas[kept] >= min(MIN_SEGMENT_SHARE * parts.size, areas.max())]
    row, column = ndimage.distance_transform_edt(
        ~np.isin(parts, kept), return_distances=False, return_indices=True
    )
    return np.unique(parts[row, column], return_inverse=True)[1].reshape(labels.shape)


def _shifts(height: int, width: int, window_px: int, stride_px: int) -> tuple[int, int]:
    """Return how many rows and columns of windows there are."""
    if not 1 <= stride_px <= window_px <= min(height, width):
        raise AnalysisError(
            f"Windows of {window_px} px moved by {stride_px} px do not fit: the step must be at "
            f"least 1 and at most the window, the window at most {min(height, width)} px of the "
            "network's input."
        )
    rows, columns = (-(-(side - window_px) // stride_px) + 1 for side in (height, width))
    if rows * columns > MAX_WINDOWS:
        raise AnalysisError(
            f"That is {rows * columns} windows, and at most {MAX_WINDOWS} are run: choose a larger "
            f"step than {stride_px} px or a smaller short side."
        )
    return rows, columns


def _hide_along(
    score: Score, x: Tensor, baseline: Tensor, band: slice, window_px: int, stride_px: int
) -> np.ndarray:
    """Return captum's occlusion of the rows ``band`` by windows as high as the band."""
    from captum.attr import Occlusion

    def score_of_band(part: Tensor) -> Tensor:
        whole = x.clone()
        whole[:, :, band] = part
        return score(whole)

    part = x[:, :, band]
    found = Occlusion(score_of_band).attribute(
        part,
        sliding_window_shapes=(3, part.shape[2], window_px),
        strides=(3, part.shape[2], stride_px),
        baselines=baseline[:, :, band],
    )
    return found[0, 0].double().cpu().numpy()


def _value(score: Score, x: Tensor) -> float:
    with torch.no_grad():
        return score(x).item()
