"""Results in a folder that several servers share, so that another one can answer when one is gone.

A result is one file, named by the hash of its key: who can list the folder learns no key. A file
that was not used for as long as results are kept goes, and so do the oldest beyond a bound of
bytes, whichever server is next to look.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import time
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from analysis.core.words import for_json, from_json
from uniformer.classes import ClassSet
from uniformer.files import replace_file
from uniformer.pictures import Picture
from uniformer.segmentation import Segmentation
from uniformer.segmenter import WeightsRecord

LOG = logging.getLogger(__name__)

SUFFIX = ".result.npz"

_OURS = re.compile(r"[0-9a-f]{64}\.result\.npz|\.[0-9a-f]{40}\..+\.part")

ARRAYS = ("picture", "labels", "confidence", "entropy", "margin")

FRESH_SECONDS = 60
"""A use is noted in the folder once in this time."""


@dataclass(frozen=True)
class Shared:
    """What is written of a result: ``about`` is what else the server knows of it, for JSON.

    ``original`` is the visitor's picture where the result is of a smaller one.
    """

    result: Segmentation
    about: dict[str, Any]
    original: Picture | None = None


class SharedResults:
    """The results in ``folder``, at most ``max_bytes``, each until ``max_seconds`` after its use.

    Raises ``OSError`` for a folder that cannot be made or written to.
    """

    def __init__(self, folder: Path, max_bytes: int, max_seconds: float) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(folder / ".writable", lambda file: None).unlink()

    def write(self, key: str, shared: Shared) -> None:
        """Keep a result under ``key``; one that cannot be written is told to the log alone."""
        result = shared.result
        facts = {
            "about": shared.about,
            "classes": asdict(result.classes),
            "model": result.model,
            "weights": asdict(result.weights) | {"note": for_json(result.weights.note)},
            "settings": result.settings,
            "notes": [for_json(note) for note in result.notes],
        }
        arrays = {name: getattr(result, name) for name in ARRAYS}
        if shared.original is not None:
            facts["original_notes"] = [for_json(note) for note in shared.original.notes]
            arrays["original"] = shared.original.pixels
        arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)

        def fill(file: BinaryIO) -> None:
            os.chmod(file.fileno(), 0o600)
            np.savez(file, **arrays)

        try:
            replace_file(self._file(key), fill)
            self.sweep()
        except OSError:
            LOG.warning("A result could not be kept for other servers.", exc_info=True)

    def read(self, key: str) -> Shared | None:
        """Return the result under ``key``; None if there is none or it cannot be read."""
        file = self._file(key)
        try:
            with np.load(file, allow_pickle=False) as content:
                arrays = {name: content[name] for name in ARRAYS}
                facts = json.loads(content["facts"].tobytes())
                pixels = content.get("original")
            notes, original = facts.get("original_notes", ()), None
            if pixels is not None:
                original = Picture(pixels, tuple(from_json(note) for note in notes))
            weights = facts["weights"]
            result = Segmentation(
                **arrays,
                classes=_classes(**facts["classes"]),
                model=facts["model"],
                weights=WeightsRecord(**weights | {"note": from_json(weights["note"])}),
                settings=facts["settings"],
                notes=tuple(from_json(note) for note in facts["notes"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            LOG.warning("A result of another server could not be read.", exc_info=True)
            return None
        self.used(key)
        return Shared(result, facts["about"], original)

    def used(self, key: str) -> None:
        """Note that somebody looks at the result under ``key``, which keeps it."""
        file = self._file(key)
        with contextlib.suppress(OSError):  # gone meanwhile
            if time.time() - file.stat().st_mtime > min(FRESH_SECONDS, self._max_seconds / 4):
                os.utime(file)

    def sweep(self) -> None:
        """Remove what was not used for long, and the least recently used of what is too much."""
        oldest, total = time.time() - self._max_seconds, 0
        for used, size, file in sorted(self._listed(), reverse=True):
            total += size
            if used < oldest or total > self._max_bytes:
                file.unlink(missing_ok=True)

    def _listed(self) -> Iterator[tuple[float, int, Path]]:
        """Yield when each file was last used, its bytes and the file; half-written ones too."""
        for file in self._folder.iterdir():
            if _OURS.fullmatch(file.name):
                with contextlib.suppress(OSError):  # another server has removed it
                    status = file.stat()
                    yield status.st_mtime, status.st_size, file

    def _file(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}{SUFFIX}"


def _classes(name: str, title: str, names: list[str], colors: list[str]) -> ClassSet:
    return ClassSet(name, title, tuple(names), tuple(colors))
