"""A labelled picture and the blocks of its model as facts and arrays, for a page that draws itself.

Each function returns a pair: facts for JSON, and arrays by name. What the browser computes from
them, rows of attention above all, comes out as the functions of :mod:`analysis.affinity` have it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from analysis.affinity.global_affinity import normed_input
from analysis.affinity.local_rows import contribution_norms
from analysis.affinity.row_summary import LOCAL_STAGES
from analysis.core.activation_cache import Trace
from analysis.core.forward import windows_of
from analysis.core.grid import Grid
from analysis.figures.palette import safe_color
from analysis.report.packing import jpeg, size_within
from uniformer.config import STRIDES
from uniformer.segmentation import Segmentation
from uniformer.segmenter import Segmenter

MAX_IMAGE_SIDE = 2048
"""Longest side in pixels of the photo that is sent."""

MAX_MAP_SIDE = 1600
"""Longest side of confidence, entropy and margin; labels have every pixel of the picture."""

Content = tuple[dict[str, Any], dict[str, np.ndarray]]


def picture_content(result: Segmentation, model: Segmenter) -> Content:
    """Return what is known of every pixel of a picture that ``model`` labelled.

    Arrays: ``labels`` (height, width), indices of classes; ``confidence``, ``entropy`` and
    ``margin`` (mapHeight, mapWidth) in whole percent, picked and never mixed. Facts have all
    classes of the model with their shares of the picture, and the stages.
    """
    height, width = result.labels.shape
    size = size_within(width, height, MAX_MAP_SIDE)
    maps = {
        name: _picked(np.rint(100 * getattr(result, name)).astype(np.uint8), size)
        for name in ("confidence", "entropy", "margin")
    }
    facts = {
        "width": width,
        "height": height,
        "mapWidth": size[0],
        "mapHeight": size[1],
        "classes": class_facts(result),
        "stages": stage_facts(model, (height, width), tuple(result.settings["network_sizes"][0])),
    }
    return facts, {"labels": result.labels, **maps}


def photo_bytes(result: Segmentation) -> np.ndarray:
    """Return the picture that was labelled, scaled down if it is large, as the bytes of a JPEG."""
    return np.frombuffer(jpeg(Image.fromarray(result.picture), MAX_IMAGE_SIDE), np.uint8)


def class_facts(result: Segmentation) -> list[dict[str, Any]]:
    """Return all classes by index; those that are not in the picture have share 0."""
    found = {row.index: (rank, row) for rank, row in enumerate(result.table())}
    facts = []
    for index, name in enumerate(result.classes.names):
        rank, row = found.get(index, (len(found), None))
        facts.append(
            {
                "index": index,
                "name": name,
                "color": result.classes.colors[index],
                "safeColor": safe_color(rank),
                "share": row.share if row else 0.0,
                "meanConfidence": row.mean_confidence if row else 0.0,
            }
        )
    return facts


def stage_facts(
    model: Segmenter, picture_size_px: tuple[int, int], network_size_px: tuple[int, int]
) -> list[dict[str, Any]]:
    """Return where the tokens of the four stages lie, and the blocks and heads of each."""
    config, facts = model.config.backbone, []
    for stage, windows in enumerate(windows_of(model), start=1):
        grid = Grid(picture_size_px, network_size_px, STRIDES[stage - 1])
        rows, columns = grid.shape
        height, width = grid.token_size_px
        local = stage in LOCAL_STAGES
        facts.append(
            {
                "stage": stage,
                "kind": "local" if local else "global",
                "stride": grid.stride,
                "rows": rows,
                "columns": columns,
                "tokenWidth": width,
                "tokenHeight": height,
                "depth": len(windows),
                "heads": config.heads[stage - 1],
                "windows": list(windows),
                "pruned": config.pruned and not local,
            }
        )
    return facts


def block_content(trace: Trace, stage: int, block: int) -> Content:
    """Return what the rows of all queries of a block are made of.

    Of stages 3 and 4 ``q`` (heads, tokens, d), times d ** -0.5, ``k`` (heads, tokens, d) and
    ``paddingKey`` (heads, d), the key of every padding token of a window: the softmax of q . k over
    the keys of a query's window, padding among them, is ``weight`` of
    :func:`analysis.global_affinity`. Of stages 1 and 2 ``norms`` (25, rows, columns), whose share
    is ``norm_share`` of :func:`analysis.local_affinity`, and ``kernel`` (25,), the mean over
    channels of the size of the learned kernel. All are float32. Raises :class:`AnalysisError` for
    a block that does not exist or prunes tokens.
    """
    rows, columns = trace.grid(stage).shape
    facts: dict[str, Any] = {"stage": stage, "block": block, "rows": rows, "columns": columns}
    with torch.no_grad():
        if stage in LOCAL_STAGES:
            norms = contribution_norms(trace, stage, block)
            kernel = trace.block(stage, block).attn.weight[:, 0].abs().mean(0).flatten()
            arrays = {"norms": norms, "kernel": kernel}
            facts["kind"] = "local"
        else:
            attention, normed = normed_input(trace, stage, block)
            width, heads = normed.shape[-1], attention.heads
            made = F.linear(
                normed.flatten(0, 1), attention.qkv.weight[: 2 * width],
                attention.qkv.bias[: 2 * width],
            )  # fmt: skip
            query, key = made.unflatten(1, (2, heads, -1)).permute(1, 2, 0, 3)
            padding = attention.qkv.bias[width : 2 * width].unflatten(0, (heads, -1))
            arrays = {"q": query * attention.scale, "k": key, "paddingKey": padding}
            facts |= {
                "kind": "global",
                "heads": heads,
                "headSize": width // heads,
                "window": trace.windows[stage - 1][block],
            }
    return facts, {name: _float32(values) for name, values in arrays.items()}


def _float32(values: Tensor) -> np.ndarray:
    return values.detach().float().cpu().contiguous().numpy()


def _picked(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    image = Image.fromarray(values)
    return np.asarray(image if image.size == size else image.resize(size, Image.Resampling.NEAREST))
