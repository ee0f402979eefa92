"""All pictures of a folder, one after the other; what is measured is kept, so a run can go on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from analysis.core.shared_weight_copy import shared_weight_copy
from analysis.profile.nulls import random_model
from benchmarks.claims.measuring import Record, measure
from uniformer.dataset import list_pictures, read_annotation
from uniformer.files import file_names, replace_file
from uniformer.pictures import open_picture
from uniformer.segmenter import Segmenter

VERSION = 3
"""Counts changes of what is measured: records of another version are measured again."""


@dataclass(frozen=True)
class Study:
    """The ``records`` of all pictures, by name, and the ``settings`` they were measured with."""

    records: dict[str, Record]
    settings: dict[str, Any]


def study(
    model: Segmenter,
    folder: Path,
    output: Path,
    *,
    annotations: Path | None = None,
    pictures: int = 40,
    short_side: int = 192,
    seed: int = 0,
) -> Work[Study]:
    """Measure ``pictures`` of ``folder``, spread evenly over its names.

    What one picture gave is written to ``output``/pictures at once and read again next time, unless
    model, weights, picture or settings differ. The model is made to attend globally, on a copy.
    ``annotations`` holds a label map <name>.png for pictures that have one. Raises
    :class:`AnalysisError` for fewer than two pictures, and what reading them raises.
    """
    files = _evenly(list_pictures(folder), pictures)
    if len(files) < 2:
        raise AnalysisError(f"The claims need at least two pictures in {folder}.")
    model_copy = shared_weight_copy(model)
    model_copy.set_reach("global")
    settings = _settings(model, annotations is not None, short_side, seed)
    kept = output / "pictures"
    kept.mkdir(parents=True, exist_ok=True)
    random, records = random_model(model_copy, seed=seed), {}
    random.set_reach("global")
    for name, file in zip(file_names(files), files, strict=True):
        key, target = _key(settings, file, annotations), kept / f"{name}.json"
        record = _read(target, key)
        if record is None:
            picture = open_picture(file)
            annotation = _annotation(file, annotations, picture.shape[:2], len(model.classes))
            found = measure(
                model_copy, random, picture, annotation, short_side=short_side, seed=seed
            )
            record = {"key": key, **found}
            _write(target, record)
        records[name] = record
        yield Progress(len(records), len(files))
    return Study(records, settings)


def _settings(model: Segmenter, annotated: bool, short_side: int, seed: int) -> dict[str, Any]:
    return {
        "version": VERSION,
        "model": model.config.name,
        "weights": asdict(model.weights),
        "short_side": short_side,
        "seed": seed,
        "annotated": annotated,
    }


def _evenly(files: list[Path], count: int) -> list[Path]:
    """Return ``count`` of ``files`` at equal steps, so that no source at the front dominates."""
    if count >= len(files):
        return files
    return [files[int(at)] for at in np.linspace(0, len(files) - 1, count).round()]


def _annotation(
    file: Path, annotations: Path | None, size_px: tuple[int, int], classes: int
) -> np.ndarray | None:
    if annotations is None or not (annotations / f"{file.stem}.png").is_file():
        return None
    return read_annotation(annotations / f"{file.stem}.png", size_px, classes)


def _key(settings: dict[str, Any], file: Path, annotations: Path | None) -> str:
    content = hashlib.sha256(file.read_bytes())
    if annotations is not None and (annotations / f"{file.stem}.png").is_file():
        content.update((annotations / f"{file.stem}.png").read_bytes())
    content.update(json.dumps(settings, sort_keys=True).encode())
    return content.hexdigest()


def _read(file: Path, key: str) -> Record | None:
    """Return a record measured with the same settings; None if there is none."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("key") == key else None


def _write(file: Path, record: Record) -> None:
    replace_file(file, lambda part: part.write(json.dumps(record).encode()))
