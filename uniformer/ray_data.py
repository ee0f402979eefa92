"""Label photos on many machines: a class for ``map_batches`` of Ray Data.

Ray starts the class where it likes and hands it rows; every photo gets the files that
``python -m uniformer segment`` writes, byte for byte with equally many threads, and a run that was
stopped goes on where it was. The folder has to be one that all machines reach. See docs/folders.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uniformer.batch import USUAL_FILES, PhotoBatch
from uniformer.engines import optimize_for_inference
from uniformer.errors import PictureError, hits_all, reason_of
from uniformer.factory import create_model

UNEXPECTED_IN_A_ROW = 5
"""Failures that are no fault of a picture after which it is believed that every row would fail."""


class LabelPhotos:
    """Labels the photos of a batch of rows and writes the files of each into ``folder``.

    ``model`` and ``weights`` are those of :func:`uniformer.create_model`, ``engine`` and
    ``precision`` those of :func:`uniformer.optimize_for_inference`, ``files`` those of
    :meth:`uniformer.Segmentation.save` and ``prediction`` the other arguments of
    :func:`uniformer.segment`. The model is made once per worker, so it is given by name.

    Raises ``ValueError`` for settings that cannot be used.
    """

    def __init__(
        self,
        folder: str | Path,
        model: str = "nano",
        *,
        weights: str | None = "default",
        engine: str = "torch",
        precision: str = "float32",
        files: Sequence[str] = USUAL_FILES,
        **prediction: Any,
    ) -> None:
        fast = optimize_for_inference(create_model(model, weights=weights), engine, precision)
        usual = {"mode": "whole", "flip": False, "scales": (1.0,), "short_side": None}
        settings = {**usual, **prediction, "precision": precision}
        self._batch = PhotoBatch(fast, Path(folder), settings, files)
        self._unexpected = 0

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the rows with three more columns: their largest class, its share, and ``error``.

        ``photo`` (a path) and ``name`` (of the files, each once) are read. ``largest_share`` is 0
        to 1; where a photo cannot be labelled, ``error`` says why, and is empty otherwise. What
        would meet every row, such as a full disk, is raised and so ends the job.
        """
        names, shares, errors = [], [], []
        for photo, name in zip(rows["photo"], rows["name"], strict=True):
            largest, reason = {"name": "", "share": 0.0}, ""
            try:
                largest = self._batch.label(Path(str(photo)), str(name))["table"][0]
                self._unexpected = 0
            except PictureError as error:
                reason = str(error)
            except Exception as error:
                self._unexpected += 1
                if hits_all(error) or self._unexpected >= UNEXPECTED_IN_A_ROW:
                    raise
                reason = reason_of(error)
            names.append(largest["name"])
            shares.append(largest["share"])
            errors.append(reason)
        added = {"largest_class": names, "largest_share": shares, "error": errors}
        return {**rows, **{name: np.array(column) for name, column in added.items()}}
