"""Exported graphs, kept between runs: making one takes longer than compiling it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch

import uniformer
from uniformer.export import Form, onnx_bytes
from uniformer.files import replace_file
from uniformer.segmenter import Segmenter

KEPT = 6
"""Files kept, the most recently used ones: 20 to 320 MB each."""


def stored_graph(model: Segmenter, form: Form) -> bytes:
    """Return a form of ``model`` as ONNX, for every size, from the cache if there.

    The folder is ``uniformer-lens`` in the user's cache folder (``XDG_CACHE_HOME``). Where it
    cannot be written to, the graph is made each time.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uniformer-lens"
    file = folder / f"{_identity(model, form)}.onnx"
    try:
        data = file.read_bytes()
        file.touch()
        return data
    except OSError:
        data = onnx_bytes(model, form=form)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(file, lambda part: part.write(data))
        _drop_old(folder)
    except OSError:  # a full or locked disk costs time only
        pass
    return data


def _identity(model: Segmenter, form: Form) -> str:
    """Return a sha256 of what a graph depends on: weights, reach, form, the code that makes it."""
    from uniformer.journal import digest_weights  # brings torchmetrics, which takes seconds

    digest = hashlib.sha256(digest_weights(model).encode())
    settings = model.config, model.reach, model.window_size, form, torch.__version__
    digest.update(str(settings).encode())
    package = Path(uniformer.__file__).parent
    for source in sorted(package.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _drop_old(folder: Path) -> None:
    files = sorted(folder.glob("*.onnx"), key=lambda file: file.stat().st_mtime)
    for file in files[:-KEPT]:
        file.unlink(missing_ok=True)
