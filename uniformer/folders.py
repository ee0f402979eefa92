"""Which files of a folder are pictures to work on, and why the others are left out."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from uniformer.authorship import OUTPUT_PICTURES, written_here
from uniformer.pictures import FORMATS
from uniformer.plural import how_many

Tell = Callable[[str], None]
"""Is told a sentence that the user should read."""

PACKAGES = {
    "pillow_heif": ("pillow-heif", (".heic", ".heif", ".hif")),
    "rawpy": ("rawpy", (".dng", ".nef", ".nrw", ".cr2", ".cr3", ".arw", ".raf", ".orf", ".rw2",
                        ".pef", ".srw", ".x3f")),
}  # fmt: skip
"""Packages that read further kinds of pictures, by module: what they are called, and suffixes."""

SYSTEM_FILES = ("thumbs.db", "desktop.ini", "__macosx")
"""What systems put into folders of pictures; like hidden files not worth a word."""

NO_PICTURE, NO_FILE = "no pictures", "no files but pipes or the like"
SUBFOLDER = "subfolders, which --recursive (recursive=True) takes"
LOCKED = "folders that may not be read"
LINK, OWN = "links to folders, which are not followed", "written by this program"
NAMED_AS_OWN = "named as results about a picture beside them"
OF_ONE = {
    NO_FILE: "no file but a pipe or the like",
    SUBFOLDER: "subfolder, which --recursive (recursive=True) takes",
    LOCKED: "folder that may not be read",
    LINK: "link to a folder, which is not followed",
    NO_PICTURE: "no picture",
    NAMED_AS_OWN: "named as a result about a picture beside it",
}
"""What reasons are of a single file; the others are the same."""

NAMED = 3
"""Files that are named of each kind that is left out."""


class DatasetError(ValueError):
    """A folder or an annotation that cannot be evaluated, as one sentence."""


@dataclass(frozen=True)
class Listing:
    """The ``pictures`` of ``folder``, sorted, and the other files with the reason for each."""

    folder: Path
    pictures: tuple[Path, ...]
    left_out: tuple[tuple[Path, str], ...]

    @property
    def unreadable(self) -> list[Path]:
        """Pictures that only want a package."""
        reasons = {_wants(module) for module in PACKAGES}
        return [file for file, reason in self.left_out if reason in reasons]

    def words(self) -> str:
        """Return one sentence on what was taken, and what was left out and why."""
        taken = f"{self.folder}: {how_many(len(self.pictures), 'picture')} taken"
        return f"{taken}; left out: {self.left_out_words()}." if self.left_out else f"{taken}."

    def left_out_words(self) -> str:
        """Return what was left out, by reason, without full stop."""
        reasons: dict[str, list[str]] = {}
        for file, reason in self.left_out:
            reasons.setdefault(reason, []).append(str(file.relative_to(self.folder)))
        return "; ".join(
            f"{len(names)} {_said_of(reason, len(names))} "
            f"({', '.join(names[:NAMED])}{', ...' * (len(names) > NAMED)})"
            for reason, names in reasons.items()
        )


def list_folder(folder: Path, recursive: bool = False) -> Listing:
    """Return the pictures of ``folder``, by suffix, and what else is in it.

    Hidden files are not counted, links to folders not followed, and what this program wrote is left
    out, so that results beside the photos are not labelled in their turn. Raises
    :class:`DatasetError` when there is no such folder or no picture in it.
    """
    if not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}.")
    pictures, left_out = [], []
    for file, names in _walk(folder, recursive):
        reason = _reason(file, names)
        if reason is None:
            pictures.append(file)
        else:
            left_out.append((file, reason))
    listing = Listing(folder, tuple(pictures), tuple(left_out))
    if not pictures:
        there = f", only {listing.left_out_words()}" if left_out else ""
        raise DatasetError(f"There are no pictures in {folder}{there}.")
    return listing


def list_pictures(folder: Path, recursive: bool = False, tell: Tell | None = None) -> list[Path]:
    """Return the pictures of :func:`list_folder`; ``tell`` hears what it left out, if anything."""
    listing = list_folder(folder, recursive)
    if tell is not None and listing.left_out:
        tell(listing.words())
    return list(listing.pictures)


def list_photos(
    arguments: Sequence[Path], recursive: bool = False, tell: Tell | None = None
) -> list[Path]:
    """Return the files named and the pictures in the folders named, each file once, in order.

    Raises :class:`DatasetError` for a folder without pictures.
    """
    files = (
        file
        for argument in arguments
        for file in (list_pictures(argument, recursive, tell) if argument.is_dir() else [argument])
    )
    return list({file.resolve(): file for file in files}.values())


def _walk(folder: Path, recursive: bool) -> Iterator[tuple[Path, frozenset[str]]]:
    """Yield the entries worth a word, sorted, each with all names that are beside it."""
    entries = sorted(folder.iterdir())
    names = frozenset(entry.name for entry in entries)
    for entry in entries:
        if entry.name.startswith(".") or entry.name.casefold() in SYSTEM_FILES:
            continue
        if entry.is_dir() and recursive and not entry.is_symlink() and _may_read(entry):
            yield from _walk(entry, recursive)
        else:
            yield entry, names


def _reason(file: Path, beside: frozenset[str]) -> str | None:
    """Return why a file is left out, or None if it is a picture to take."""
    if file.is_dir():
        inside = SUBFOLDER if _may_read(file) else LOCKED
        return LINK if file.is_symlink() else inside
    if file.exists() and not file.is_file():  # to open a pipe would wait for a writer for ever
        return NO_FILE
    suffix = file.suffix.lower()
    for module, (_, suffixes) in PACKAGES.items():
        if suffix in suffixes:
            return None if importlib.util.find_spec(module) else _wants(module)
    if not _is_picture(suffix):
        return NO_PICTURE
    if written_here(file):
        return OWN
    return NAMED_AS_OWN if _is_named_as_output(file.name, beside) else None


def _may_read(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def _is_picture(suffix: str) -> bool:
    return Image.registered_extensions().get(suffix) in FORMATS


def _is_named_as_output(name: str, beside: frozenset[str]) -> bool:
    """Return whether a picture bears the name of what is written about another one beside it."""
    stem = next((name.removesuffix(f".{kind}") for kind in OUTPUT_PICTURES
                 if name.endswith(f".{kind}")), None)  # fmt: skip
    return stem is not None and any(
        other.startswith(f"{stem}.") and other.count(".") == stem.count(".") + 1
        and _is_picture(Path(other).suffix.lower())
        for other in beside
    )  # fmt: skip


def _said_of(reason: str, count: int) -> str:
    if count > 1:
        return reason
    return OF_ONE.get(reason, reason.replace("pictures that need", "picture that needs"))


def _wants(module: str) -> str:
    return f"pictures that need the package {PACKAGES[module][0]}"
