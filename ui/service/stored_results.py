"""Results of all visitors, kept on the server within bounds of memory and time."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from analysis import Trace
from analysis.layers import Layer
from ui.messages import page as text
from ui.service.shared_results import Shared, SharedResults
from uniformer.pictures import Picture
from uniformer.segmentation import Segmentation

LAYERS_PER_RESULT = 6
"""Layers that can be taken away without being computed again."""


class ResultGone(ValueError):
    """A result the server no longer holds; the message is one sentence for the visitor."""


@dataclass(frozen=True)
class PictureInfo:
    """Whose picture it is: a title for captions and file names, words for those who cannot see it,
    a credit line (empty for a visitor's own picture) and the example's name, if it is one.
    """

    title: str
    alt: str
    credit: str = ""
    example: str | None = None


@dataclass
class StoredResult:
    """One result with its subject; ``seconds`` is what labelling took.

    ``original`` is the visitor's picture where the result is of a smaller one.

    ``model`` is what the model cache calls the one that labelled it. ``trace`` is what the picture
    left in that model, once somebody has asked for it, and ``traced_model`` its name, then.
    ``layers`` are those used last, by what was asked. ``tracing`` is held by whoever
    makes the trace, so that it is made once.
    """

    subject: PictureInfo
    result: Segmentation
    seconds: float
    folder: Path
    pinned: bool
    model: str = ""
    original: Picture | None = None
    trace: Trace | None = None
    traced_model: str = ""
    layers: OrderedDict[str, Layer] = field(default_factory=OrderedDict)
    tracing: threading.Lock = field(default_factory=threading.Lock)
    last_used: float = field(default_factory=time.monotonic)

    @property
    def bytes(self) -> int:
        """Memory of the arrays and of the trace."""
        values = (getattr(self.result, entry.name) for entry in fields(self.result))
        arrays = sum(value.nbytes for value in values if isinstance(value, np.ndarray))
        arrays += 0 if self.original is None else self.original.pixels.nbytes
        for layer in self.layers.values():
            arrays += sum(array.nbytes for array in layer.answer.arrays.values())
        return arrays + (0 if self.trace is None else self.trace.bytes)


class ResultStore:
    """Results by an unguessable key; the least recently used go first.

    The newest result always stays, and so do pinned ones. Files made from a result live in its
    folder and go with it. What is not here may be among the ``shared`` ones, if there are any.
    """

    def __init__(
        self, max_bytes: int, max_seconds: float, shared: SharedResults | None = None
    ) -> None:
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._shared = shared
        self._stored: OrderedDict[str, StoredResult] = OrderedDict()
        self._lock = threading.Lock()
        self._root = tempfile.TemporaryDirectory(prefix="uniformer-lens-")

    def put(
        self,
        subject: PictureInfo,
        result: Segmentation,
        seconds: float,
        *,
        pinned: bool = False,
        model: str = "",
        original: Picture | None = None,
    ) -> str:
        """Keep a result, of what the model cache calls ``model``, and return its key."""
        key = secrets.token_urlsafe(16)
        folder = self._folder(key)
        stored = StoredResult(subject, result, seconds, folder, pinned, model, original)
        self._keep(key, stored)
        if self._shared is not None:
            about = {"subject": asdict(subject), "seconds": seconds, "model": model}
            self._shared.write(key, Shared(result, about, original))
        return key

    def get(self, key: str) -> StoredResult:
        """Return what is kept under ``key``; :class:`ResultGone` if that was forgotten."""
        with self._lock:
            self._forget(keep=None)
            stored = self._stored.get(key)
            if stored is not None:
                stored.last_used = time.monotonic()
                self._stored.move_to_end(key)
        if stored is None:
            return self._fetched(key)
        if self._shared is not None:
            self._shared.used(key)
        return stored

    def _fetched(self, key: str) -> StoredResult:
        """Return what another server, or this one before, has kept under ``key``."""
        found = None if self._shared is None else self._shared.read(key)
        if found is None:
            raise ResultGone(text.RESULT_GONE)
        subject, about = PictureInfo(**found.about["subject"]), found.about
        stored = StoredResult(
            subject,
            found.result,
            about["seconds"],
            self._folder(key),
            pinned=False,
            model=about["model"],
            original=found.original,
        )
        return self._keep(key, stored)

    def _keep(self, key: str, stored: StoredResult) -> StoredResult:
        """Keep a result here and return it, or the one that came first under its key."""
        with self._lock:
            stored.folder.mkdir(exist_ok=True)
            stored = self._stored.setdefault(key, stored)
            self._forget(keep=key)
        return stored

    def _folder(self, key: str) -> Path:
        return Path(self._root.name) / key

    def forget_old(self) -> None:
        """Remove what nobody has used for as long as results are kept, though nobody asks."""
        if self._shared is not None:
            with contextlib.suppress(OSError):  # told to the log when something is written
                self._shared.sweep()
        with self._lock:
            self._forget(keep=None)
            for folder in Path(self._root.name).iterdir():
                # Work that was under way when its result went has written into a folder of its own.
                with contextlib.suppress(FileNotFoundError):
                    if folder.name not in self._stored and self._is_old(folder):
                        shutil.rmtree(folder, ignore_errors=True)

    def usage(self) -> tuple[int, int]:
        """Return how many results are held, and their bytes."""
        with self._lock:
            return len(self._stored), sum(stored.bytes for stored in self._stored.values())

    def keep_trace(self, key: str, trace: Trace, model: str) -> None:
        """Keep ``trace`` with the result under ``key``, unless that was forgotten meanwhile."""
        with self._lock:
            if key in self._stored:
                self._stored[key].trace, self._stored[key].traced_model = trace, model
                self._forget(keep=key)

    def layer(self, key: str, asked: str) -> Layer | None:
        """Return a layer of the result under ``key`` that is still kept, as the last used one."""
        layers = self.get(key).layers
        with self._lock:
            if asked in layers:
                layers.move_to_end(asked)
            return layers.get(asked)

    def keep_layer(self, key: str, asked: str, layer: Layer) -> None:
        """Keep one of the last layers of the result under ``key``, by what was ``asked``."""
        with self._lock:
            if key in self._stored:
                layers = self._stored[key].layers
                layers[asked] = layer
                while len(layers) > LAYERS_PER_RESULT:
                    layers.popitem(last=False)
                self._forget(keep=key)

    def drop_traces(self, model: str) -> None:
        """Let go of every trace made with ``model``, so that its weights can be freed."""
        with self._lock:
            for stored in self._stored.values():
                if stored.traced_model == model:
                    stored.trace = None
                    stored.layers.clear()  # what draws them holds the trace

    def _is_old(self, folder: Path) -> bool:
        return time.time() - folder.stat().st_ctime > self._max_seconds

    def _forget(self, keep: str | None) -> None:
        oldest = time.monotonic() - self._max_seconds
        total = sum(stored.bytes for stored in self._stored.values())
        for key, stored in list(self._stored.items()):
            if stored.pinned or key == keep:
                continue
            if stored.last_used < oldest or total > self._max_bytes:
                total -= stored.bytes
                del self._stored[key]
                shutil.rmtree(stored.folder, ignore_errors=True)
