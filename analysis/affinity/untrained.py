"""Say so when a model has learned nothing, instead of letting its maps look like findings."""

from __future__ import annotations

import numpy as np

from analysis.affinity.global_affinity import global_affinity
from analysis.affinity.row_summary import row_statistics
from analysis.core.activation_cache import Trace
from analysis.core.any_segmenter import AnySegmenter

NEARLY_UNIFORM = 0.99
"""Normalised entropy above which a row counts as uniform; random weights reach 0.999."""


def untrained_note(trace: Trace) -> str | None:
    """Return one sentence if the weights are untrained, to be shown beside results; else None.

    That is what the weights' own record says, or else what attention shows: with random weights the
    rows of all heads are uniform. One row per block is looked at, that of the token in the middle;
    of models that prune tokens or are no UniFormer, only the record.
    """
    if not trace.weights.trained:
        return trace.weights.note
    if isinstance(trace.model, AnySegmenter) or trace.model.config.backbone.pruned:
        return None
    entropies: list[float] = []
    for stage in (3, 4):
        rows, columns = trace.grid(stage).shape
        for block in range(len(trace.windows[stage - 1])):
            row = global_affinity(trace, stage, block, (rows // 2, columns // 2))
            entropies.extend(row_statistics(row).heads.entropy)
    # Windows of a single token have no entropy (NaN); stage 4 always has four tokens or more.
    if np.nanmin(entropies) > NEARLY_UNIFORM:
        return (
            "Attention is nearly uniform in every head of every block: the weights look untrained."
        )
    return None
