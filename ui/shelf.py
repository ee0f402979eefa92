"""The models that visitors share."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from uniformer import create_model
from uniformer.config import Reach
from uniformer.factory import find_config
from uniformer.fast import optimize_for_inference
from uniformer.segmenter import Segmenter


@dataclass
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    model: Segmenter | None = None


class ModelShelf:
    """Loads models when they are first asked for and keeps the most recently used ones.

    ``weights`` names the source of a model's weights where it is not the model's own. The reach is
    a property of the shared model, so one visitor at a time uses a model: setting the reach and
    everything computed with it happen under that model's lock.
    """

    def __init__(self, weights: Mapping[str, str | None], capacity: int) -> None:
        self._weights = dict(weights)
        self._capacity = capacity
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def borrow(self, name: str, reach: Reach, window_size: int) -> Iterator[Segmenter]:
        """Lend the model called ``name`` with its reach set, ready for prediction.

        Raises ``ValueError`` for an unknown name, reach or window size and
        :class:`uniformer.weights.WeightsError` when the weights cannot be had.
        """
        find_config(name)
        place = self._place(name)
        with place.lock:
            if place.model is None:
                weights = self._weights.get(name, "default")
                place.model = optimize_for_inference(create_model(name, weights=weights))
                self._drop_oldest()
            place.model.set_reach(reach, window_size)
            yield place.model

    def _place(self, name: str) -> _Place:
        with self._lock:
            place = self._places.setdefault(name, _Place())
            self._places.move_to_end(name)
            return place

    def _drop_oldest(self) -> None:
        with self._lock:
            loaded = [name for name, place in self._places.items() if place.model is not None]
            for name in loaded[: -self._capacity]:
                del self._places[name]
