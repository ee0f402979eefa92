"""Files a visitor can take away."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, ZipFile

from analysis import Trace
from analysis.report.page import Caption, report_html
from ui.service.stored_results import StoredResult
from uniformer.annotations import LabelledPicture, write_annotations
from uniformer.files import replace_file
from uniformer.segmentation import Segmentation


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
        target.write_bytes(zipped(files, Path(place)))
    return target


def zipped(files: Sequence[Path], folder: Path) -> bytes:
    """Return an archive of ``files``, named as they lie below ``folder``."""
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    return content.getvalue()


def write_report(stored: StoredResult, trace: Trace) -> Path:
    """Write the interactive report into the result's folder and return its path."""
    caption = Caption(stored.subject.title, stored.subject.alt, stored.subject.credit)
    page = report_html(stored.result, trace, caption)
    target = stored.folder / f"{file_stem(stored.subject.title)}.html"
    return replace_file(target, lambda file: file.write(page.encode()))


def file_stem(title: str) -> str:
    """Return ``title`` as the plain beginning of a file name."""
    return re.sub(r"[^\w-]+", "_", title).strip("_")[:60] or "picture"
