"""The resume file of an evaluation: how far it came, and what it is an evaluation of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from uniformer.dataset import DatasetError
from uniformer.engines.model import Predictor
from uniformer.files import replace_file
from uniformer.metrics import Counts


@dataclass(frozen=True)
class State:
    """The counts of the first ``done`` pictures; ``read`` is a digest of their files' contents.

    ``left_out`` says for each of them that could not be counted why.
    """

    done: int
    counts: Counts
    read: str = ""
    left_out: tuple[str, ...] = ()

    @classmethod
    def empty(cls, classes: int) -> State:
        """Return the state before the first picture."""
        return cls(0, Counts.zero(classes))


class EvaluationJournal:
    """Reads and writes :class:`State` in one JSON file, for one evaluation only.

    ``identity`` says which one: a JSON object whose values must all be met again.
    """

    def __init__(self, file: Path, identity: dict[str, Any]) -> None:
        self.file = file
        self.identity = json.loads(json.dumps(identity))
        self.note: str | None = None

    def open(self, empty: State, pairs: Sequence[tuple[Path, Path]]) -> State:
        """Return the last state written; without a file, write and return ``empty``.

        It is of no use once one of the ``pairs`` of files that it counted has another content:
        then ``empty`` is returned too, and ``note`` says so. A place that cannot be written to
        shows before the work.

        Raises :class:`DatasetError` for a file that is not a state or belongs to another
        evaluation, and ``OSError``.
        """
        if not self.file.exists():
            self.write(empty)
            return empty
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            identity, done = dict(content["identity"]), int(content["done"])
            read, left_out = str(content.get("read")), tuple(map(str, content.get("left_out", ())))
            counts = Counts(*(np.array(sums, dtype=np.int64) for sums in content["counts"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(
                f"{self.file} is not the resume file of an evaluation: name another."
            ) from error
        differ = [key for key in self.identity if identity.get(key) != self.identity[key]]
        if "read" not in content and differ == ["files"]:
            differ = []  # kept by a version that knew names and sizes alone, so to be done anew
        if differ:
            raise DatasetError(
                f"{self.file} belongs to another evaluation ({', '.join(differ)} differ): "
                "name another file, or remove it to start again."
            )
        now = ""
        for pair in pairs[:done]:
            now = extend_digest(now, *pair)
        if now != read:
            self.note = (
                f"Files that {self.file} had counted have changed since: it was started again."
            )
            return empty
        return State(done, counts, read, left_out)

    def write(self, state: State) -> None:
        """Replace the file by ``state``, at once, so that it is never half-written."""
        sums = (getattr(state.counts, part.name) for part in fields(state.counts))
        content = {
            "identity": self.identity,
            "done": state.done,
            "read": state.read,
            "left_out": list(state.left_out),
            "counts": [numbers.tolist() for numbers in sums],
        }
        replace_file(self.file, lambda file: file.write(json.dumps(content).encode()))


def digest_weights(model: Predictor) -> str:
    """Return a sha256 of all weights as they are in memory, so that untrained ones differ too."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def digest_names(files: Sequence[Path]) -> str:
    """Return a sha256 of the names of ``files``, in their order."""
    return hashlib.sha256(
        "".join(f"{file.name}\n" for file in files).encode(errors="surrogateescape")
    ).hexdigest()


def extend_digest(digest: str, *files: Path) -> str:
    """Return a digest of what ``digest`` stands for and of the contents of ``files`` after it."""
    for file in files:
        try:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError:
            content = "unreadable"
        digest = hashlib.sha256(f"{digest} {content}".encode()).hexdigest()
    return digest
