"""From logits at stride 4 to maps at picture size, without a full-size map per class.

The official path resizes logits bilinearly to the network's input, then to the picture, and takes
softmax and argmax. Both resizes, the averaging of overlapping windows and the undoing of a mirror
image are linear and act on rows and columns separately, so together they are two matrices per
window: ``picture = rows @ logits @ columns.T``. A tile of the picture needs a small block of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import iadd

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

TILE_HEIGHT, TILE_WIDTH = 64, 128
"""In picture pixels: 150 classes take 5 MB, so that a tile stays in the processor's cache."""

LOG2_E = math.log2(math.e)
"""torch.exp2 takes a quarter of the time of torch.exp."""

NEGLIGIBLE = 20.0
"""Classes whose logit stays this far below another's are left out: each has p < 3e-9."""


@dataclass(frozen=True)
class Band:
    """One tile's part of a resize along one axis.

    ``weights`` (pixels, cells) is what each of the ``cells`` of a window gives to each pixel.
    """

    cells: slice
    weights: Tensor


@dataclass(frozen=True)
class WindowLogits:
    """Logits (cells high, cells wide, classes) of one window, and their bands, tile by tile."""

    logits: Tensor
    rows: Sequence[Band]
    columns: Sequence[Band]

    @classmethod
    def of(cls, logits: Tensor, rows: Tensor, columns: Tensor) -> WindowLogits:
        """Return the window of these logits and these two :func:`resize_weights`."""
        rows, columns = (weights.to(logits.device) for weights in (rows, columns))
        return cls(logits, _bands(rows, TILE_HEIGHT), _bands(columns, TILE_WIDTH))


def _bands(weights: Tensor, pixels: int) -> list[Band]:
    """Cut resize weights into bands of ``pixels``, each with only the cells that reach it."""
    bands = []
    for part in weights.split(pixels):
        reached = part.any(dim=0).nonzero().flatten().tolist()
        cells = slice(reached[0], reached[-1] + 1) if reached else slice(0, 0)
        bands.append(Band(cells, part[:, cells].contiguous()))
    return bands


@dataclass(frozen=True)
class LabelMaps:
    """Arrays (H, W), described at :class:`uniformer.segmentation.Segmentation`."""

    labels: np.ndarray
    confidence: np.ndarray
    entropy: np.ndarray
    margin: np.ndarray


def resize_weights(cells: int, span: tuple[int, int], share: Tensor, size: int) -> Tensor:
    """Return (size, cells): what each cell of a window gives to each pixel along one axis.

    The window covers ``span`` of the network's input; ``share``, one number per pixel of that
    input, is 1 over the number of windows there. Zero where the window does not reach.
    """
    network = torch.zeros(1, cells, len(share))
    network[..., slice(*span)] = _resize(torch.eye(cells)[None], span[1] - span[0])
    return _resize(network * share, size)[0].T


def _resize(lines: Tensor, size: int) -> Tensor:
    return F.interpolate(lines, size=size, mode="linear", align_corners=False)


def label_picture(
    passes: Sequence[Sequence[WindowLogits]],
    height: int,
    width: int,
    step: Callable[[], None] = lambda: None,
) -> LabelMaps:
    """Label a picture of ``height`` x ``width`` pixels from one or more passes over it.

    The windows of one pass cover the picture and their logits are averaged where they overlap. The
    softmax maps of several passes are averaged, as in the official multi-scale test. ``step`` is
    called after each of :func:`tile_rows` rows of tiles.
    """
    maps = LabelMaps(
        np.empty((height, width), dtype=np.uint8),
        *(np.empty((height, width), dtype=np.float32) for _ in range(3)),
    )
    for row, top in enumerate(range(0, height, TILE_HEIGHT)):
        for column, left in enumerate(range(0, width, TILE_WIDTH)):
            area = slice(top, top + TILE_HEIGHT), slice(left, left + TILE_WIDTH)
            _label_tile(maps, area, passes, row, column)
        step()
    return maps


def label_map(window: WindowLogits, height: int, width: int) -> np.ndarray:
    """Return the best class of every pixel alone, (H, W), where one window covers the picture.

    uint8, uint16 above 256 classes. Few classes can be the best in a tile, so that this takes a
    fraction of the time of :func:`label_picture`.
    """
    classes = window.logits.shape[-1]
    labels = np.empty((height, width), dtype=np.min_scalar_type(classes - 1))
    for row, top in enumerate(range(0, height, TILE_HEIGHT)):
        for column, left in enumerate(range(0, width, TILE_WIDTH)):
            block = _Block(window, row, column)
            kept = _relevant([block], 0.0).nonzero().flatten()
            scores = block.expand(kept)
            best = kept[_first_zero(scores - scores.amax(dim=0))]
            labels[top : top + TILE_HEIGHT, left : left + TILE_WIDTH] = best.cpu().numpy()
    return labels


def tile_rows(height: int) -> int:
    """Return the number of rows of tiles in a picture of that height."""
    return math.ceil(height / TILE_HEIGHT)


def _label_tile(
    maps: LabelMaps,
    area: tuple[slice, slice],
    passes: Sequence[Sequence[WindowLogits]],
    row: int,
    column: int,
) -> None:
    """Fill one tile of ``maps``."""
    tiles = [[_Block(window, row, column) for window in windows] for windows in passes]
    tiles = [[block for block in blocks if block.logits.numel()] for blocks in tiles]
    classes = passes[0][0].logits.shape[-1]
    kept = (
        torch.stack([_relevant(blocks, NEGLIGIBLE) for blocks in tiles])
        .any(dim=0)
        .nonzero()
        .flatten()
    )
    scores = _scores(tiles, kept)
    scores -= scores.amax(dim=0)
    best = _first_zero(scores)
    shares = (scores * LOG2_E).exp2_()  # of the probability of the best
    total = shares.sum(dim=0)
    entropy = total.log() - scores.mul_(shares).sum(dim=0) / total
    runner_up = shares.scatter_(0, best[None], 0.0).amax(dim=0)
    maps.labels[area] = kept[best].to(torch.uint8).cpu().numpy()
    maps.confidence[area] = (1 / total).cpu().numpy()
    maps.entropy[area] = (entropy / math.log(classes)).clamp_(0.0, 1.0).cpu().numpy()
    maps.margin[area] = ((1 - runner_up) / total).cpu().numpy()


class _Block:
    """The logits of one window that reach one tile."""

    def __init__(self, window: WindowLogits, row: int, column: int) -> None:
        self.rows, self.columns = window.rows[row], window.columns[column]
        self.logits = window.logits[self.rows.cells, self.columns.cells]

    def expand(self, classes: Tensor) -> Tensor:
        """Return this window's part of the tile's logits (classes, H, W), for some classes.

        Sums and maxima over the classes run along the pixels of a row, several times as fast as
        with the classes last. Two plain products, and no batched one: that takes ten times as long
        where threads sleep while they wait for each other.
        """
        logits = self.logits[..., classes].permute(0, 2, 1)  # (rows, classes, columns)
        rows, kept, _ = logits.shape
        wide = logits.reshape(rows * kept, -1) @ self.columns.weights.T
        full = self.rows.weights @ wide.view(rows, -1)
        return full.view(len(full), kept, -1).permute(1, 0, 2)


def _scores(tiles: Sequence[Sequence[_Block]], classes: Tensor) -> Tensor:
    """Return numbers (classes, H, W) whose softmax is the mean probability over all passes."""
    logits = [reduce(iadd, (block.expand(classes) for block in blocks)) for blocks in tiles]
    if len(logits) == 1:
        return logits[0]
    mean = reduce(iadd, (each.softmax(dim=0) for each in logits)) / len(logits)
    return mean.clamp_min(torch.finfo(torch.float32).tiny).log_()


def _first_zero(scores: Tensor) -> Tensor:
    """Return the first class (H, W) with the score 0, of scores (classes, H, W) of at most that.

    What :func:`torch.argmax` does in ten times as long along the first axis.
    """
    count = len(scores)
    backwards = torch.arange(count, 0, -1, dtype=scores.dtype, device=scores.device)
    return count - torch.add(backwards[:, None, None], scores, alpha=1e30).amax(dim=0).long()


def _relevant(blocks: Sequence[_Block], below: float) -> Tensor:
    """Return which classes (classes,) come within ``below`` of the best one somewhere in a tile.

    Every pixel's logits are weighted means of the blocks' cells. So each class stays below its
    largest cell, and the best class above the highest of the smallest cells.
    """
    largest = torch.stack([block.logits.amax(dim=(0, 1)) for block in blocks]).amax(dim=0)
    smallest = torch.stack([block.logits.amin(dim=(0, 1)) for block in blocks]).amin(dim=0)
    return largest >= smallest.amax() - below
