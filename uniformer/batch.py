"""Label any number of photos, one after another, going on where an earlier run stopped."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from uniformer.pictures import read_picture
from uniformer.predict import prediction_settings, segment
from uniformer.segmentation import FILES, describe_picture, versions
from uniformer.segmenter import Segmenter


class PhotoBatch:
    """One model and one way to predict (arguments of ``segment``), for the files of one folder.

    A photo is done when all its files are there and its JSON tells of the same picture, model,
    weights, settings and versions. The JSON is written last and no file is ever half written, so
    a run that was killed and started again ends with the files of a run that was not.

    Raises ``ValueError`` for settings that cannot be used.
    """

    def __init__(self, model: Segmenter, folder: Path, prediction: dict[str, Any]) -> None:
        self.model = model
        self.folder = folder
        self._prediction = prediction
        identity = {
            "model": model.config.name,
            "weights": asdict(model.weights),
            "settings": prediction_settings(model, **prediction),
            "versions": versions(),
        }
        self._identity = json.loads(json.dumps(identity))

    def label(self, photo: Path, name: str) -> dict[str, Any]:
        """Return what ``NAME.json`` tells of ``photo``, after labelling it if that was not done.

        Raises what :func:`uniformer.segment` and :meth:`uniformer.Segmentation.save` raise.
        """
        picture = read_picture(photo)
        record = self.read(name)
        if record is None or record["picture"] != describe_picture(picture.pixels, picture.notes):
            result = segment(picture, self.model, **self._prediction)
            result.save(self.folder, name)
            record = result.describe()
        return record

    def read(self, name: str) -> dict[str, Any] | None:
        """Return what ``NAME.json`` tells if it comes from this model, settings and versions."""
        files = {kind: self.folder / f"{name}.{kind}" for kind in FILES}
        if not all(file.is_file() for file in files.values()):
            return None
        try:
            record = json.loads(files["json"].read_text(encoding="utf-8"))
            settings = dict(record["settings"])
            settings.pop("network_sizes")  # they follow from the picture
            same = all(
                record[key] == self._identity[key] for key in ("model", "weights", "versions")
            )
            return record if same and settings == self._identity["settings"] else None
        except (ValueError, KeyError, TypeError):  # some other JSON of that name
            return None
