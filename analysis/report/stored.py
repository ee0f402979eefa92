"""What a report keeps of a labelled picture: enough for a browser to answer every probe alone.

All of it is in the frames that a server sends (:mod:`analysis.report.frames`), but that vectors are
codes of 16 bits times a scale of their own: off by at most 1 / 65534 of their largest value, which
moves no digit that is shown but by a chance below one in a hundred.
``assets/web/stored_source.js`` reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
import torch
import torch.nn.functional as F

from analysis.affinity.row_summary import LOCAL_STAGES
from analysis.core.activation_cache import Trace
from analysis.report.workbench_data import Content, block_content, picture_content
from uniformer.segmentation import Segmentation

MAX_BLOCK_BYTES = 16_000_000
"""Of the blocks in a report, before compression; the earliest of a large picture are left out."""

STEPS = 32767
"""Codes from nothing to the largest value of a vector."""

UNLIKELY = 1e-4
"""Classes that are less probable than this everywhere are kept as one."""

DEEPEST, DEPTH_STEPS = 32.0, 65535
"""How far below the largest a logit still counts, in nats, and its codes: a step is 0.0005."""


def picture_kept(result: Segmentation, trace: Trace) -> Content:
    """Return the picture and its labels, as :func:`picture_content`, and how it was labelled."""
    facts, arrays = picture_content(result, trace.model)
    for stage, windows in zip(facts["stages"], trace.windows, strict=True):
        stage["windows"] = list(windows)  # those of the moment of tracing
    config, settings = trace.model.config, result.settings
    own = settings["short_side"] == config.short_side
    facts["setting"] = {
        "model": result.model,
        "reach": settings["reach"],
        "windowSize": settings["window_size"],
        **({} if own else {"shortSide": settings["short_side"]}),
    }
    facts["model"] = {
        "name": result.model,
        "task": config.task,
        "trained": result.weights.trained,
    }
    untrained = () if result.weights.trained else (result.weights.note,)
    facts["notices"] = [*untrained, *result.notes]
    return facts, arrays


def logits_kept(trace: Trace) -> Content:
    """Return the logits of all cells, of which the probabilities at every pixel are made.

    ``depth`` (classes kept + 1, rows, columns), uint16, is how far a logit lies below the largest
    of its cell, in steps of ``step`` nats: what is taken from all classes softmax does not see. The
    last one stands for all classes that are unlikely everywhere.
    """
    logits = trace.logits.float()
    # Between two cells a class can be likelier than in both.
    finer = F.interpolate(logits, scale_factor=2, mode="bilinear")
    likely = finer.softmax(1).amax((0, 2, 3)) >= UNLIKELY
    kept, others = logits[0, likely], logits[0, ~likely]
    # Of no classes the sum is minus infinity, which is as deep as any.
    kept = torch.cat([kept, others.logsumexp(0, keepdim=True)])
    depth = (kept.amax(0) - kept).clamp(max=DEEPEST) * (DEPTH_STEPS / DEEPEST)
    rows, columns = logits.shape[-2:]
    height, width = trace.network_size_px
    facts = {
        "step": DEEPEST / DEPTH_STEPS,
        "indices": likely.nonzero()[:, 0].tolist(),
        "rows": rows,
        "columns": columns,
        "networkHeight": height,
        "networkWidth": width,
    }
    return facts, {"depth": depth.round().cpu().numpy().astype("<u2")}


def blocks_kept(trace: Trace, max_bytes: int = MAX_BLOCK_BYTES) -> Iterator[Content]:
    """Yield the last block of every stage, then the ones before, as far as ``max_bytes`` allow.

    They are as :func:`block_content` has them, but for ``norms``, ``q`` and ``k``: of each vector
    there are int16 codes, and ``normsScale``, ``qScale`` and ``kScale`` to be multiplied with.
    """
    pruned = trace.model.config.backbone.pruned  # its blocks have no rows
    last_first = [
        [(stage, block) for block in reversed(range(len(windows)))]
        for stage, windows in enumerate(trace.windows, start=1)
        if stage in LOCAL_STAGES or not pruned
    ]
    spent = 0
    for wave in zip_longest(*last_first):
        for stage, block in filter(None, wave):
            facts, arrays = block_content(trace, stage, block)
            coded = {}
            for name, values in arrays.items():
                if name in AXES:
                    coded[name], coded[f"{name}Scale"] = _coded(values, AXES[name])
                else:
                    coded[name] = values
            size = sum(array.nbytes for array in coded.values())
            if spent and spent + size > max_bytes:
                return
            spent += size
            yield facts, coded


AXES = {"norms": 0, "q": 2, "k": 2}
"""Along which a vector of these lies."""


def _coded(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and scales of vectors along ``axis``: their product is ``values``."""
    scale = np.abs(values).max(axis, keepdims=True) / STEPS
    codes = np.rint(values / np.where(scale, scale, 1)).astype("<i2")
    return codes, scale.squeeze(axis).astype("<f4")
