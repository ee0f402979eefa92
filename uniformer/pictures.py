"""Open whatever a user calls a picture as upright 8-bit RGB, or say in one sentence why not."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from uniformer import png
from uniformer.errors import PictureError
from uniformer.file_kinds import HEAD_BYTES, kind_of, picture_format, raw_kind
from uniformer.scaling import DARK, nearly_black, to_8_bits
from uniformer.tiff import CameraRaw, misread_by_pillow, read_tiff

__all__ = ["Picture", "PictureError", "PictureSource", "open_picture", "read_picture"]

MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 64 * 10**6
MAX_SIDE = 32768
MIN_SIDE = 8
MAX_ASPECT = 64
"""Longest side over shortest: the network sees at most 2048 x 32 pixels of such a strip."""

FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""Raster formats only: Pillow would hand PostScript to another program."""

BITS = "bits of a value"
"""Key, among what is known of an image, for the depth of a PNG."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is worked on: ``pixels``, uint8 RGB (height, width, 3), upright.

    ``notes`` are sentences about what its file did not say and had to be assumed, often none.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()


PictureSource = str | Path | bytes | BinaryIO | Image.Image | np.ndarray | Picture


def open_picture(source: PictureSource) -> np.ndarray:
    """Return a picture as uint8 RGB (height, width, 3), as :func:`read_picture` does."""
    return read_picture(source).pixels


def read_picture(source: PictureSource) -> Picture:
    """Return a picture, upright, in 8 bits, with a note on all that had to be assumed.

    ``source`` is a path, the bytes of a file, a binary file object, a Pillow image, or an array
    uint8 RGB (height, width, 3). The EXIF orientation is applied, transparency is laid on white, an
    animation gives its first frame, a TIFF its first page that is no preview. Deeper values are
    scaled as the header says: bits, white, planes, photometric, number kind
    (:mod:`uniformer.tiff`, :mod:`uniformer.scaling`). Colour profiles are ignored, as in the
    official preprocessing. HEIC needs the package pillow-heif, raw files of cameras rawpy, some
    compressions of TIFF imagecodecs.

    Raises :class:`PictureError` for what is not a picture or is damaged, and for pictures beyond
    ``MAX_FILE_BYTES``, ``MAX_PIXELS``, ``MAX_SIDE``, ``MIN_SIDE`` or ``MAX_ASPECT``; sizes are
    checked before anything is decoded.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return Picture(_check_array(source))
    if isinstance(source, Image.Image):
        if misread_by_pillow(source):
            raise PictureError(
                "The picture is a TIFF of a kind that Pillow misreads: give its path instead."
            )
        return _decode(source, "The picture", [])
    name = file_title(source)
    data = read_bytes(source, name)
    try:
        image, notes = open_image(data, name)
    except PictureError:
        raise
    except Exception as error:  # a decoder met bytes its authors did not expect
        raise PictureError(_damaged(name)) from error
    return _decode(image, name, notes)


def file_title(source: PictureSource) -> str:
    """Return what a source is called in sentences."""
    return (isinstance(source, str | Path) and Path(source).name) or "The picture"


def read_bytes(source: str | Path | bytes | BinaryIO, name: str) -> bytes:
    """Return the bytes of a file, refusing missing, empty and oversized ones."""
    try:
        if isinstance(source, str | Path):
            with Path(source).open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        else:
            data = source if isinstance(source, bytes) else source.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise PictureError(f"{name} cannot be opened: {_reason(source, error)}.") from error
    if not data:
        raise PictureError(f"{name} is an empty file.")
    if len(data) > MAX_FILE_BYTES:
        raise PictureError(
            f"{name} has more than {MAX_FILE_BYTES // 2**20} MB: save it smaller and try again."
        )
    return data


def open_image(data: bytes, name: str) -> tuple[Image.Image, list[str]]:
    """Return an image whose size has been checked, and notes; see :func:`read_picture` for errors.

    It may not be decoded or upright yet, and deep values may not be scaled.
    """
    head = data[:HEAD_BYTES]
    kind = picture_format(head)
    try:
        if raw_kind(head):
            raise CameraRaw
        if kind == "TIFF":
            return read_tiff(data, name, check_size)
        image = _open_by_pillow(data, kind, name)
    except CameraRaw:
        return _develop(data, name)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PictureError(_too_large(name)) from error
    except Image.UnidentifiedImageError as error:
        if kind is not None:
            raise PictureError(_damaged(name, kind)) from error
        raise PictureError(_no_picture(name, kind_of(head))) from error
    check_size(*image.size, name)
    return image, []


def _open_by_pillow(data: bytes, kind: str | None, name: str) -> Image.Image:
    formats: tuple[str, ...] = FORMATS
    if kind == "HEIF":
        formats = ("HEIF",)
        try:
            from pillow_heif import register_heif_opener
        except ImportError as error:
            raise PictureError(
                f"{name} is a HEIC picture, as phones make them, which is read only where the "
                "package pillow-heif is installed: save it as JPEG and try again."
            ) from error
        register_heif_opener()
    elif kind == "PNG":
        data = png.without_wrong_chunks(data)
    image = Image.open(io.BytesIO(data), formats=formats)
    if kind == "PNG":
        depth, colour = png.depth_and_colour(data)
        image.info[BITS] = depth
        image.info.update(_transparent_values(image, depth, colour))
    return image


def _transparent_values(image: Image.Image, depth: int, colour: int) -> dict[Any, Any]:
    """Return the transparent value of a PNG in the scale that Pillow gives its pixels."""
    value = image.info.get("transparency")
    if isinstance(value, int) and colour == png.GREY and depth in (2, 4):
        return {"transparency": value * 255 // (2**depth - 1)}
    if isinstance(value, tuple) and depth == 16:
        return {"transparency": tuple(part >> 8 for part in value)}
    return {}


def _develop(data: bytes, name: str) -> tuple[Image.Image, list[str]]:
    """Return a camera's raw file as its camera would show it."""
    try:
        import rawpy
    except ImportError as error:
        raise PictureError(
            f"{name} is a camera's raw file, which is read only where the package rawpy is "
            "installed: develop it to JPEG and try again."
        ) from error
    with rawpy.imread(io.BytesIO(data)) as raw:
        check_size(raw.sizes.width, raw.sizes.height, name)
        pixels = raw.postprocess(use_camera_wb=True)
    return Image.fromarray(pixels), [
        "It is a camera's raw file: it was developed with the camera's white balance."
    ]


def _decode(image: Image.Image, name: str, notes: list[str]) -> Picture:
    """Return the first frame of an opened image as upright RGB."""
    check_size(*image.size, name)
    try:
        image.load()
        white, deep = _white(image), image.mode == "F" or image.mode.startswith("I")
        image = turned_upright(image)
        if deep:
            image, assumed = _scaled(image, white, name)
            notes = [*notes, *assumed]
        if image.mode == "LAB":
            raise PictureError(f"{name} is stored in Lab colours: save it as RGB and try again.")
        if image.has_transparency_data:
            ground = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(ground, image.convert("RGBA"))
        pixels = np.array(image.convert("RGB"))
    except PictureError:
        raise
    except Exception as error:  # a decoder met bytes its authors did not expect
        raise PictureError(_damaged(name)) from error
    if not deep and image.info.get(BITS) == 16 and pixels.max() < DARK * 255:
        notes = [*notes, nearly_black(int(pixels.max()), 255)]
    return Picture(pixels, tuple(notes))


def turned_upright(image: Image.Image) -> Image.Image:
    """Return the image as its EXIF orientation says it is to be seen."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # EXIF that cannot be read turns nothing, and hides no sound picture
        return image


def _white(image: Image.Image) -> float | None:
    """Return what is white in deep grey of Pillow, None where nothing says it."""
    # Pillow gives PGM of any depth in 32 bits, scaled to 16.
    is_16_bits = image.mode.startswith("I;16") or (image.format == "PPM" and image.mode == "I")
    return 65535.0 if is_16_bits else None


def _scaled(image: Image.Image, white: float | None, name: str) -> tuple[Image.Image, list[str]]:
    """Return deep grey as 8-bit grey, what is transparent white, and what had to be assumed."""
    values = np.asarray(image)[..., None]
    empty, clear = None, image.info.get("transparency")
    if isinstance(clear, int):
        empty = values[..., 0] == clear
    try:
        grey, notes = to_8_bits(values, white, empty)
    except PictureError as error:
        raise PictureError(f"{name} {error}") from None
    return Image.fromarray(grey[..., 0]), notes


def _check_array(array: np.ndarray) -> np.ndarray:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise PictureError(
            "An array must be uint8 RGB of shape (height, width, 3), "
            f"not {array.dtype} of shape {array.shape}."
        )
    check_size(array.shape[1], array.shape[0], "The picture")
    return array.copy()


def check_size(width: int, height: int, name: str) -> None:
    """Raise :class:`PictureError` for a picture that is too large, too small or too long."""
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


def _reason(source: object, error: Exception) -> str:
    """Return why a file cannot be opened, without full stop."""
    text = str(source)
    if text.startswith(("http:/", "https:/")):
        return "it is a web address, so download the file first"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return getattr(error, "strerror", None) or str(error)


def _too_large(name: str) -> str:
    return (
        f"{name} has more than {MAX_PIXELS // 10**6} million pixels or a side longer than "
        f"{MAX_SIDE}: make it smaller and try again."
    )


def _no_picture(name: str, kind: str | None) -> str:
    what = "not a picture" if kind is None else f"{kind}, and not a picture"
    return f"{name} is {what} in a format that can be read: use JPEG, PNG, WebP or TIFF."


def _damaged(name: str, kind: str | None = None) -> str:
    begins = "" if kind is None else f" begins as {kind}, but"
    return f"{name}{begins} is damaged or cut short and cannot be read."
