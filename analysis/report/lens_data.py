"""What the lens needs in the browser: sent once, so that moving the probe costs no request."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from analysis.affinity.atlas import GlobalAtlas, LocalAtlas, global_atlas, local_atlas
from analysis.affinity.row_summary import LOCAL_STAGES
from analysis.core.activation_cache import Trace
from analysis.core.token_classes import token_classes
from analysis.figures.palette import color_steps
from analysis.report.packing import jpeg_url, packed, packed_image, size_within
from uniformer.segmentation import Segmentation

MAX_LENS_SIDE = 1024
"""Longest side, in pixels, of the picture under the lens."""

SHARE_STEPS = 65535
"""Steps in which shares of classes are sent: they are off by less than 0.001 %."""

MAPS = (
    ("distance_picture_px", "uniform_distance_picture_px", "entropy"),
    ("distance_picture_px", "uniform_distance_picture_px", "entropy", "mass_5x5", "padding_mass"),
)
"""Numbers of every row, sent as float32 after the peaks: of local blocks, and of global ones."""


def lens_view(result: Segmentation, trace: Trace, max_bytes: int) -> dict[str, Any]:
    """Return everything ``assets/lens.js`` needs as JSON but a key and words about the picture.

    Packed values are as in :mod:`analysis.report.packing`. ``labels`` has every pixel of the
    picture, and is the map of :attr:`Trace.labels`, by which questions name classes too.
    ``percent`` (confidence) has ``width`` x ``height`` pixels, at most ``MAX_LENS_SIDE`` a side.
    ``pieces`` holds blocks, the last block of every stage first, as far as ``max_bytes`` of codes,
    before compression, allow.
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
        "labels": packed(trace.labels.tobytes()),
        "percent": packed_image(percent, size),
        "classes": _classes(trace),
        "stages": [_stage(trace, stage) for stage in (1, 2, 3, 4)],
        "pieces": first_pieces(trace, max_bytes),
        "colors": color_steps(256),
        "model": result.model,
        "reach": trace.reach,
        "notice": "" if result.weights.trained else result.weights.note,
    }


def piece(trace: Trace, stage: int, block: int, head: int | None) -> dict[str, Any]:
    """Return all rows of one block: codes to draw, and numbers as :mod:`analysis` has them.

    ``maps`` are float32 values per token, one map after another: the peaks of the codes, then
    ``MAPS``. ``composition`` is the share of each token's row on each of the classes of the stage,
    uint16 in ``SHARE_STEPS``. With no head, codes are those of the mean row of the heads and
    numbers the means of the heads' numbers, see :class:`analysis.affinity.atlas.GlobalAtlas`.
    """
    if stage in LOCAL_STAGES:
        local = local_atlas(trace, stage, block)
        kernel = (local.kernel / local.kernel.mean()).ravel().tolist()
        return {"head": None, "kernel": kernel, **_packed(local, MAPS[0])}
    atlas = global_atlas(trace, stage, block, head)
    return {"head": head, "cell": atlas.cell, **_packed(atlas, MAPS[1])}


def _classes(trace: Trace) -> list[dict[str, Any]]:
    """Return number, name and colour of the classes that occur."""
    classes = trace.model.classes
    return [
        {"index": index, "name": classes.names[index], "color": classes.colors[index]}
        for index in np.unique(trace.labels).tolist()
    ]


def _stage(trace: Trace, stage: int) -> dict[str, Any]:
    """Return the layout of a stage and which classes its tokens cover."""
    grid = trace.grid(stage)
    rows, columns = grid.shape
    box = grid.box((0, 0))
    layers = trace.block(stage, 0)
    return {
        "stage": stage,
        "rows": rows,
        "columns": columns,
        "token_width": box.right_px,
        "token_height": box.bottom_px,
        "windows": trace.windows[stage - 1],
        "heads": 0 if stage in LOCAL_STAGES else layers.attn.heads,
        "classes": token_classes(trace.labels, grid).classes.tolist(),
    }


def first_pieces(trace: Trace, max_bytes: int) -> list[dict[str, Any]]:
    """Return the last block of every stage, then the ones before, until the bytes are spent."""
    last_first = [
        [(stage, block) for block in reversed(range(len(trace.windows[stage - 1])))]
        for stage in (1, 2, 3, 4)
    ]
    pieces: list[dict[str, Any]] = []
    spent = 0
    for wave in zip_longest(*last_first):
        for stage, block in filter(None, wave):
            rows, columns = trace.grid(stage).shape
            spent += rows * columns * (25 if stage in LOCAL_STAGES else rows * columns)
            if pieces and spent > max_bytes:
                return pieces
            pieces.append(piece(trace, stage, block, None))
    return pieces


def _packed(atlas: GlobalAtlas | LocalAtlas, names: Sequence[str]) -> dict[str, Any]:
    """Return codes, maps and composition of an atlas."""
    maps = np.stack([atlas.peak, *(getattr(atlas, name) for name in names)])
    steps = np.rint(atlas.composition * SHARE_STEPS).astype("<u2")
    return {
        "stage": atlas.stage,
        "block": atlas.block,
        "codes": packed(atlas.codes.tobytes()),
        "maps": packed(maps.astype("<f4").tobytes()),
        "composition": packed(steps.tobytes()),
    }
