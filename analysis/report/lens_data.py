"""What the lens needs in the browser: sent once, so that moving the probe costs no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np

from analysis.affinity.atlas import LocalAtlas, global_atlas, local_atlas
from analysis.affinity.attended_classes import attended_classes
from analysis.affinity.global_affinity import GlobalAffinity, global_affinity
from analysis.affinity.local_affinity import local_affinity
from analysis.affinity.row_statistics import global_row_statistics, local_row_statistics
from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.token_classes import token_classes
from analysis.figures.canvas import color_steps
from analysis.report.packing import jpeg_url, packed, packed_image, size_within
from uniformer.segmentation import Segmentation

MAX_LENS_SIDE = 1024
"""Longest side, in pixels, of the picture under the lens."""

LOCAL_STAGES, GLOBAL_STAGES = (1, 2), (3, 4)

Choice = tuple[int, int | None]
"""Block, counted from 0, and head; None is the mean over heads."""


def lens_view(result: Segmentation, trace: Trace, max_bytes: int) -> dict[str, Any]:
    """Return everything ``assets/lens.js`` needs as JSON but a key and words about the picture.

    Packed values are as in :mod:`analysis.report.packing`. ``pieces`` holds blocks, the last block
    of every stage first, as far as ``max_bytes`` of codes, before compression, allow.
    """
    height, width = result.labels.shape
    size = size_within(width, height, MAX_LENS_SIDE)
    percent = np.rint(result.confidence * 100).astype(np.uint8)
    return {
        "width": size[0],
        "height": size[1],
        "picture_width": width,
        "picture_height": height,
        "picture": jpeg_url(result.picture, size),
        "labels": packed_image(result.labels, size),
        "percent": packed_image(percent, size),
        "classes": [
            {"index": row.index, "name": row.name, "color": row.color} for row in result.table()
        ],
        "stages": [_stage(trace, stage, result.labels) for stage in (1, 2, 3, 4)],
        "pieces": first_pieces(trace, max_bytes),
        "colors": color_steps(256),
        "model": result.model,
        "reach": trace.reach,
        "notice": "" if result.weights.trained else result.weights.note,
    }


def piece(trace: Trace, stage: int, block: int, head: int | None) -> dict[str, Any]:
    """Return all rows of one block; ``maps`` are float32 values per token, one map after another.

    In stages 1 and 2 these are peak, distance and entropy; in 3 and 4 peak, padding mass, distance,
    that of uniform weights, entropy and 5x5 mass.
    """
    if stage in LOCAL_STAGES:
        return _local_piece(local_atlas(trace, stage, block))
    atlas = global_atlas(trace, stage, block, head)
    maps = [atlas.peak, atlas.padding_mass, atlas.distance_px, atlas.uniform_distance_px]
    return {
        "stage": stage,
        "block": block,
        "head": head,
        "cell": atlas.cell,
        "codes": packed(atlas.codes.tobytes()),
        "maps": packed(np.stack([*maps, atlas.entropy, atlas.mass_5x5]).tobytes()),
    }


def exact(
    labels: np.ndarray, trace: Trace, x: int, y: int, choices: Mapping[int, Choice]
) -> dict[str, Any]:
    """Return the float values of one probe as ``analysis`` computes them, stage by stage.

    Raises :class:`analysis.AnalysisError` for a pixel, block or head that does not exist.
    """
    return {
        "x": x,
        "y": y,
        "stages": {
            str(stage): _exact_stage(trace, labels, stage, choice, x, y)
            for stage, choice in choices.items()
        },
    }


def _stage(trace: Trace, stage: int, labels: np.ndarray) -> dict[str, Any]:
    """Return the layout of a stage and which classes its tokens cover."""
    grid = trace.grid(stage)
    rows, columns = grid.shape
    box = grid.box((0, 0))
    found = token_classes(labels, grid)
    layers = trace.block(stage, 0)
    return {
        "stage": stage,
        "rows": rows,
        "columns": columns,
        "token_width": box.right_px,
        "token_height": box.bottom_px,
        "stride": grid.stride,
        "windows": trace.windows[stage - 1],
        "heads": layers.attn.heads if stage in GLOBAL_STAGES else 0,
        "classes": found.classes.tolist(),
        "shares": packed(np.rint(found.share * 255).astype(np.uint8).tobytes()),
    }


def first_pieces(trace: Trace, max_bytes: int) -> list[dict[str, Any]]:
    """Return the last block of every stage, then the ones before, until the bytes are spent."""
    last_first = [
        [(stage, block) for block in reversed(range(len(trace.windows[stage - 1])))]
        for stage in (1, 2, 3, 4)
    ]
    pieces, spent = [], 0
    for wave in zip_longest(*last_first):
        for stage, block in filter(None, wave):
            rows, columns = trace.grid(stage).shape
            spent += rows * columns * (25 if stage in LOCAL_STAGES else rows * columns)
            if pieces and spent > max_bytes:
                return pieces
            pieces.append(piece(trace, stage, block, None))
    return pieces


def _local_piece(atlas: LocalAtlas) -> dict[str, Any]:
    return {
        "stage": atlas.stage,
        "block": atlas.block,
        "head": None,
        "kernel": (atlas.kernel / atlas.kernel.mean()).ravel().tolist(),
        "codes": packed(atlas.codes.tobytes()),
        "maps": packed(np.stack([atlas.peak, atlas.distance_px, atlas.entropy]).tobytes()),
    }


def _exact_stage(
    trace: Trace, labels: np.ndarray, stage: int, choice: Choice, x: int, y: int
) -> dict[str, Any]:
    """Return weights, statistics and classes of the row of one stage; NaN is None in JSON."""
    block, head = choice
    grid = trace.grid(stage)
    token = grid.token_at(x, y)
    tokens = token_classes(labels, grid)
    if stage in LOCAL_STAGES:
        affinity = local_affinity(trace, stage, block, token)
        weight, spread = affinity.norm_share, local_row_statistics(affinity).heads
        numbers = {"distance_px": spread.distance_px, "entropy": spread.entropy}
    else:
        affinity = _one_row(global_affinity(trace, stage, block, token), head)
        weight, statistics = affinity.weight[0], global_row_statistics(affinity)
        numbers = {
            "padding_mass": affinity.padding_mass,
            "distance_px": statistics.heads.distance_px,
            "uniform_distance_px": statistics.uniform.distance_px,
            "entropy": statistics.heads.entropy,
            "mass_5x5": statistics.heads.mass_5x5,
        }
    found = attended_classes(affinity, tokens)
    return {
        "token": token,
        "weight": weight.ravel().tolist(),
        **{name: _number(values[0]) for name, values in numbers.items()},
        "composition": list(zip(found.classes.tolist(), found.share.tolist(), strict=True)),
    }


def _one_row(row: GlobalAffinity, head: int | None) -> GlobalAffinity:
    """Return ``row`` with the weights of one head, or their mean, in place of all heads."""
    if head is not None and not 0 <= head < len(row.weight):
        raise AnalysisError(f"There is no head {head}: choose 0 to {len(row.weight) - 1}.")
    heads = slice(None) if head is None else [head]
    return replace(
        row,
        weight=row.weight[heads].mean(0, keepdims=True),
        padding_mass=row.padding_mass[heads].mean(keepdims=True),
    )


def _number(value: float) -> float | None:
    """Return a float for JSON, which has no NaN."""
    return None if np.isnan(value) else float(value)
