"""Label any number of photos, one after another, going on where an earlier run stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from uniformer.authorship import written_here
from uniformer.engines.model import Predictor
from uniformer.pictures import read_picture
from uniformer.predict import prediction_settings, segment
from uniformer.segmentation import FILES, Segmentation, describe_picture, versions

USUAL_FILES = ("labels.png", "overlay.png", "json")
"""What is written unless told otherwise."""


class PhotoBatch:
    """One model and one way to predict (arguments of ``segment``), for the files of one folder.

    ``files`` are what :meth:`uniformer.Segmentation.save` writes; the JSON is always one of them. A
    photo is done when all its files are there and its JSON tells of the same picture, model,
    weights, settings and versions. The JSON is written last and no file is ever half written, so
    a run that was killed and started again ends with the files of a run that was not. Where the
    JSON tells of another run, what this program wrote for that one goes: all files of a name are
    of the run that its JSON tells of.

    Raises ``ValueError`` for settings that cannot be used.
    """

    def __init__(
        self,
        model: Predictor,
        folder: Path,
        prediction: dict[str, Any],
        files: Sequence[str] = USUAL_FILES,
    ) -> None:
        for kind in files:
            if kind not in FILES:
                raise ValueError(f"There is no file {kind!r}: choose among {', '.join(FILES)}.")
        self.model = model
        self._files = [kind for kind in FILES if kind in files or kind == "json"]
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
        record, write = self.predict(photo, name)
        write()
        return record

    def predict(self, photo: Path, name: str) -> tuple[dict[str, Any], Callable[[], Any]]:
        """Return what ``NAME.json`` is to tell, and what writes the files; see :meth:`label`.

        Writing needs no model and may go on on another thread.
        """
        picture = read_picture(photo)
        record = self._record(name)
        if record is not None and record.get("picture") != describe_picture(
            picture.pixels, picture.notes
        ):
            record = None
        if record is not None and self._is_complete(name):
            return record, lambda: None
        result = segment(picture, self.model, **self._prediction)
        return result.describe(), lambda: self._write(result, name, replaced=record is None)

    def read(self, name: str) -> dict[str, Any] | None:
        """Return what ``NAME.json`` tells if it is of this model, settings and versions.

        ``None`` where it is not, and where one of the files is not there.
        """
        return self._record(name) if self._is_complete(name) else None

    def _write(self, result: Segmentation, name: str, replaced: bool) -> None:
        """Write the files; ``replaced`` tells that those which are there are of another run."""
        if replaced:
            # The JSON first: were it there still when this is killed, it would tell of files that
            # are no longer its own.
            for kind in ("json", *(kind for kind in FILES if kind not in self._files)):
                file = self.folder / f"{name}.{kind}"
                if file.exists() and written_here(file):
                    file.unlink()
        result.save(self.folder, name, self._files)

    def _is_complete(self, name: str) -> bool:
        return all((self.folder / f"{name}.{kind}").is_file() for kind in self._files)

    def _record(self, name: str) -> dict[str, Any] | None:
        """Return what ``NAME.json`` tells if it is of this model, settings and versions."""
        try:
            record = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
            settings = dict(record["settings"])
            settings.pop("network_sizes")  # they follow from the picture
            same = all(
                record[key] == self._identity[key] for key in ("model", "weights", "versions")
            )
            return record if same and settings == self._identity["settings"] else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # or another's of that name
            return None
