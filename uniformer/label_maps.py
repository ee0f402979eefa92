"""Label maps and masks: files whose pixels are numbers that stand for something, not light.

Nothing is scaled, laid on white or inverted: values are read as they are stored, at any depth.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFile, ImageOps

from uniformer import png
from uniformer.classes import IGNORE_INDEX
from uniformer.errors import PictureError
from uniformer.file_kinds import HEAD_BYTES, kind_of, picture_format
from uniformer.pictures import FORMATS, read_bytes
from uniformer.tiff import ORIENTATION, CameraRaw, stored_values

LOSSY = {
    "JPEG": "a JPEG",
    "JPEG2000": "a JPEG 2000",
    "HEIF": "a HEIC",
    "AVIF": "an AVIF",
    "WEBP": "a lossy WebP",
    "TIFF": "a TIFF in a lossy compression",
}

UPRIGHT, ON_ITS_SIDE = 1, 6
"""EXIF orientations."""

LEAST_LIGHT = 64
"""A lossy mask that is darker than this everywhere is empty, of 255."""

_NUMBERS = ("1", "L", "P", "I", "F", "LA", "PA", "I;16", "I;16B", "I;16L")


TURNED = "; it lies on its side, as photos are turned the way their EXIF says"

Size = tuple[int, int]
"""Height and width in pixels."""

Check = Callable[[int, int, int], None]
"""Refuses a width and height, stored with an EXIF orientation, that are not those wanted."""


@dataclass(frozen=True)
class _Stored:
    """``values`` (H, W) are numbers, (H, W, 3) colours; ``alpha`` (H, W) is 0 where clear.

    ``display_alpha`` says that the alpha is that of a palette or of one value: what is clear has a
    number all the same. ``lossy`` names a format that does not keep values, and ``ambiguous`` says
    that the palette is of greys that are other numbers than their entries.
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    display_alpha: bool = False
    lossy: str | None = None
    ambiguous: bool = False


def read_ids(file: Path, size: tuple[int, int]) -> np.ndarray:
    """Return the whole number in every pixel of a label map of ``size`` = (height, width).

    PNG, TIFF, BMP, GIF and PGM of any depth, with or without a palette, whose indices count. Where
    a file with an alpha channel is clear, nothing is annotated: 255. Raises
    :class:`~uniformer.errors.PictureError` for colours, for formats that do not keep values, for
    another size and for numbers that are not whole.
    """
    stored = _read(file, str(file), size, _other_map)
    if stored.lossy:
        raise PictureError(
            f"{file} is {stored.lossy}, which does not keep values, so it holds no class ids: save "
            "it as PNG."
        )
    if stored.ambiguous:
        raise PictureError(
            f"{file} is a GIF of greys that are not the numbers of their palette's entries, so it "
            "is not known which of both are the class ids: save it as grey PNG."
        )
    values = stored.values
    if values.ndim == 3:
        raise PictureError(
            f"{file} is a colour picture: it must have one channel that holds the class id of "
            "every pixel."
        )
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and (values == np.rint(values)).all()):
            raise PictureError(f"{file} holds numbers that are not whole, so no class ids.")
        values = values.astype(np.int64)
    if stored.alpha is not None and not stored.display_alpha:
        values = np.where(stored.alpha == 0, IGNORE_INDEX, values.astype(np.int64))
    return values.astype(np.uint8) if values.dtype == bool else values


def read_mask(file: Path, size: tuple[int, int]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return where a mask of ``size`` = (height, width) is painted, bool (H, W), and notes.

    Where the file has a clear part, all that is not clear is painted, in whatever colour. Else all
    that is not 0 (not black, not entry 0 of a palette) is. JPEG and its like do not keep 0, so of
    these it is what is at least half as light as the lightest, with a note. Raises
    :class:`~uniformer.errors.PictureError` for a file that cannot be read, of another size, or
    with values that are not numbers.
    """
    stored = _read(file, file.name, size, _other_mask)
    if stored.alpha is not None and (stored.alpha < stored.alpha.max()).any():
        return stored.alpha >= max(stored.alpha.max() / 2, 1e-6), ()
    if stored.alpha is not None and not stored.alpha.any():
        return np.zeros(size, dtype=bool), ()
    values = stored.values
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise PictureError(f"{file.name} has pixels that are not numbers.")
    light = values.max(axis=2) if values.ndim == 3 else values
    if not stored.lossy:
        return light != 0, ()
    level = light.max() / 2 if light.max() >= LEAST_LIGHT else np.inf
    return light >= level, (
        f"The mask is {stored.lossy}, which does not keep values: what is at least half as light "
        "as its lightest part was taken as painted.",
    )


def _read(
    file: Path, name: str, size: Size, other_size: Callable[[str, Size, Size], str]
) -> _Stored:
    """Return what a file stores, upright; its size is checked before it is decoded."""
    try:
        data = read_bytes(file, name)
    except PictureError as error:
        raise PictureError(f"{name} cannot be read: {_without_name(error, name)}") from error
    kind = picture_format(data[:HEAD_BYTES])

    def check(width: int, height: int, orientation: int) -> None:
        found = (width, height) if orientation in range(5, 9) else (height, width)
        if found != size:
            raise PictureError(other_size(name, found, size))

    try:
        if kind == "TIFF":
            return _from_tiff(data, name, check)
        return _from_pillow(data, name, check, kind)
    except PictureError:
        raise
    except Image.UnidentifiedImageError as error:
        what = kind_of(data[:HEAD_BYTES])
        words = "it is damaged" if kind else f"it is {what}" if what else "it is no picture"
        raise PictureError(f"{name} cannot be read: {words}.") from error
    except CameraRaw as error:
        raise PictureError(f"{name} cannot be read: it is a camera's raw file.") from error
    except Exception as error:  # a decoder met bytes its authors did not expect
        raise PictureError(f"{name} cannot be read: it is damaged or cut short.") from error


def _without_name(error: PictureError, name: str) -> str:
    """Return the end of a sentence that begins with the name."""
    end = str(error).removeprefix(f"{name} ")
    return end.removeprefix("cannot be opened: ").replace("is an", "it is an", 1)


def _from_tiff(data: bytes, name: str, check: Check) -> _Stored:
    stored = stored_values(data, name, check)
    values, alpha, orientation = stored.values, stored.alpha, stored.orientation
    colours = [band for band in range(values.shape[2]) if band != alpha]
    own = values[..., colours[0]] if len(colours) < 3 else values[..., colours[:3]]
    clear: np.ndarray | None = None
    if alpha is not None:
        clear = _turned(values[..., alpha].astype(np.float64), orientation)
    return _Stored(_turned(own, orientation), clear, lossy=LOSSY["TIFF"] if stored.lossy else None)


def _from_pillow(data: bytes, name: str, check: Check, kind: str | None) -> _Stored:
    formats = FORMATS
    if kind == "PNG":
        data = png.without_wrong_chunks(data)
    elif kind == "HEIF":
        raise PictureError(f"{name} is a HEIC, which does not keep values: save it as PNG.")
    with Image.open(io.BytesIO(data), formats=formats) as image:
        # To know how a PNG is turned takes all of it, which is not done for one of a wrong size.
        try:
            check(*image.size, UPRIGHT)
        except PictureError as error:
            try:
                check(*image.size, ON_ITS_SIDE)
            except PictureError:
                raise error from None
        orientation = image.getexif().get(ORIENTATION, UPRIGHT)
        check(*image.size, orientation)
        unscale = _scale_of(image, data)
        image.load()
        if kind == "PNG" and png.is_deep_colour(data):
            return _deep_colours(data, orientation)
        info, mode = image.info, image.mode
        upright = ImageOps.exif_transpose(image)
        lossy = LOSSY.get(kind or "") if kind != "WEBP" or b"VP8 " in data[:64] else None
        if mode not in _NUMBERS:
            return _colours(upright, lossy)
        values = np.asarray(upright)
        if mode in ("LA", "PA"):
            return _Stored(values[..., 0], values[..., 1].astype(np.float64), lossy=lossy)
        if unscale != 1:
            values = np.rint(values / unscale).astype(np.int64)
        alpha = _display_alpha(values, mode, info)
        return _Stored(values, alpha, alpha is not None, lossy, _has_other_greys(image, values))


def _has_other_greys(image: ImageFile.ImageFile, values: np.ndarray) -> bool:
    """Return whether a GIF, whose greys are those of a palette, shows others than it holds."""
    if image.format != "GIF" or image.mode != "P":
        return False
    used = np.unique(values)
    shown = np.array(image.getpalette("RGB")).reshape(-1, 3)[used]
    return bool((shown == shown[:, :1]).all() and (shown[:, 0] != used).any())


def _deep_colours(data: bytes, orientation: int) -> _Stored:
    """Return a PNG of 16 bits and more than one channel, of which Pillow keeps 8 bits."""
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise OSError("damaged")
    values = _turned(decoded, orientation)
    alpha: np.ndarray | None = None
    if values.shape[2] == 4:
        alpha = values[..., 3].astype(np.float64)
    # OpenCV gives grey with alpha as three equal colours.
    grey = png.depth_and_colour(data)[1] == png.GREY_ALPHA
    return _Stored(values[..., 0] if grey else values[..., :3], alpha)


def _colours(image: Image.Image, lossy: str | None) -> _Stored:
    clear = image.has_transparency_data
    values = np.asarray(image.convert("RGBA" if clear else "RGB"))
    alpha = values[..., 3].astype(np.float64) if clear else None
    return _Stored(values[..., :3], alpha, lossy=lossy)


def _scale_of(image: ImageFile.ImageFile, data: bytes) -> float:
    """Return by what Pillow multiplies the stored numbers of greys of few bits."""
    if image.format == "PNG" and image.mode == "L":
        depth, colour = png.depth_and_colour(data)
        return 255 / (2**depth - 1) if colour == png.GREY else 1
    if image.format == "PPM" and image.mode in ("L", "I"):
        arguments = image.tile[0].args  # the mode alone, or with the largest value of the header
        if isinstance(arguments, tuple):
            return (255 if image.mode == "L" else 65535) / arguments[1]
    return 1


def _display_alpha(values: np.ndarray, mode: str, info: dict) -> np.ndarray | None:
    """Return the alpha of a palette's entries or of one transparent value, None without any."""
    clear = info.get("transparency")
    if isinstance(clear, bytes) and mode == "P":
        table = np.full(256, 255.0)
        table[: len(clear)] = list(clear)
        return table[values]
    if not isinstance(clear, int):
        return None
    return np.where(values == (bool(clear) if mode == "1" else clear), 0.0, 255.0)


def _turned(values: np.ndarray, orientation: int) -> np.ndarray:
    """Return values (H, W) or (H, W, 3) as the EXIF ``orientation`` says they are to be seen."""
    if orientation in range(5, 9):
        values = values.swapaxes(0, 1)
    # Of what lies on its side, rows were columns: which axis is reversed is that after the swap.
    across = orientation in (2, 3, 6, 7)
    down = orientation in (3, 4, 7, 8)
    return values[:: -1 if down else 1, :: -1 if across else 1]


def _other_map(name: str, found: Size, size: Size) -> str:
    return (
        f"{name} has {found[1]}x{found[0]} pixels, but its picture has {size[1]}x{size[0]}"
        f"{TURNED if found[::-1] == size else ''}."
    )


def _other_mask(name: str, found: Size, size: Size) -> str:
    return (
        f"{name} is {found[0]} x {found[1]} pixels: a mask must be as large as the photo, "
        f"{size[0]} x {size[1]} pixels (height x width){TURNED if found[::-1] == size else ''}."
    )
