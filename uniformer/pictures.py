"""Open whatever a user calls a picture as upright 8-bit RGB, or say in one sentence why not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 64 * 10**6
MAX_SIDE = 32768
MIN_SIDE = 8
MAX_ASPECT = 64
"""Longest side over shortest: the network sees at most 2048 x 32 pixels of such a strip."""

FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Raster formats only: Pillow would hand PostScript to another program."""

WHITES = {"u": (65535,), "i": (255, 65535), "f": (1, 255, 65535)}
"""Values that may stand for white, by kind of number; only 16-bit pictures (u) agree on one."""

PictureSource = str | Path | bytes | BinaryIO | Image.Image | np.ndarray


class PictureError(ValueError):
    """A picture that cannot be used; the message is one sentence for the user."""


def open_picture(source: PictureSource) -> np.ndarray:
    """Return a picture as uint8 RGB (height, width, 3), turned upright.

    ``source`` is a path, the bytes of a file, a binary file object, a Pillow image, or an array
    that already has this form. The EXIF orientation is applied, transparency is laid on white,
    16-bit and floating-point greyscale is scaled to 8 bits, and an animation gives its first frame.
    Colour profiles are ignored, as in the official preprocessing.

    Raises :class:`PictureError` for what is not a picture or is damaged, and for pictures beyond
    ``MAX_FILE_BYTES``, ``MAX_PIXELS``, ``MAX_SIDE``, ``MIN_SIDE`` or ``MAX_ASPECT``; sizes are
    checked before anything is decoded.
    """
    if isinstance(source, np.ndarray):
        return _check_array(source)
    if isinstance(source, Image.Image):
        return _decode(source, "The picture")
    name = (isinstance(source, str | Path) and Path(source).name) or "The picture"
    data = _read(source, name)
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PictureError(_too_large(name)) from error
    except Image.UnidentifiedImageError as error:
        raise PictureError(
            f"{name} is not a picture in a format that can be read: use JPEG, PNG, WebP or TIFF."
        ) from error
    except Exception as error:  # a decoder met bytes its authors did not expect
        raise PictureError(_damaged(name)) from error
    return _decode(image, name)


def _read(source: str | Path | bytes | BinaryIO, name: str) -> bytes:
    """Return the bytes of a file, refusing missing, empty and oversized ones."""
    try:
        if isinstance(source, str | Path):
            with Path(source).open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        else:
            data = source if isinstance(source, bytes) else source.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{name} cannot be opened: {reason}.") from error
    if not data:
        raise PictureError(f"{name} is an empty file.")
    if len(data) > MAX_FILE_BYTES:
        raise PictureError(
            f"{name} has more than {MAX_FILE_BYTES // 2**20} MB: save it smaller and try again."
        )
    return data


def _decode(image: Image.Image, name: str) -> np.ndarray:
    """Return the first frame of an opened image as upright RGB."""
    _check_size(*image.size, name)
    try:
        image.load()
        image = _turned_upright(image)
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            image = Image.fromarray(_to_8_bits(np.asarray(image), name))
        if image.mode == "LAB":
            raise PictureError(f"{name} is stored in Lab colours: save it as RGB and try again.")
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        return np.array(image.convert("RGB"))
    except PictureError:
        raise
    except Exception as error:  # a decoder met bytes its authors did not expect
        raise PictureError(_damaged(name)) from error


def _turned_upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # EXIF that cannot be read turns nothing, and hides no sound picture
        return image


def _to_8_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Scale greyscale (height, width) to uint8.

    White is the first of ``WHITES`` that no value exceeds. Values outside of all of them, or
    negative, are stretched so that the lightest is white and the darkest black.
    """
    whites = WHITES[values.dtype.kind]
    values = values.astype(np.float32)  # a copy, changed in place below
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise PictureError(f"{name} has pixels that are not numbers.")
    white: float | None = next((white for white in whites if low >= 0 and high <= white), None)
    if white is None:
        values -= low
        white = (high - low) or 1.0
    values *= 255 / white
    return np.rint(values, out=values).astype(np.uint8)


def _check_array(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise PictureError(
            "An array must be uint8 RGB of shape (height, width, 3), "
            f"not {array.dtype} of shape {array.shape}."
        )
    _check_size(array.shape[1], array.shape[0], "The picture")
    return array.copy()


def _check_size(width: int, height: int, name: str) -> None:
    short, long = sorted((width, height))
    if short < MIN_SIDE:
        raise PictureError(
            f"{name} is {width} x {height} pixels: each side needs at least {MIN_SIDE}."
        )
    if width * height > MAX_PIXELS or long > MAX_SIDE:
        raise PictureError(_too_large(name))
    if long > MAX_ASPECT * short:
        raise PictureError(
            f"{name} is {width} x {height} pixels: one side may be at most {MAX_ASPECT} times "
            "the other, so cut it into parts."
        )


def _too_large(name: str) -> str:
    return (
        f"{name} has more than {MAX_PIXELS // 10**6} million pixels or a side longer than "
        f"{MAX_SIDE}: make it smaller and try again."
    )


def _damaged(name: str) -> str:
    return f"{name} is damaged or cut short and cannot be read."
