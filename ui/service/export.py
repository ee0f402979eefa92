"""Files a visitor can take away."""

from __future__ import annotations

import re
from pathlib import Path

from analysis import Trace
from analysis.report.page import Caption, report_html
from ui.messages import page as text
from ui.service.stored_results import StoredResult
from uniformer.files import replace_file

FILES = {
    "labels": "labels.png",
    "colors": "colors.png",
    "overlay": "overlay.png",
    "npz": "npz",
    "json": "json",
}
"""What :meth:`uniformer.Segmentation.save` calls the downloads."""


def write_file(stored: StoredResult, kind: str, opacity: float) -> Path:
    """Write one of ``text.DOWNLOADS`` into the result's folder and return its path.

    The overlay has ``opacity``, from 0 to 1. Raises ``ValueError`` for an unknown kind or opacity.
    """
    if kind not in FILES:
        raise ValueError(text.NO_SUCH_FILE)
    stem = file_stem(stored.subject.title)
    return stored.result.save(stored.folder, stem, [FILES[kind]], opacity)[0]


def write_report(stored: StoredResult, trace: Trace) -> Path:
    """Write the interactive report into the result's folder and return its path."""
    caption = Caption(stored.subject.title, stored.subject.alt, stored.subject.credit)
    page = report_html(stored.result, trace, caption)
    target = stored.folder / f"{file_stem(stored.subject.title)}.html"
    return replace_file(target, lambda file: file.write(page.encode()))


def file_stem(title: str) -> str:
    """Return ``title`` as the plain beginning of a file name."""
    return re.sub(r"[^\w-]+", "_", title).strip("_")[:60] or "picture"
