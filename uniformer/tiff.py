"""TIFF files, taken for what their header says: depth, planes, photometric, pages, bands.

Pillow reads the ordinary ones, of 8 bits at most. It takes deep planes for 8-bit ones, and knows
neither float colours nor more bands than it has modes for, so those are read by tifffile.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from uniformer.errors import PictureError
from uniformer.scaling import no_data_mask, sensor_white, to_8_bits

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

MAX_VALUE_BYTES = 2**30
"""Most that the values of one page may take in memory."""

MAX_PAGES = 64
"""Pages that are looked at to find the full picture."""

BITS_PER_SAMPLE, PHOTOMETRIC, ORIENTATION, PLANAR = 258, 262, 274, 284
NO_DATA_TAG, DNG_VERSION = 42113, 50706
MAX_SAMPLE_VALUES = (341, 281)
REDUCED, MASK = 1, 4
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK, YCBCR, LAB = 0, 1, 2, 5, 6, 8
PLAIN = (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
COLOURS = {RGB: 3, CMYK: 4, YCBCR: 3}
"""Bands that are colours, by photometric; of the others there is one."""
RAW = (32803, 34892)
"""Photometrics of a sensor's own values (colour filter array, linear raw)."""
LOSSY = frozenset(
    (6, 7, 99, 22610, 33003, 33004, 33005, 33007, 34712, 34887, 34892, 34927, 34934, 50001, 50002)
)
"""Compressions that may change values: JPEG and its kin, WebP, LERC."""
WEBP = 50001
ALPHA = (1, 2)
PREMULTIPLIED = 1


class CameraRaw(Exception):
    """The file is a camera's raw one, and its pages are previews."""


@dataclass
class _Found:
    """The page that holds the picture, its number in the chain (None below another page)."""

    page: TiffPage
    index: int | None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stored:
    """The numbers of a page (H, W, bands) as stored, not upright, but 1 is white in bits.

    ``alpha`` is the band that says what is clear; ``lossy`` that the compression may change values.
    """

    values: np.ndarray
    alpha: int | None
    orientation: int
    lossy: bool


def read_tiff(
    data: bytes, name: str, check_size: Callable[[int, int, str], None]
) -> tuple[Image.Image, list[str]]:
    """Return the picture in a TIFF file, not yet turned upright, and what had to be assumed.

    ``check_size`` is asked about width, height and name before anything is decoded. Raises what it
    does, :class:`PictureError` for a kind that cannot be read, and :class:`CameraRaw`. What else is
    raised means damage.
    """
    from tifffile import TiffFile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # damage is told in a sentence
    with TiffFile(io.BytesIO(data)) as file:
        found = _full_page(file)
        page, notes = found.page, found.notes
        check_size(page.imagewidth, page.imagelength, name)
        if page.photometric == LAB:
            raise PictureError(f"{name} is stored in Lab colours: save it as RGB and try again.")
        if _is_ordinary(page) and found.index is not None:
            try:
                return _by_pillow(data, found.index), [*notes, *_left_out_note(page)]
            except (Image.UnidentifiedImageError, KeyError):
                pass  # a mode that Pillow does not have, such as five bands of 8 bits
        _check(page, name, len(data))
        values = _values(page)
        if values is None:
            if found.index is None:
                raise PictureError(_unreadable(page, name))
            return _by_libtiff(data, found, found.index, name)
        image, assumed = _image(page, values, name)
        image.getexif()[ORIENTATION] = _number(page, ORIENTATION) or 1
        return image, [*notes, *assumed]


def stored_values(data: bytes, name: str, check: Callable[[int, int, int], None]) -> Stored:
    """Return the numbers in a TIFF file.

    ``check`` is asked about width, height and orientation before anything is decoded. Raises as
    :func:`read_tiff`.
    """
    from tifffile import TiffFile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    with TiffFile(io.BytesIO(data)) as file:
        found = _full_page(file)
        page = found.page
        orientation = _number(page, ORIENTATION) or 1
        check(page.imagewidth, page.imagelength, orientation)
        _check(page, name, len(data))
        values = _values(page)
        if values is None:  # libtiff has most compressions, but Pillow scales what has few bits
            if found.index is None or page.bitspersample in (2, 4):
                raise PictureError(_unreadable(page, name))
            values = np.atleast_3d(np.asarray(_by_pillow(data, found.index)))
        elif page.bitspersample == 1 and page.photometric == WHITE_IS_ZERO:
            values = 1 - values.astype(np.uint8)
        lossy = page.compression in LOSSY
        return Stored(values, _alpha(page, values.shape[2]), orientation, lossy)


def misread_by_pillow(image: Image.Image) -> bool:
    """Return whether Pillow takes the planes or the ground of an opened TIFF for other ones."""
    if not isinstance(image, TiffImageFile):
        return False
    deep = max(image.tag_v2.get(BITS_PER_SAMPLE, (1,))) > 8
    return deep and (
        image.tag_v2.get(PLANAR) == 2 or image.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO
    )


def _full_page(file: TiffFile) -> _Found:
    """Return the first page that is neither a reduced copy nor a mask."""
    pages = []
    for index in range(MAX_PAGES):
        try:
            page = cast("TiffPage", file.pages[index])
        except IndexError:
            break
        pages.append(_Found(page, index))
        for below in page.pages or ():
            pages.append(_Found(cast("TiffPage", below), None))
    if any(one.page.photometric in RAW for one in pages) or DNG_VERSION in pages[0].page.tags:
        raise CameraRaw
    full = [one for one in pages if not int(one.page.subfiletype) & (REDUCED | MASK)]
    chain = [one for one in full if one.index is not None] or full
    if not chain:
        return _Found(pages[0].page, 0, ["It says that it is a reduced copy of another picture."])
    found = chain[0]
    if found.page is not pages[0].page:
        found.notes.append("Its first page is a preview: the full picture behind it was taken.")
    if len(chain) > 1:
        found.notes.append("It has several pages: the first full one was taken.")
    return found


def _is_ordinary(page: TiffPage) -> bool:
    """Return whether Pillow reads a page right: not 'no data', and its libtiff has no WebP."""
    has_no_data = _declared_no_data(page) is not None and page.photometric in PLAIN
    plain = page.bitspersample <= 8 and page.sampleformat == 1 and page.compression != WEBP
    return plain and not has_no_data


def _by_pillow(data: bytes, index: int) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=("TIFF",))
    image.seek(index)
    return image


def _by_libtiff(data: bytes, found: _Found, index: int, name: str) -> tuple[Image.Image, list[str]]:
    """Read deep values that are compressed in a way which tifffile leaves to imagecodecs.

    Unlike stored planes, Pillow gets these from libtiff and right.
    """
    page = found.page
    try:
        image = _by_pillow(data, index)
        values = np.asarray(image)
    except (Image.UnidentifiedImageError, KeyError, OSError) as error:
        raise PictureError(_unreadable(page, name)) from error
    if image.mode in ("1", "L", "P", "LA", "RGB", "RGBA", "CMYK"):
        return image, found.notes
    picture, assumed = _image(page, values[..., None], name)
    picture.getexif()[ORIENTATION] = _number(page, ORIENTATION) or 1
    return picture, [*found.notes, *assumed]


def _check(page: TiffPage, name: str, length: int) -> None:
    """Refuse pages of a kind that has no picture, or of a size that would fill the memory."""
    if page.dtype is None or page.dtype.kind not in "uifb" or page.imagedepth > 1:
        raise PictureError(_unreadable(page, name))
    values = page.imagewidth * page.imagelength * page.samplesperpixel
    if values * page.dtype.itemsize > MAX_VALUE_BYTES:
        raise PictureError(
            f"{name} takes more than {MAX_VALUE_BYTES // 2**20} MB in memory: save it smaller, or "
            "with 8 bits a colour, and try again."
        )
    ends = (at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=True))
    if max(ends, default=0) > length:  # tifffile would fill the rest with zeros
        raise OSError("cut short")


def _values(page: TiffPage) -> np.ndarray | None:
    """Return the numbers of a page (H, W, bands); None if that needs imagecodecs."""
    try:
        values = page.asarray(maxworkers=1)
    except ValueError as error:
        if "imagecodecs" in str(error):
            return None
        raise
    shape = page.imagelength, page.imagewidth
    if values.shape == (page.samplesperpixel, *shape):  # planes apart
        values = np.moveaxis(values, 0, 2)
    return values.reshape(*shape, page.samplesperpixel)


def _image(page: TiffPage, values: np.ndarray, name: str) -> tuple[Image.Image, list[str]]:
    """Return the values of a page as 8-bit grey, RGB, RGBA or CMYK."""
    photometric, bands = page.photometric, values.shape[2]
    if photometric not in (*PLAIN, CMYK):
        raise PictureError(_unreadable(page, name))
    own = COLOURS.get(photometric, 1)
    alpha = _alpha(page, bands)
    colours = [band for band in range(bands) if band != alpha]
    notes = []
    if own == 1 and len(colours) >= 3:
        notes.append(
            f"It does not say what its {len(colours)} bands are: the first three were taken as "
            "red, green and blue."
        )
        own = 3
    else:
        notes += _left_out_note(page)
    shown = values[..., colours[:own]]
    empty, note = no_data_mask(shown, _declared_no_data(page))
    notes += [note] if note else []
    if empty is not None and empty.all():
        raise PictureError(f"{name} has no pixel that is not 'no data'.")
    try:
        picture, assumed = _eight_bits(page, shown, empty)
    except PictureError as error:
        raise PictureError(f"{name} {error}") from None
    if photometric == WHITE_IS_ZERO:
        picture = 255 - picture
    if empty is not None:
        picture[empty] = picture[~empty].mean(axis=0)
    notes += assumed
    if photometric == CMYK:
        return Image.fromarray(picture, "CMYK"), notes
    if alpha is not None:
        whole = page.bitspersample - (values.dtype.kind == "i")
        opaque = 1.0 if values.dtype.kind == "f" else 2.0**whole - 1
        picture = _on_white(
            picture,
            (values[..., [alpha]] / opaque).clip(0, 1),
            PREMULTIPLIED in page.extrasamples,
        )
    return Image.fromarray(picture[..., 0] if own == 1 else picture), notes


def _left_out_note(page: TiffPage) -> list[str]:
    """Return a note about bands that are neither colours nor alpha, if there are any."""
    bands = page.samplesperpixel
    more = bands - COLOURS.get(page.photometric, 1) - (_alpha(page, bands) is not None)
    words = "is no colour and was" if more == 1 else "are no colours and were"
    return [f"{more} of its bands {words} left out."] if more > 0 else []


def _alpha(page: TiffPage, bands: int) -> int | None:
    """Return which band is alpha, None without one."""
    own = bands - len(page.extrasamples)
    return next((own + at for at, extra in enumerate(page.extrasamples) if extra in ALPHA), None)


def _eight_bits(
    page: TiffPage, values: np.ndarray, empty: np.ndarray | None
) -> tuple[np.ndarray, list[str]]:
    """Return the colours of a page as uint8, as its header says, or as had to be assumed."""
    white: float | None = None
    assumed: list[str] = []
    if values.dtype.kind == "u" and page.bitspersample <= 16:
        full = 2.0**page.bitspersample - 1
        told = next(filter(None, (_number(page, tag) for tag in MAX_SAMPLE_VALUES)), None)
        if told is not None and values.max() <= told <= full:
            white = float(told)
        elif page.bitspersample == 16:
            white, assumed = sensor_white(values, empty)
        else:
            white = full
    picture, more = to_8_bits(values, white, empty)
    return picture, [*assumed, *more]


def _on_white(picture: np.ndarray, alpha: np.ndarray, premultiplied: bool) -> np.ndarray:
    ground: np.ndarray = 255 * (1 - alpha)
    laid = picture + ground if premultiplied else picture * alpha + ground
    return np.rint(laid.clip(0, 255)).astype(np.uint8)


def _declared_no_data(page: TiffPage) -> float | None:
    tag = page.tags.get(NO_DATA_TAG)
    try:
        return None if tag is None else float(str(tag.value).strip().rstrip("\0"))
    except ValueError:
        return None


def _number(page: TiffPage, code: int) -> int | None:
    """Return the value of a tag that holds one number, or as many equal ones as bands."""
    tag = page.tags.get(code)
    value = None if tag is None else tag.value
    if isinstance(value, tuple):
        value = value[0] if len(set(value)) == 1 else None
    return int(value) if isinstance(value, int | float) else None


def _unreadable(page: TiffPage, name: str) -> str:
    kinds = {1: "whole", 2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
    bands = page.samplesperpixel
    return (
        f"{name} is a TIFF of a kind that cannot be read here ({bands} band{'s' * (bands != 1)} of "
        f"{page.bitspersample} bits, {kinds.get(int(page.sampleformat), 'unknown')} numbers, "
        f"{_plain(page.photometric)}, compression {_plain(page.compression)}): save it as 8-bit "
        "RGB and try again."
    )


def _plain(code: object) -> str:
    return getattr(code, "name", str(code)).replace("_", " ")
