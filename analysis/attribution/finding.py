"""What one attribution method found, before it is put together with the question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.core.evidence import Grade


@dataclass(frozen=True)
class Finding:
    """A map (rows, columns) in the method's own resolution, and what there is to say about it.

    ``baseline_score`` is the score of the picture a method compares with. ``completeness_gap`` is
    how far the map's sum is from the change of the score, as a share of that change. ``note`` is
    one sentence a reader must not miss. ``grade`` is that of this very map, where what came out
    earns less than the method's own, and ``points`` how many were taken along a path. Each is None
    where it does not apply.
    """

    map: np.ndarray
    baseline_score: float | None = None
    completeness_gap: float | None = None
    note: str | None = None
    grade: Grade | None = None
    points: int | None = None
