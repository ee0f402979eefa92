"""What the workbench lets a visitor take away: a layer, or the labels, in the form they choose."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis import Trace
from analysis.layers import Layer
from ui.messages import web as text
from ui.service.examples import EXAMPLES
from ui.service.export import file_stem, write_labels_for, write_report, zipped
from ui.service.snippets import (
    classify_command,
    classify_snippet,
    command_snippet,
    label_command,
    python_snippet,
    start_snippet,
)
from ui.service.stored_results import StoredResult
from uniformer import Classification
from uniformer.annotations import FORMATS
from uniformer.factory import find_config
from uniformer.segmentation import Segmentation

TYPES = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "npz": "application/octet-stream",
    "csv": "text/csv",
    "json": "application/json",
    "python": "text/x-python",
    "command": "text/plain",
    "html": "text/html",
    "masks": "application/zip",
    "coco": "application/json",
    "coco-panoptic": "application/zip",
    "labelme": "application/json",
    "label-studio": "application/json",
    "cvat": "application/xml",
    "geojson": "application/geo+json",
}
"""All kinds, and what a file of each is; those of ``uniformer.annotations`` are for other tools."""

LAYER_KINDS = ("png", "svg", "pdf", "npz", "csv", "json", "python", "command")
CLASS_KINDS = ("json", "python", "command")
LABEL_KINDS = ("png", "npz", "csv", "json", "python", "command", "html", "masks", *FORMATS)
"""What there is of a layer, of a classifier's answer and of labels, in the order to offer it."""

LABEL_FILES = {"png": "overlay.png", "npz": "npz", "json": "json"}
MASKS = ("labels.png", "colors.png", "overlay.png")

File = tuple[bytes, str]
"""Content and media type."""


def layer_file(stored: StoredResult, layer: Layer, kind: str) -> File:
    """Return a layer as a file; several tables are an archive. Figures are drawn only here.

    Raises ``ValueError`` for a kind that there is not of this layer.
    """
    content = json.loads(layer.answer.to_json())
    if kind == "python":
        return python_snippet(content).encode(), TYPES[kind]
    if kind == "command":
        command = command_snippet(content)
        if not command:
            raise ValueError(text.NO_COMMAND)
        return f"{command}\n".encode(), TYPES[kind]
    if kind not in LAYER_KINDS:
        raise ValueError(text.NO_SUCH_FILE)
    with TemporaryDirectory(dir=stored.folder) as place:
        stem = f"{file_stem(stored.subject.title)}.{layer.id}"
        files = layer.answer.save(place, stem, (kind,))
        if not files:
            raise ValueError(text.NO_TABLES)
        return _one(files, TYPES[kind])


def labels_file(
    stored: StoredResult,
    trace: Callable[[], Trace],
    whole: Callable[[], Segmentation],
    kind: str,
) -> File:
    """Return the labels as a file; pictures, arrays and masks are of the ``whole`` picture.

    ``trace`` is for the report. Raises ``ValueError`` for a kind that there is not of them.
    """
    result = stored.result
    if find_config(result.model).task == "classify":
        return _class_file(result, trace, kind)
    if kind == "python":
        height, width = result.labels.shape
        return start_snippet(result, (width // 2, height // 2)).encode(), TYPES[kind]
    if kind == "command":
        return f"{label_command(result)}\n".encode(), TYPES[kind]
    if kind == "html":
        return write_report(stored, trace()).read_bytes(), TYPES[kind]
    if kind == "csv":
        table = io.StringIO()
        rows = [asdict(row) for row in result.table()]
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return table.getvalue().encode(), TYPES[kind]
    if kind not in LABEL_KINDS:
        raise ValueError(text.NO_SUCH_FILE)
    with TemporaryDirectory(dir=stored.folder) as place:
        if kind in FORMATS:
            example = EXAMPLES.get(stored.subject.example or "")
            called = example.path.name if example else stored.subject.alt
            file = write_labels_for(kind, whole(), Path(place), called)
            return file.read_bytes(), TYPES["masks"] if file.suffix == ".zip" else TYPES[kind]
        names = MASKS if kind == "masks" else (LABEL_FILES[kind],)
        files = whole().save(place, file_stem(stored.subject.title), names)
        return _one(files, TYPES[kind])


def _class_file(result: Segmentation, trace: Callable[[], Trace], kind: str) -> File:
    """Return what a classifier says of the whole picture as a file."""
    if kind not in CLASS_KINDS:
        raise ValueError(text.NO_LABELS)
    if kind == "python":
        return classify_snippet(result).encode(), TYPES[kind]
    if kind == "command":
        return f"{classify_command(result)}\n".encode(), TYPES[kind]
    said = Classification(
        picture=result.picture,
        probabilities=trace().probabilities(0, 0),
        classes=result.classes,
        model=result.model,
        weights=result.weights,
        settings=result.settings,
        notes=result.notes,
    )
    content = json.dumps(said.describe(), indent=2, ensure_ascii=False)
    return content.encode(), TYPES[kind]


def _one(files: Sequence[Path], kind: str) -> File:
    """Return the content of a file, or of several as an archive."""
    if len(files) == 1:
        return files[0].read_bytes(), kind
    return zipped(files, files[0].parent), TYPES["masks"]
