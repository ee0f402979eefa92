"""Files a visitor can take away."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

from analysis import Trace
from analysis.report.page import Caption, report_html
from ui.messages import page as text
from ui.service.examples import EXAMPLES
from ui.service.stored_results import StoredResult
from uniformer.annotations import FORMATS, LabelledPicture, write_annotations
from uniformer.files import replace_file
from uniformer.segmentation import Segmentation

FILES = {
    "labels": "labels.png",
    "colors": "colors.png",
    "overlay": "overlay.png",
    "npz": "npz",
    "json": "json",
}
"""What :meth:`uniformer.Segmentation.save` calls the downloads."""


def write_file(stored: StoredResult, result: Segmentation, kind: str, opacity: float) -> Path:
    """Write a file of ``FILES``, or labels in one of ``uniformer.annotations.FORMATS``.

    ``result`` is what is stored, or the same at the size of the visitor's picture. The file comes
    into the result's folder; its path is returned. The overlay has ``opacity``, from 0 to 1. Raises
    ``ValueError`` for an unknown kind or opacity.
    """
    if kind in FORMATS:
        example = EXAMPLES.get(stored.subject.example or "")
        called = example.path.name if example else stored.subject.alt
        return write_labels_for(kind, result, stored.folder, called)
    if kind not in FILES:
        raise ValueError(text.NO_SUCH_FILE)
    stem = file_stem(stored.subject.title)
    return result.save(stored.folder, stem, [FILES[kind]], opacity)[0]


def write_labels_for(kind: str, result: Segmentation, folder: Path, called: str) -> Path:
    """Write the labels in one of ``uniformer.annotations.FORMATS`` and return the file.

    ``called`` is the picture's own file name, by which other tools find it. Where the format has
    several files, a ZIP archive has them.
    """
    called = Path(called).name or "picture"
    stem = file_stem(Path(called).stem)
    picture = replace(LabelledPicture.of(result, called), stem=stem)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as place:
        files = write_annotations(kind, [picture], result.classes, place)
        if len(files) == 1:
            return files[0].rename(folder / f"{stem}.{kind}{files[0].suffix}")
        target = folder / f"{stem}.{kind}.zip"
        with ZipFile(target, "w", ZIP_DEFLATED) as archive:
            for file in files:
                archive.write(file, file.relative_to(place))
    return target


def write_report(stored: StoredResult, trace: Trace) -> Path:
    """Write the interactive report into the result's folder and return its path."""
    caption = Caption(stored.subject.title, stored.subject.alt, stored.subject.credit)
    page = report_html(stored.result, trace, caption)
    target = stored.folder / f"{file_stem(stored.subject.title)}.html"
    return replace_file(target, lambda file: file.write(page.encode()))


def file_stem(title: str) -> str:
    """Return ``title`` as the plain beginning of a file name."""
    return re.sub(r"[^\w-]+", "_", title).strip("_")[:60] or "picture"
