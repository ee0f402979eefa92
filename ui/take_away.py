"""Files a visitor can take away."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import BinaryIO

from ui import text
from ui.store import Held
from uniformer.files import replace_file


def write_file(held: Held, kind: str, opacity: float) -> Path:
    """Write one of ``text.DOWNLOADS`` into the result's folder and return its path.

    The files are those of :meth:`Segmentation.save`, except that the overlay has ``opacity``, from
    0 to 1. Raises ``ValueError`` for an unknown kind or opacity.
    """
    if kind not in text.DOWNLOADS:
        raise ValueError(text.NO_SUCH_FILE)
    result = held.result
    stem = file_stem(held.subject.title)
    if kind == "npz":
        saved = held.folder / "saved"  # beside the overlay in the visitor's opacity, not over it
        if not saved.exists():
            result.save(saved, stem)
        return saved / f"{stem}.npz"
    if kind == "json":
        words = json.dumps(result.describe(), indent=2, ensure_ascii=False)
        return replace_file(held.folder / f"{stem}.json", lambda file: file.write(words.encode()))
    images = {
        "labels": result.label_image,
        "colors": result.color_image,
        "overlay": lambda: result.overlay(opacity),
    }

    def write(file: BinaryIO) -> None:
        images[kind]().save(file, format="PNG")

    return replace_file(held.folder / f"{stem}.{kind}.png", write)


def file_stem(title: str) -> str:
    """Return ``title`` as the plain beginning of a file name."""
    return re.sub(r"[^\w-]+", "_", title).strip("_")[:60] or "picture"
