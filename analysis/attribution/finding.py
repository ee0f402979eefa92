"""What one attribution method found, before it is put together with the question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Finding:
    """A map (rows, columns) in the method's own resolution, and what there is to say about it.

    ``baseline_score`` is the score of the picture a method compares with. ``completeness_gap`` is
    how far the map's sum is from the change of the score, as a share of that change. ``note`` is
    one sentence a reader must not miss. Each is None where it does not apply.
    """

    map: np.ndarray
    baseline_score: float | None = None
    completeness_gap: float | None = None
    note: str | None = None
