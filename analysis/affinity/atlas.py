"""Every row of a block at once, in 8 bits a weight: what a probe needs to answer without asking.

A row is stored as round(255 sqrt(weight / peak)) with ``peak`` its largest weight. The square root
spends the codes where attention is small, which is most of a map; what is decoded differs from the
weight by at most ``ERROR_OF_PEAK`` of the peak. Statistics are taken before that and are not
rounded. Rows are computed a few at a time: no L x L matrix of floats is ever held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.affinity.global_affinity import normed_input
from analysis.affinity.local_affinity import RADIUS
from analysis.affinity.local_rows import local_rows
from analysis.affinity.statistics import spread_of
from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.grid import Grid, Window
from uniformer.attention import Attention
from uniformer.config import STRIDES

ERROR_OF_PEAK = 1 / 255 + 0.25 / 255**2
"""Largest difference between a decoded and the true weight, as a share of the row's peak."""

MAX_BYTES = 6_000_000
"""What the codes of one block may take; beyond, neighbouring keys are summed into one cell."""

CHUNK = 256
"""Queries whose rows are held as floats at a time."""


@dataclass(frozen=True)
class GlobalAtlas:
    """The rows of all queries of a block of stage 3 or 4: of one head, or the mean (None).

    ``codes`` uint8 (rows, columns, cell rows, cell columns) holds for each query the weights on all
    keys, summed over cells of ``cell`` x ``cell`` keys; ``peak`` (rows, columns) is what code 255
    means. The other maps (rows, columns) describe each query's row as
    :func:`analysis.global_row_statistics` does; ``uniform_distance_px`` is the mean distance of
    uniform weights over the same keys. NaN where nothing can be said.
    """

    stage: int
    block: int
    head: int | None
    cell: int
    codes: np.ndarray
    peak: np.ndarray
    padding_mass: np.ndarray
    distance_px: np.ndarray
    uniform_distance_px: np.ndarray
    entropy: np.ndarray
    mass_5x5: np.ndarray


@dataclass(frozen=True)
class LocalAtlas:
    """The 25 norm shares of all tokens of a block of stage 1 or 2.

    ``codes`` uint8 (rows, columns, 5, 5) and ``peak`` (rows, columns) hold
    :attr:`LocalAffinity.norm_share`. ``kernel`` (5, 5) is the mean over channels of the size of
    the learned kernel, the same for every picture. ``distance_px`` and ``entropy`` (rows, columns)
    are those of :func:`analysis.local_row_statistics`.
    """

    stage: int
    block: int
    codes: np.ndarray
    peak: np.ndarray
    kernel: np.ndarray
    distance_px: np.ndarray
    entropy: np.ndarray


def decode(codes: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """Return the weights that ``codes`` (rows, columns, ...) stand for, float32."""
    scale = np.expand_dims(peak, tuple(range(peak.ndim, codes.ndim)))
    return np.square(codes.astype(np.float32) / 255) * scale


def global_atlas(
    trace: Trace, stage: int, block: int, head: int | None = None, max_bytes: int = MAX_BYTES
) -> GlobalAtlas:
    """Return the rows of all queries of a block, of ``head`` or averaged over heads.

    Where a window reaches beyond the map its padding takes part in the softmax, so the weights of a
    row sum to 1 - padding_mass. Raises :class:`AnalysisError` for a block or head that does not
    exist and for stages 1 and 2.
    """
    attention, normed = normed_input(trace, stage, block)
    if head is not None and not 0 <= head < attention.heads:
        raise AnalysisError(
            f"There is no head {head} in stage {stage}: its heads are 0 to {attention.heads - 1}."
        )
    grid = trace.grid(stage)
    rows, columns = grid.shape
    cell = _cell(grid.shape, max_bytes)
    codes = np.zeros((rows, columns, -(-rows // cell), -(-columns // cell)), np.uint8)
    maps = np.empty((6, rows, columns), np.float32)
    for window in _windows(grid, trace.windows[stage - 1][block]):
        for (y, x), weight in _rows(attention, normed, window, head):
            real, padding = weight.split([window.real_tokens, window.padding_tokens], dim=1)
            codes[y, x], peak = _encode(_placed(real.cpu().numpy(), window, grid.shape, cell))
            statistics = _statistics(real, torch.from_numpy(np.stack([y, x], -1)), window, stage)
            maps[:, y, x] = np.stack([peak, padding.sum(1).cpu().numpy(), *statistics])
    return GlobalAtlas(stage, block, head, cell, codes, *maps)


def local_atlas(trace: Trace, stage: int, block: int) -> LocalAtlas:
    """Return the norm shares of all tokens of a block of stage 1 or 2.

    The length of what token j adds at offset d, ``|W2 (a_d * v(j))|``, depends on j and d alone, so
    25 maps of lengths, shifted, are all that is needed. Raises :class:`AnalysisError` for a block
    that does not exist and for stages 3 and 4.
    """
    chunks = list(local_rows(trace, stage, block))
    weight = torch.cat([rows.weight for rows in chunks], dim=2).double()
    keys = torch.cat([rows.inside for rows in chunks]).sum(1)
    total = weight.sum(-1, keepdim=True)
    spread = spread_of(weight / total, chunks[0].offsets, keys, stage)[0, 0].float().cpu()
    share = torch.where(total > 0, weight / total, 0)[0, 0]
    shape, side = trace.grid(stage).shape, 2 * RADIUS + 1
    codes, peak = _encode(share.view(*shape, side, side).cpu().numpy())
    kernel = trace.block(stage, block).attn.weight.detach()[:, 0].abs().mean(0)
    return LocalAtlas(
        stage=stage,
        block=block,
        codes=codes,
        peak=peak,
        kernel=kernel.cpu().numpy(),
        distance_px=spread[:, 0].view(shape).numpy(),
        entropy=spread[:, 1].view(shape).numpy(),
    )


def _cell(shape: tuple[int, int], max_bytes: int) -> int:
    """Return the side of the smallest cells of keys with which the codes fit ``max_bytes``."""
    rows, columns = shape
    cell = 1
    while rows * columns * -(-rows // cell) * -(-columns // cell) > max_bytes and cell < max(shape):
        cell += 1
    return cell


def _windows(grid: Grid, size: int | None) -> Iterator[Window]:
    """Yield the windows that ``size`` x ``size`` tokens cut the map into (None: the map)."""
    rows, columns = grid.shape
    for token in product(range(0, rows, size or rows), range(0, columns, size or columns)):
        yield grid.window(token, size)


def _rows(
    attention: Attention, normed: Tensor, window: Window, head: int | None
) -> Iterator[tuple[tuple[np.ndarray, np.ndarray], Tensor]]:
    """Yield rows and columns of some queries of a window with their weights (queries, tokens)."""
    bottom, right = window.top + window.rows, window.left + window.columns
    real = normed[window.top : bottom, window.left : right].flatten(0, 1)
    tokens = F.pad(real, (0, 0, 0, window.padding_tokens))
    with torch.no_grad():
        query, key, _ = attention.project(tokens[None])
        for start in range(0, len(real), CHUNK):
            chosen = np.arange(start, min(start + CHUNK, len(real)))
            weight = attention.affinity(query[:, :, chosen], key)[0]
            weight = weight.mean(0) if head is None else weight[head]
            y, x = np.divmod(chosen, window.columns)
            yield (y + window.top, x + window.left), weight


def _statistics(weight: Tensor, queries: Tensor, window: Window, stage: int) -> np.ndarray:
    """Return distance, that of uniform weights, entropy and 5x5 mass of rows (queries, keys)."""
    weight = weight.double().cpu()
    down, across = torch.arange(window.rows), torch.arange(window.columns)
    keys = torch.cartesian_prod(down + window.top, across + window.left)
    offsets = keys[None] - queries[:, None]
    share = weight / weight.sum(1, keepdim=True)
    count = torch.full((len(queries),), window.real_tokens)
    distance, entropy, _, near, _ = spread_of(share, offsets, count, stage).T
    uniform = offsets.double().norm(dim=-1).mean(1) * STRIDES[stage - 1]
    return torch.stack([distance, uniform, entropy, near]).numpy()


def _placed(weight: np.ndarray, window: Window, shape: tuple[int, int], cell: int) -> np.ndarray:
    """Put rows (queries, keys) of a window back on the map and sum them over cells of keys."""
    rows, columns = shape
    below, beside = -rows % cell, -columns % cell
    placed = np.zeros((len(weight), rows + below, columns + beside))
    inside = placed[:, window.top : window.top + window.rows]
    inside = inside[:, :, window.left : window.left + window.columns]
    inside[:] = weight.reshape(inside.shape)
    cells = placed.reshape(len(weight), (rows + below) // cell, cell, -1, cell)
    return cells.sum(axis=(2, 4))


def _encode(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return codes and peaks of rows (..., key rows, key columns)."""
    peak = rows.max(axis=(-2, -1), keepdims=True)
    share = rows / np.maximum(peak, np.finfo(np.float32).tiny)
    return np.rint(255 * np.sqrt(share)).astype(np.uint8), peak[..., 0, 0].astype(np.float32)
