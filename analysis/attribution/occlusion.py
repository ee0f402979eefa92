"""Attribution by hiding: how far the score falls when a window or a segment is replaced.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901.
Segments are hidden by captum. Windows are hidden here one by one, so that a map can be shown while
it is made and the work be stopped between any two; the map is captum's.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from analysis.attribution.finding import Finding
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from analysis.core.targets import ScoreFunction

MAX_WINDOWS = 1024
"""Each window is one forward pass."""

MAX_SEGMENTS, MIN_SEGMENT_SHARE = 40, 0.005
"""Smaller or further connected areas join the nearest one that is kept."""

CHUNK = 8
"""Segments between two reports of progress."""

TOLD = 4
"""Windows between two reports of progress."""


def occlusion(
    score: ScoreFunction, x: Tensor, baseline: Tensor, window_px: int, stride_px: int
) -> Work[Finding]:
    """Find how far the score falls when a window around a pixel shows ``baseline``, (h, w).

    A pixel's value is the mean over the windows that cover it, so detail is as fine as the stride.
    Windows of ``window_px`` input pixels move by ``stride_px``; a few are one step, after which
    the map so far is told, NaN where no window has been.

    Raises :class:`AnalysisError` for windows that do not fit the input, leave gaps or are more than
    1024.
    """
    height, width = x.shape[-2:]
    rows, columns = _shifts(height, width, window_px, stride_px)
    whole, hidden = _value(score, x), x.clone()
    fall, covered = np.zeros((height, width)), np.zeros((height, width))
    for number, (row, column) in enumerate(np.ndindex(rows, columns), start=1):
        top, left = row * stride_px, column * stride_px
        window = np.s_[top : top + window_px, left : left + window_px]
        hidden[..., window[0], window[1]] = baseline[..., window[0], window[1]]
        fall[window] += whole - _value(score, hidden)
        hidden[..., window[0], window[1]] = x[..., window[0], window[1]]
        covered[window] += 1
        if number % TOLD == 0 or number == rows * columns:
            found = np.divide(fall, covered, out=np.full_like(fall, np.nan), where=covered > 0)
            yield Progress(number, rows * columns, found)
    return Finding(fall / covered, baseline_score=_value(score, baseline))


def segment_ablation(
    score: ScoreFunction, x: Tensor, baseline: Tensor, segments: np.ndarray
) -> Work[Finding]:
    """Find how far the score falls when each of ``segments`` alone shows ``baseline``, (h, w).

    ``segments`` (h, w) numbers the input's pixels from 0, as :func:`connected_segments` does. All
    pixels of a segment share its value: a large one does not matter more per pixel.
    """
    from captum.attr import FeatureAblation  # captum takes seconds to import

    count = int(segments.max()) + 1
    numbers = torch.from_numpy(segments).to(x.device)
    fall = np.full(segments.shape, np.nan)
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        inside = (numbers >= first) & (numbers < last)
        mask = torch.where(inside, numbers - first, last - first)
        found = FeatureAblation(score).attribute(x, baseline, feature_mask=mask[None, None])
        fall[inside.cpu().numpy()] = found[0, 0][inside].double().cpu().numpy()
        yield Progress(last, count, fall.copy())
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


def _value(score: ScoreFunction, x: Tensor) -> float:
    with torch.no_grad():
        return score(x).item()
