"""A question answered, in the one form that Python, command line, REST, MCP and page share."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import torch

from analysis.core.errors import AnalysisError
from analysis.core.evidence import Grade
from uniformer.authorship import MARK
from uniformer.files import replace_file
from uniformer.pictures import PictureSource, read_picture
from uniformer.segmentation import describe_picture
from uniformer.segmenter import Segmenter

FORMATS = ("png", "svg", "pdf", "npz", "csv", "json")
DOTS_PER_INCH = 144
"""Of every PNG file."""

Row = dict[str, Any]


class Figure(Protocol):
    """What an answer needs of a figure: Matplotlib's, or one that is drawn in another process."""

    def savefig(self, fname: Any, /, *, format: str, dpi: float, metadata: dict[str, Any]) -> None:
        """Write it into a file that is open for writing bytes."""


@dataclass(frozen=True)
class Answer:
    """What was asked, what came out, and all that is needed to ask again.

    ``sentence`` says what the figure shows and what it does not; ``grade`` how far to trust it.
    ``numbers`` are plain values for JSON with units in their names; ``arrays`` the maps behind the
    figure; ``tables`` rows by table name, each with the same keys. ``settings`` has the question's
    parameters, the sha256 of picture and weights, and versions. ``figure`` draws a new figure.
    """

    question: str
    title: str
    sentence: str
    grade: Grade
    numbers: dict[str, Any]
    arrays: dict[str, np.ndarray]
    tables: dict[str, list[Row]]
    settings: dict[str, Any]
    figure: Callable[[], Figure]

    def to_json(self) -> str:
        """Return all but arrays and figure as JSON, NaN and infinities as null."""
        content = {
            "question": self.question,
            "title": self.title,
            "sentence": self.sentence,
            "grade": self.grade,
            "numbers": self.numbers,
            "tables": self.tables,
            "settings": self.settings,
        }
        return json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)

    def csv(self, table: str) -> str:
        """Return one of the ``tables`` as CSV."""
        rows, text = self.tables[table], io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def save(
        self, folder: str | Path, stem: str, formats: Sequence[str] = ("png", "npz", "csv", "json")
    ) -> list[Path]:
        """Write ``{stem}.{format}`` into ``folder`` and return the files; each only when complete.

        There is a CSV file per table, ``{stem}.{table}.csv``. Raises :class:`AnalysisError` for a
        format not in ``FORMATS`` or a stem that is no plain file name, and ``OSError``.
        """
        unknown = [name for name in formats if name not in FORMATS]
        if unknown:
            raise AnalysisError(f"{unknown[0]!r} is not one of {', '.join(FORMATS)}.")
        if not stem or Path(stem).name != stem:
            raise AnalysisError(f"{stem!r} cannot be used as the name of a file.")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        figure = self.figure() if set(formats) & {"png", "svg", "pdf"} else None
        files = []
        for name in formats:
            if name == "csv":
                files += [
                    replace_file(folder / f"{stem}.{table}.csv", writing(self.csv(table)))
                    for table in self.tables
                ]
            elif name == "npz":
                files.append(replace_file(folder / f"{stem}.npz", self._write_arrays))
            elif name == "json":
                files.append(replace_file(folder / f"{stem}.json", writing(self.to_json())))
            else:
                assert figure is not None  # drawn above for these formats
                files.append(replace_file(folder / f"{stem}.{name}", drawing(figure, name)))
        return files

    def _write_arrays(self, file: BinaryIO) -> None:
        np.savez_compressed(file, **self.arrays)  # type: ignore[arg-type]  # no flag of NumPy's


def provenance(
    model: Segmenter, image: PictureSource, mask: np.ndarray | None = None, /, **parameters: Any
) -> dict[str, Any]:
    """Return the ``settings`` of an answer about ``image``.

    ``mask`` (H, W) is the painted region that came with the question, or None.
    """
    picture = read_picture(image)
    return {
        "parameters": parameters,
        "mask_sha256": None if mask is None else digest(mask),
        "picture": describe_picture(picture.pixels, picture.notes),
        "model": model.config.name,
        "num_classes": len(model.classes),
        "reach": model.reach,
        "window_size": model.window_size,
        "weights": asdict(model.weights),
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
    }


def digest(values: np.ndarray) -> str:
    """Return the sha256 of an array's values, as hexadecimal text."""
    return hashlib.sha256(np.ascontiguousarray(values)).hexdigest()


def writing(text: str) -> Callable[[BinaryIO], Any]:
    """Return what writes ``text`` into a file, for :func:`uniformer.files.replace_file`."""
    return lambda file: file.write(text.encode())


def drawing(figure: Figure, kind: str) -> Callable[[BinaryIO], Any]:
    """Return what draws ``figure`` into a file, as "png", "svg" or "pdf".

    Without a date: two runs give the same file.
    """
    undated: dict[str, dict[str, Any]] = {
        "png": {"Software": MARK},
        "svg": {"Date": None, "Creator": MARK},
        "pdf": {"CreationDate": None},
    }
    return lambda file: figure.savefig(file, format=kind, dpi=DOTS_PER_INCH, metadata=undated[kind])


def plain(value: Any) -> Any:
    """Return ``value`` with NumPy's scalars and arrays as Python's, and what is not finite None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
