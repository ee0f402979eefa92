"""Masks as lengths of runs, which COCO, CVAT and Label Studio each pack in a way of their own."""

from __future__ import annotations

import numpy as np

_WORD_BITS, _COUNT_BITS = 8, 16


def run_lengths(mask: np.ndarray) -> list[int]:
    """Return the lengths of the runs of False, True, False, ... in a bool array, read by rows.

    The first counts False, so it is 0 where the array begins with True. Transpose a mask for runs
    down its columns, as COCO counts them.
    """
    values = np.concatenate([[False], mask.ravel()])
    changes = np.flatnonzero(values[1:] != values[:-1])
    return np.diff(np.concatenate([[0], changes, [mask.size]])).tolist()


def brush_bytes(mask: np.ndarray) -> list[int]:
    """Return a bool mask (H, W) in the bytes that Label Studio keeps for what a brush painted.

    They hold the H*W*4 bytes of an RGBA picture, 255 where the mask is and 0 elsewhere, packed as
    thi.ng/rle-pack does: 32 bits for how many bytes, 5 for the size of one in bits less 1, four
    times 4 for the sizes of counts in bits less 1; then for each run a 1, 2 bits for which of the
    sizes, the count less 1, and the value. Of the sizes, the last alone is used here.
    """
    counts, values = _split(np.array(run_lengths(mask)) * 4, 2**_COUNT_BITS)
    header = [(4 * mask.size, 32), (_WORD_BITS - 1, 5), *[(_COUNT_BITS - 1, 4)] * 4]
    bits = [_bits(np.array([number]), size).ravel() for number, size in header]
    runs = [
        _bits(np.full(len(counts), 0b111), 3),
        _bits(counts - 1, _COUNT_BITS),
        _bits(np.where(values, 255, 0), _WORD_BITS),
    ]
    bits.append(np.concatenate(runs, axis=1).ravel())
    return np.packbits(np.concatenate(bits)).tolist()


def _split(lengths: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return runs of at most ``longest`` that make up ``lengths``, and whether each is of True."""
    pieces: np.ndarray = -(-lengths // longest)
    values: np.ndarray = np.repeat(np.arange(len(lengths)) % 2 == 1, pieces)
    counts = np.full(len(values), longest)
    last = np.cumsum(pieces)[pieces > 0] - 1
    counts[last] = (lengths - (pieces - 1) * longest)[pieces > 0]
    return counts, values


def _bits(numbers: np.ndarray, size: int) -> np.ndarray:
    """Return ``numbers`` as bits (numbers, size), the highest first."""
    return (numbers[:, None] >> np.arange(size - 1, -1, -1)) & 1
