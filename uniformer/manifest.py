"""One table of many labelled photos, as Parquet and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from uniformer.batch import PhotoBatch
from uniformer.files import replace_file, shown

ROWS_AT_ONCE = 1024


def write_manifest(batch: PhotoBatch, work: Sequence[tuple[Path, str]]) -> list[Path]:
    """Write ``manifest.parquet`` and ``manifest.csv`` into the batch's folder; return them.

    A row per photo that was labelled, in the order of ``work`` (photo, name): ``file`` as given,
    ``name`` of its files, ``sha256`` of its RGB bytes, ``height_px``, ``width_px``, and for each
    class ``share of CLASS``, 0 to 1. No more than ``ROWS_AT_ONCE`` rows are held at a time, and the
    same photos give the same bytes. Raises ``OSError``.
    """
    import pyarrow  # takes a second, and only this needs it
    import pyarrow.parquet

    names = [f"share of {name}" for name in batch.model.classes.names]
    schema = pyarrow.schema(
        [(name, pyarrow.string()) for name in ("file", "name", "sha256")]
        + [(name, pyarrow.int32()) for name in ("height_px", "width_px")]
        + [(name, pyarrow.float64()) for name in names]
    )

    def parquet(file: BinaryIO) -> None:
        with pyarrow.parquet.ParquetWriter(file, schema) as writer:
            for rows in _chunks(_rows(batch, work, names)):
                writer.write_table(pyarrow.Table.from_pylist(rows, schema))

    def table(file: BinaryIO) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer = csv.DictWriter(text, schema.names)
        writer.writeheader()
        writer.writerows(_rows(batch, work, names))
        text.detach()

    return [
        replace_file(batch.folder / "manifest.parquet", parquet),
        replace_file(batch.folder / "manifest.csv", table),
    ]


def _rows(
    batch: PhotoBatch, work: Iterable[tuple[Path, str]], shares: Sequence[str]
) -> Iterator[dict[str, Any]]:
    for photo, name in work:
        record = batch.read(name)
        if record is None:  # it could not be read as a picture
            continue
        picture = record["picture"]
        yield {
            "file": shown(photo),
            "name": name,
            "sha256": picture["sha256"],
            "height_px": picture["height"],
            "width_px": picture["width"],
            **dict.fromkeys(shares, 0.0),
            **{shares[row["index"]]: row["share"] for row in record["table"]},
        }


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(rows, ROWS_AT_ONCE)):
        yield chunk
