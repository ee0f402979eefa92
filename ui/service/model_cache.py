"""The models that visitors share."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from analysis.core.lent_copy import lent_copy
from analysis.profile.nulls import random_model
from ui.messages.models import OWN_GONE
from uniformer import create_model
from uniformer.config import Reach
from uniformer.engines import optimize_for_inference
from uniformer.factory import find_config
from uniformer.runtime import find_device
from uniformer.segmenter import Segmenter

OWN = "own:"
"""What names of visitors' own models begin with."""

RANDOM = "random:"
"""What names of models with random weights begin with, to compare with."""


@dataclass
class _CachedModel:
    """A model as loaded, and its form for prediction, which shares what needs no rewriting."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    model: Segmenter | None = None
    fast: Segmenter | None = None


class ModelCache:
    """Loads models when they are first asked for and keeps the most recently used ones.

    ``weights`` names the source of a model's weights where it is not the model's own. Whoever
    acquires one gets modules of their own, with a reach of their own, over the weights that all
    share, so that nobody waits for anybody. ``on_drop`` is called with the name of a model that is
    no longer kept, so that nothing else keeps it in memory; a visitor's own one is gone then.
    ``device`` is where they run; ``ValueError`` for one that is not there.
    """

    def __init__(
        self,
        weights: Mapping[str, str | None],
        capacity: int,
        on_drop: Callable[[str], None] = lambda name: None,
        device: str = "cpu",
    ) -> None:
        self._weights = dict(weights)
        self._capacity = capacity
        self._on_drop = on_drop
        self._device = find_device(device)
        self._entries: OrderedDict[str, _CachedModel] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def acquire(self, name: str, reach: Reach, window_size: int) -> Iterator[Segmenter]:
        """Lend the model called ``name`` with its reach set, ready for prediction.

        Raises ``ValueError`` for an unknown name, reach or window size and
        :class:`uniformer.weights.WeightsError` when the weights cannot be had.
        """
        with self._loaded(name) as (entry, model):
            if entry.fast is None:
                entry.fast = cast(Segmenter, optimize_for_inference(model))  # PyTorch's own
            lent = lent_copy(entry.fast)
        lent.set_reach(reach, window_size)
        yield lent

    @contextmanager
    def acquire_original(self, name: str, reach: Reach, window_size: int) -> Iterator[Segmenter]:
        """Lend the model that :meth:`acquire` was made from: it can be traced and has gradients."""
        with self._loaded(name) as (_, model):
            lent = lent_copy(model)
        lent.set_reach(reach, window_size)
        yield lent

    def add(self, model: Segmenter) -> str:
        """Keep a visitor's own model, among the others, and return a name nobody can guess."""
        name = f"{OWN}{secrets.token_urlsafe(16)}"
        with self._lock:
            self._entries[name] = _CachedModel(model=model.to(self._device))
        self._drop_oldest()
        return name

    def is_at_hand(self, name: str) -> bool:
        """Whether nothing need be downloaded for the model: if it has no weights, not either."""
        entry = self._entries.get(name)
        loaded = entry is not None and entry.model is not None
        return (
            loaded or self._weights.get(name, "default") != "default" or not find_config(name).hub
        )

    @contextmanager
    def _loaded(self, name: str) -> Iterator[tuple[_CachedModel, Segmenter]]:
        known = name.removeprefix(RANDOM)
        if not name.startswith(OWN):
            find_config(known)
        elif name not in self._entries:
            raise ValueError(OWN_GONE)
        entry = self._entry(name)
        with entry.lock:
            if entry.model is None:
                weights = None if name != known else self._weights.get(name, "default")
                model = create_model(known, weights=weights, device=self._device)
                if model.weights.source == weights:  # a file, whose folder is nobody's business
                    file = Path(model.weights.source).name
                    model.weights = replace(model.weights, source=file)
                # The draw that an answer about the same setting compares with.
                entry.model = model if name == known else random_model(model)
                self._drop_oldest()
            yield entry, entry.model

    def _entry(self, name: str) -> _CachedModel:
        with self._lock:
            entry = self._entries.setdefault(name, _CachedModel())
            self._entries.move_to_end(name)
            return entry

    def _drop_oldest(self) -> None:
        with self._lock:
            loaded = [name for name, entry in self._entries.items() if entry.model is not None]
            dropped = loaded[: -self._capacity]
            for name in dropped:
                del self._entries[name]
        for name in dropped:
            self._on_drop(name)
