"""Numbers of any kind as 8-bit values, with a word wherever their meaning had to be assumed."""

from __future__ import annotations

import numpy as np

from uniformer.errors import PictureError

UNITS = {"f": 1.0, "i": 255.0, "u": 255.0}
"""The least that stands for white, by kind of number, where no header says what does."""

SENSOR_BITS = (8, 10, 12, 14)
"""Depths that cameras and microscopes store in 16-bit files."""

NO_DATA = (
    -9999.0, -32768.0, -99999.0, float(np.float32(9.969209968386869e36)),
    *(float(limit) for kind in (np.float32, np.float64)
      for limit in (np.finfo(kind).min, np.finfo(kind).max)),
)  # fmt: skip
"""Numbers that programs for maps write where they have none, and never for anything else."""

DARK = 0.25
"""A 16-bit picture whose lightest value is below this share of white gets a word."""

_VALUES_AT_ONCE = 2**20


def no_data_mask(
    values: np.ndarray, declared: float | None = None
) -> tuple[np.ndarray | None, str | None]:
    """Return where ``values`` (H, W, channels) are no data, or None, and a note about it.

    ``declared`` is the number that the header gives for it. Without one, the lowest value counts,
    or the highest, if it is one of ``NO_DATA``.
    """
    if declared is None:
        ends = float(values.min()), float(values.max())
        declared = next((end for end in ends if end in NO_DATA), None)
        if declared is None:
            return None, None
        words = "so it was taken as 'no data'"
    else:
        words = "which its header calls 'no data'"
    empty = np.isnan(values) if np.isnan(declared) else values == declared
    mask = empty.all(axis=2)
    if not mask.any():
        return None, None
    count = f"{mask.sum()} of its pixels hold {declared:g}"
    return mask, f"{count}, {words} and filled with the mean of the rest."


def to_8_bits(
    values: np.ndarray, white: float | None = None, empty: np.ndarray | None = None
) -> tuple[np.ndarray, list[str]]:
    """Return ``values`` (H, W, channels) as uint8 of that shape, and what had to be assumed.

    ``white`` is what the header says of the largest number; black is 0 then. Without it, white is
    the largest value found, but at least one of ``UNITS``; negative values stretch the scale. Where
    ``empty`` (H, W) the value is 255 and takes no part. Raises :class:`PictureError`, without the
    picture's name, for NaN and infinities.
    """
    low, high = _limits(values, empty)
    if not np.isfinite(low + high):
        raise PictureError("has pixels that are not numbers.")
    black, notes = 0.0, []
    if white is None:
        white = max(UNITS[values.dtype.kind], high)
        if low < 0:
            black, white = low, (high if high > low else low + 1.0)
            notes.append(
                f"It has values from {low:g} to {high:g} and no header that says what they mean: "
                "the lowest was taken as black, the highest as white."
            )
        elif white == high and high != UNITS[values.dtype.kind]:
            notes.append(
                f"No header says which value is white: {high:g}, its largest, was taken as white."
            )
    elif white > 255 and high < DARK * white:
        notes.append(nearly_black(high, white))
    scaled = np.empty(values.shape, dtype=np.uint8)
    rows = max(1, _VALUES_AT_ONCE // max(1, values[0].size))
    for top in range(0, len(values), rows):
        part: np.ndarray = values[top : top + rows].astype(np.float64)
        part = (part - black) * (255 / (white - black))
        if empty is not None:
            part[empty[top : top + rows]] = 255
        scaled[top : top + rows] = np.rint(part.clip(0, 255))
    return scaled, notes


def nearly_black(lightest: float, white: float) -> str:
    """Return the note on a 16-bit picture that no viewer would show well."""
    return (
        f"It is nearly black: its lightest value is {lightest:g} of {white:g}. If it holds fewer "
        "bits than its file, scale them first."
    )


def sensor_white(values: np.ndarray, empty: np.ndarray | None = None) -> tuple[float, list[str]]:
    """Return what is white in 16-bit ``values`` that no header explains, and what was assumed.

    ``empty`` is where, of the shape of ``values``, nothing was measured. White is the largest
    number of the first of ``SENSOR_BITS`` that holds all values, else 65535.
    """
    high = _limits(values, empty)[1]
    bits = next((bits for bits in SENSOR_BITS if high < 2**bits), None)
    if bits is None:
        return 65535.0, []
    return 2.0**bits - 1, [
        f"It has 16 bits a value and none above {high:g}, so it was taken as {bits}-bit data: "
        f"{2**bits - 1} is white."
    ]


def _limits(values: np.ndarray, empty: np.ndarray | None) -> tuple[float, float]:
    """Return the lowest and the highest of ``values`` where not ``empty``; 0, 0 if all are."""
    known = values if empty is None else values[~empty]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
