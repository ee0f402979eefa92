"""Every row of a block at once, in 8 bits a weight: what a probe needs to answer without asking.

A row is stored as round(255 sqrt(weight / peak)) with ``peak`` its largest weight. The square root
spends the codes where attention is small, which is most of a map; what is decoded differs from the
weight by at most ``ERROR_OF_PEAK`` of the peak. Codes are for drawing alone: every number of a row
is taken before that and stands beside them in float32. No L x L matrix of floats is ever held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.affinity.attention_rows import global_rows
from analysis.affinity.local_affinity import RADIUS
from analysis.affinity.local_rows import local_rows
from analysis.affinity.statistics import Rows, spreads
from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.token_classes import token_classes

ERROR_OF_PEAK = 1 / 255 + 0.25 / 255**2
"""Largest difference between a decoded and the true weight, as a share of the row's peak."""

MAX_BYTES = 6_000_000
"""What the codes of one block may take; beyond, neighbouring keys are summed into one cell."""


@dataclass(frozen=True)
class GlobalAtlas:
    """The rows of all queries of a block of stage 3 or 4: of one head, or of all (None).

    ``codes`` uint8 (rows, columns, cell rows, cell columns) holds for each query the weights on all
    keys, summed over cells of ``cell`` x ``cell`` keys; ``peak`` (rows, columns) is what code 255
    means. Of all heads, this is their mean row, for a map can show but one. The other maps
    (rows, columns) are the numbers of :meth:`analysis.RowStatistics.of`: of all heads, the mean of
    the heads' own numbers, which are not those of the mean row. ``composition`` (rows, columns, n)
    is the share of the weight on each of the classes that :func:`analysis.token_classes` finds. NaN
    stands where nothing can be said.
    """

    stage: int
    block: int
    head: int | None
    cell: int
    codes: np.ndarray
    peak: np.ndarray
    padding_mass: np.ndarray
    distance_picture_px: np.ndarray
    uniform_distance_picture_px: np.ndarray
    entropy: np.ndarray
    mass_5x5: np.ndarray
    composition: np.ndarray


@dataclass(frozen=True)
class LocalAtlas:
    """The 25 norm shares of all tokens of a block of stage 1 or 2.

    ``codes`` uint8 (rows, columns, 5, 5) and ``peak`` (rows, columns) hold
    :attr:`LocalAffinity.norm_share`. ``kernel`` (5, 5) is the mean over channels of the size of
    the learned kernel, the same for every picture. The maps (rows, columns) and ``composition``
    (rows, columns, n) are as in :class:`GlobalAtlas`.
    """

    stage: int
    block: int
    codes: np.ndarray
    peak: np.ndarray
    kernel: np.ndarray
    distance_picture_px: np.ndarray
    uniform_distance_picture_px: np.ndarray
    entropy: np.ndarray
    composition: np.ndarray


def decode(codes: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """Return the weights that ``codes`` (rows, columns, ...) stand for, float32."""
    scale = np.expand_dims(peak, tuple(range(peak.ndim, codes.ndim)))
    return np.square(codes.astype(np.float32) / 255) * scale


def global_atlas(
    trace: Trace, stage: int, block: int, head: int | None = None, max_bytes: int = MAX_BYTES
) -> GlobalAtlas:
    """Return the rows of all queries of a block, of ``head`` or of all heads.

    Where a window reaches beyond the map its padding takes part in the softmax, so the weights of a
    row sum to 1 - padding_mass. Raises :class:`AnalysisError` for a block or head that does not
    exist and for stages 1 and 2.
    """
    grid = trace.grid(stage)
    shape = rows, columns = grid.shape
    cell = _cell(shape, max_bytes)
    codes: np.ndarray = np.zeros((rows, columns, -(-rows // cell), -(-columns // cell)), np.uint8)
    maps: np.ndarray = np.empty((6, rows, columns), np.float32)
    classes = torch.from_numpy(token_classes(trace.labels, grid).share).flatten(0, 1)
    composition = np.empty((rows, columns, classes.shape[1]), np.float32)
    for chunk in global_rows(trace, stage, block):
        chosen = _of_head(chunk, head)
        heads, even = spreads(chosen, grid)
        distance, _, entropy, _, near, _ = heads.mean(1).flatten(0, 1).T.cpu()
        uniform = even[:, 0].expand(len(chunk.queries), -1).flatten().cpu()
        padding = chosen.padding_mass.mean(1).flatten().cpu()
        placed = _placed(chosen, shape)
        y, x = chunk.queries.flatten(0, 1).T.cpu().numpy()
        codes[y, x], peak = _encode(_in_cells(placed.view(-1, rows, columns), cell))
        numbers = (peak, padding, distance, uniform, entropy, near)
        maps[:, y, x] = torch.stack([number.float() for number in numbers]).numpy()
        composition[y, x] = (placed @ classes.to(placed)).float().cpu().numpy()
    peak, padding, distance, uniform, entropy, near = maps
    return GlobalAtlas(
        stage, block, head, cell, codes, peak, padding, distance, uniform, entropy, near,
        composition,
    )  # fmt: skip


def local_atlas(trace: Trace, stage: int, block: int) -> LocalAtlas:
    """Return the norm shares of all tokens of a block of stage 1 or 2.

    Raises :class:`AnalysisError` for a block that does not exist and for stages 3 and 4.
    """
    grid, side = trace.grid(stage), 2 * RADIUS + 1
    shape = grid.shape
    chunks = list(local_rows(trace, stage, block))
    heads, even = zip(*(spreads(rows, grid) for rows in chunks), strict=True)
    spread = torch.cat(heads, dim=2)[0, 0].float().cpu()
    weight = torch.cat([rows.weight for rows in chunks], dim=2)[0, 0]
    total = weight.sum(-1, keepdim=True)
    share = torch.where(total > 0, weight / total, 0).view(*shape, side, side).cpu()
    codes, peak = _encode(share)
    classes = torch.from_numpy(token_classes(trace.labels, grid).share)
    kernel = trace.block(stage, block).attn.weight.detach()[:, 0].abs().mean(0)
    return LocalAtlas(
        stage=stage,
        block=block,
        codes=codes,
        peak=peak.numpy(),
        kernel=kernel.cpu().numpy(),
        distance_picture_px=spread[:, 0].view(shape).numpy(),
        uniform_distance_picture_px=torch.cat(even)[:, 0].float().view(shape).cpu().numpy(),
        entropy=spread[:, 2].view(shape).numpy(),
        composition=_around(share, classes.to(share)).float().numpy(),
    )


def _of_head(rows: Rows, head: int | None) -> Rows:
    """Return rows with ``head`` alone, or as they are."""
    if head is None:
        return rows
    heads = rows.weight.shape[1]
    if not 0 <= head < heads:
        raise AnalysisError(f"There is no head {head}: its block has heads 0 to {heads - 1}.")
    weight, padding = (x[:, head : head + 1] for x in (rows.weight, rows.padding_mass))
    return rows._replace(weight=weight, padding_mass=padding)


def _placed(rows: Rows, shape: tuple[int, int]) -> Tensor:
    """Return the mean row of the heads of each query on the whole map, (queries, tokens)."""
    weight = rows.weight.mean(1).flatten(0, 1)
    y, x = (rows.queries[:, :, None] + rows.offsets).flatten(0, 1).unbind(-1)
    placed = weight.new_zeros(len(weight), shape[0] * shape[1])
    return placed.scatter_(1, y * shape[1] + x, weight)


def _around(share: Tensor, classes: Tensor) -> Tensor:
    """Return what the 25 ``share`` of each token (rows, columns, 5, 5) come to by class.

    ``classes`` (rows, columns, n) are the shares of the classes of each token.
    """
    rows, columns = share.shape[:2]
    padded = F.pad(classes, (0, 0, *[RADIUS] * 4))
    found = torch.zeros_like(classes)
    for down, across in np.ndindex(tuple(share.shape[2:])):
        neighbours = padded[down : down + rows, across : across + columns]
        found += share[:, :, down, across, None] * neighbours
    return found


def _cell(shape: tuple[int, int], max_bytes: int) -> int:
    """Return the side of the smallest cells of keys with which the codes fit ``max_bytes``."""
    rows, columns = shape
    cell = 1
    while rows * columns * -(-rows // cell) * -(-columns // cell) > max_bytes and cell < max(shape):
        cell += 1
    return cell


def _in_cells(rows: Tensor, cell: int) -> Tensor:
    """Return rows (queries, rows, columns) of keys summed over cells of ``cell`` x ``cell``."""
    _, height, width = rows.shape
    padded = F.pad(rows, (0, -width % cell, 0, -height % cell))
    return padded.unflatten(2, (-1, cell)).unflatten(1, (-1, cell)).sum((2, 4))


def _encode(rows: Tensor) -> tuple[np.ndarray, Tensor]:
    """Return codes and peaks of rows (..., key rows, key columns)."""
    peak = rows.amax((-2, -1), keepdim=True)
    share = rows / peak.clamp_min(torch.finfo(torch.float32).tiny)
    codes = (255 * share.sqrt()).round().to(torch.uint8)
    return codes.cpu().numpy(), peak[..., 0, 0].float().cpu()
