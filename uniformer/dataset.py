"""Folders of pictures, and the label maps that go with them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from unicodedata import normalize

import numpy as np

from uniformer.classes import IGNORE_INDEX
from uniformer.errors import PictureError
from uniformer.files import plain_name
from uniformer.folders import (
    LOCKED,
    DatasetError,
    Tell,
    list_folder,
    list_photos,
    list_pictures,
)
from uniformer.label_maps import read_ids
from uniformer.plural import how_many

__all__ = ["DatasetError", "list_photos", "list_pictures", "pair_annotations", "read_annotation"]


def pair_annotations(
    images: Path,
    annotations: Path,
    suffix: str = ".png",
    recursive: bool = False,
    tell: Tell | None = None,
) -> list[tuple[Path, Path]]:
    """Return each picture of ``images`` with ``annotations/<same name><suffix>``, sorted by name.

    The name of ``a.jpg`` is a: ``suffix`` "_seg.png" pairs it with a_seg.png. With ``recursive``
    the subfolders of both are gone through alike. Names that differ in case or Unicode form alone
    are the same, but one that is the same throughout comes first. ``tell`` hears what was left out:
    files that are no pictures, and annotations without a picture.

    Raises :class:`DatasetError` for a missing or empty folder, a picture without annotation or that
    wants a package which is not there, and two pictures of one name.
    """
    listing = list_folder(images, recursive)
    if listing.unreadable:
        names = ", ".join(file.name for file in listing.unreadable[:3])
        raise DatasetError(
            f"{how_many(len(listing.unreadable), 'picture')} in {images} can only be read with "
            "a package that is not installed "
            f"({names}; {listing.left_out_words()}): a score that left them out would be none."
        )
    if locked := [file for file, reason in listing.left_out if reason == LOCKED]:
        raise DatasetError(
            f"{locked[0]} may not be read: a score that left out what is in it would be none."
        )
    if not annotations.is_dir():
        raise DatasetError(f"There is no folder {annotations}.")
    there = _by_plain_name(annotations, recursive)
    wanted = [
        file.relative_to(images).with_name(f"{file.stem}{suffix}") for file in listing.pictures
    ]
    name, uses = Counter(wanted).most_common(1)[0]
    if uses > 1:
        raise DatasetError(
            f"{uses} pictures in {images} would share the annotation {name}: rename all but one."
        )
    found = [_find(annotations / name, annotations, there) for name in wanted]
    missing = [name for name, file in zip(wanted, found, strict=True) if file is None]
    if missing:
        raise DatasetError(
            f"No annotation for {len(missing)} of {how_many(len(wanted), 'picture')}; the first "
            f"that is missing is {annotations / missing[0]}{_hint(missing[0], suffix, there)}."
        )
    if tell is not None:
        unused = sum(map(len, there.values())) - len(set(found))
        if listing.left_out:
            tell(listing.words())
        if unused:
            tell(f"{annotations}: left out {how_many(unused, 'file')} of no picture.")
    return list(zip(listing.pictures, filter(None, found), strict=True))


def _by_plain_name(folder: Path, recursive: bool) -> dict[str, list[Path]]:
    """Return the files of ``folder`` by their plain name below it."""
    files: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*") if recursive else folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            files.setdefault(plain_name(str(file.relative_to(folder))), []).append(file)
    return files


def _find(wanted: Path, folder: Path, there: dict[str, list[Path]]) -> Path | None:
    if wanted.is_file():
        return wanted
    alike = there.get(plain_name(str(wanted.relative_to(folder))), [])
    if len(alike) > 1:
        raise DatasetError(
            f"{' and '.join(str(file) for file in alike)} differ in case or Unicode form alone, "
            f"and none is {wanted.name}: remove all but one."
        )
    return alike[0] if alike else None


def _hint(missing: Path, suffix: str, there: dict[str, list[Path]]) -> str:
    """Return what there is in place of an annotation, if its name begins alike."""
    start = str(missing).removesuffix(suffix)
    for name, (file, *_) in there.items():
        if name.startswith(plain_name(start)):
            # Of equal form, as letters with accents have other lengths in each.
            beside, own = (normalize("NFC", each) for each in (file.name, Path(start).name))
            end = beside[len(own) :]
            return f", but there is {file.name}: say annotation-suffix {end}"
    return ""


def read_annotation(
    file: Path, size: tuple[int, int], classes: int, zero_is_other: bool = False
) -> np.ndarray:
    """Return class ids 0 to ``classes`` - 1, or 255 where nothing is annotated, as uint8 (H, W).

    ``file`` holds one id per pixel (:func:`uniformer.label_maps.read_ids`) and has ``size`` =
    (height, width). With
    ``zero_is_other`` its ids are 1 to ``classes`` and 0 means "other", which counts as not
    annotated (ADE20K's files as downloaded). Raises :class:`DatasetError` for a file that is
    broken, has several channels or another size, or holds an id outside that range.
    """
    try:
        ids = read_ids(file, size)
    except PictureError as error:
        raise DatasetError(f"The annotation {error}") from error
    first = int(zero_is_other)
    ignored = (ids == IGNORE_INDEX) | (zero_is_other & (ids == 0))
    wrong = ids[~ignored & ((ids < first) | (ids >= first + classes))]
    if wrong.size:
        raise DatasetError(
            f"The annotation {file} holds the id {wrong[0]}, but the model's classes are "
            f"{first} to {first + classes - 1} and 255 is 'not annotated'."
            + ("" if zero_is_other else " If 0 means 'other' (ADE20K), say zero-is-other.")
        )
    return np.where(ignored, IGNORE_INDEX, ids - first).astype(np.uint8)
