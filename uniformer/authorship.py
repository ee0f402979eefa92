"""Know the files that this program wrote, so that it neither reads them nor writes over others.

Pictures bear a mark in their first bytes, the other kinds are known by what they hold. A file that
was changed by another program has lost the mark as a rule, and then belongs to the user.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

MARK = "UniFormer Lens"
"""Who wrote a picture (``Software`` of PNG, comment of JPEG), a page or annotations."""

OUTPUT_PICTURES = ("labels.png", "colors.png", "overlay.png")

_MARK_WITHIN = 4096
_ANNOTATION_STARTS = (
    f'{{"generator": "{MARK}"'.encode(),
    f'[{{"data": {{"generator": "{MARK}"'.encode(),
)
"""How JSON of annotations begins: tools that save it again keep the name, but not the place."""

_MAP_NAMES = {"labels.npy", "confidence.npy"}
_RECORDS = (
    {"picture", "model", "weights", "settings"},
    {"question", "sentence", "settings"},
    {"miou", "confusion", "settings"},
)
_TABLE_STARTS, _TABLE_NAMES = (
    (b"file,name,sha256,", b"annotated,predicted,pixels,", b"frame,time_s,share of "),
    (b"height_px", b"share of "),
)


def written_here(file: Path) -> bool:
    """Return whether this program wrote ``file``, which is there."""
    try:
        kind = file.suffix.lower()
        with file.open("rb") as start:
            head = start.read(_MARK_WITHIN)
        if head.startswith(_ANNOTATION_STARTS):
            return True
        if kind == ".json":
            record = json.loads(file.read_text(encoding="utf-8"))
            return isinstance(record, dict) and any(keys <= record.keys() for keys in _RECORDS)
        if kind == ".npz":
            with zipfile.ZipFile(file) as archive:
                return set(archive.namelist()) >= _MAP_NAMES
        if kind == ".csv":
            return head.startswith(_TABLE_STARTS)
        if kind == ".parquet":
            content = file.read_bytes()
            return all(name in content for name in _TABLE_NAMES)
        return kind != ".geojson" and MARK.encode() in head
    except (OSError, ValueError, zipfile.BadZipFile):
        return False


def save_png(image: Image.Image, file: BinaryIO, level: int = 6) -> None:
    """Write an image as PNG with the mark; ``level`` is that of zlib."""
    mark = PngInfo()
    mark.add_text("Software", MARK)
    image.save(file, "PNG", pnginfo=mark, compress_level=level)


def of_others(folder: Path, name: str, kinds: Sequence[str]) -> list[Path]:
    """Return the files ``folder/name.KIND`` that are there and were not written here."""
    files = (folder / f"{name}.{kind}" for kind in kinds)
    return [file for file in files if file.exists() and not written_here(file)]
