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
from uniformer.files import replace_file
from uniformer.metrics import Counts
from uniformer.segmenter import Segmenter


@dataclass(frozen=True)
class State:
    """The counts of the first ``done`` pictures."""

    done: int
    counts: Counts

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

    def open(self, empty: State) -> State:
        """Return the last state written; without a file, write and return ``empty``.

        So a place that cannot be written to shows before the work. Raises :class:`DatasetError` for
        a file that is not a state or belongs to another evaluation, and ``OSError``.
        """
        if not self.file.exists():
            self.write(empty)
            return empty
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            identity, done = dict(content["identity"]), int(content["done"])
            counts = Counts(*(np.array(sums, dtype=np.int64) for sums in content["counts"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(
                f"{self.file} is not the resume file of an evaluation: name another."
            ) from error
        differ = [key for key in self.identity if identity.get(key) != self.identity[key]]
        if differ:
            raise DatasetError(
                f"{self.file} belongs to another evaluation ({', '.join(differ)} differ): "
                "name another file, or remove it to start again."
            )
        return State(done, counts)

    def write(self, state: State) -> None:
        """Replace the file by ``state``, at once, so that it is never half-written."""
        sums = (getattr(state.counts, part.name) for part in fields(state.counts))
        content = {
            "identity": self.identity,
            "done": state.done,
            "counts": [numbers.tolist() for numbers in sums],
        }
        replace_file(self.file, lambda file: file.write(json.dumps(content).encode()))


def digest_weights(model: Segmenter) -> str:
    """Return a sha256 of all weights as they are in memory, so that untrained ones differ too."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def digest_files(files: Sequence[Path]) -> str:
    """Return a sha256 of the names and sizes of ``files``, in their order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
    return digest.hexdigest()
