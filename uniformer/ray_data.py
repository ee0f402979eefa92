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
from uniformer.factory import create_model
from uniformer.pictures import PictureError


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

    def __call__(self, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the rows with three more columns: their largest class, its share, and ``error``.

        ``photo`` (a path) and ``name`` (of the files, each once) are read. ``largest_share`` is 0
        to 1; where a photo cannot be read, ``error`` says why, and is empty otherwise.
        """
        names, shares, errors = [], [], []
        for photo, name in zip(rows["photo"], rows["name"], strict=True):
            try:
                largest = self._batch.label(Path(str(photo)), str(name))["table"][0]
            except PictureError as error:
                largest = {"name": "", "share": 0.0}
                errors.append(str(error))
            else:
                errors.append("")
            names.append(largest["name"])
            shares.append(largest["share"])
        added = {"largest_class": names, "largest_share": shares, "error": errors}
        return {**rows, **{name: np.array(column) for name, column in added.items()}}
