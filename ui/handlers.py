"""What the page does, as plain functions: no Gradio types come in or go out.

Each action takes the visitor's selection and returns a new one with what to show. Where something
cannot be done it raises ``ValueError`` with one sentence, and nothing the visitor had is touched.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ui import text
from ui.examples import EXAMPLES
from ui.payload import view_payload
from ui.settings import Settings
from ui.shelf import ModelShelf
from ui.store import ResultStore, Subject
from ui.take_away import write_file
from uniformer import segment
from uniformer.config import Reach
from uniformer.factory import find_config
from uniformer.pictures import PictureSource, open_picture
from uniformer.weights import WeightsError

LOG = logging.getLogger(__name__)

MAX_MEGAPIXELS = 24
"""What a visitor's picture may have: a result holds 16 bytes a pixel on the server."""


@dataclass(frozen=True)
class Selection:
    """What one visitor is looking at: a result, and the model and reach that made it."""

    key: str
    model: str
    reach: Reach
    window_size: int


@dataclass(frozen=True)
class Answer:
    """A new selection, its payload for the viewer, and the example it shows, if it is one."""

    selection: Selection
    view: dict[str, Any]
    example: str | None


class Handlers:
    """The actions of the page over one shelf of models and one store of results."""

    def __init__(self, settings: Settings) -> None:
        self._shelf = ModelShelf({settings.model: settings.weights}, settings.models_in_memory)
        self._store = ResultStore(settings.store_bytes, settings.store_seconds)
        config = find_config(settings.model)
        nothing = Selection("", config.name, config.reach, config.window_size)
        self.first = self.open_example(nothing, next(iter(EXAMPLES)), pinned=True)

    def open_photo(self, selection: Selection, path: str, name: str) -> Answer:
        """Label a picture the visitor gave; ``name`` is what they call the file."""
        picture = open_picture(path)
        megapixels = picture.shape[0] * picture.shape[1] / 1e6
        if megapixels > MAX_MEGAPIXELS:
            raise ValueError(text.too_large(megapixels, MAX_MEGAPIXELS))
        return self._label(selection, picture, Subject(title=Path(name).stem, alt=name))

    def open_example(self, selection: Selection, name: str, *, pinned: bool = False) -> Answer:
        """Label the example called ``name``; the server never forgets a ``pinned`` result."""
        example = EXAMPLES.get(name)
        if example is None:
            raise ValueError(text.NO_SUCH_EXAMPLE)
        subject = Subject(example.title, example.alt, example.credit, example.name)
        return self._label(selection, example.path, subject, pinned=pinned)

    def change_model(self, selection: Selection, model: str) -> Answer:
        """Label the same picture with another model, in the reach that model was trained with."""
        config = find_config(model)
        wanted = replace(selection, model=model, reach=config.reach, window_size=config.window_size)
        try:
            return self._again(wanted)
        except WeightsError as error:
            LOG.warning("%s", error)
            raise ValueError(text.no_weights(config)) from error

    def change_reach(self, selection: Selection, reach: Reach, window_size: int) -> Answer:
        """Label the same picture with the same weights in another reach."""
        return self._again(replace(selection, reach=reach, window_size=window_size))

    def take_away(self, selection: Selection, kind: str, opacity: float) -> Path:
        """Write the result as one of ``text.DOWNLOADS`` and return the file."""
        return write_file(self._store.get(selection.key), kind, opacity)

    def _again(self, selection: Selection) -> Answer:
        held = self._store.get(selection.key)
        return self._label(selection, held.result.picture, held.subject)

    def _label(
        self,
        selection: Selection,
        picture: PictureSource,
        subject: Subject,
        pinned: bool = False,
    ) -> Answer:
        with self._shelf.borrow(selection.model, selection.reach, selection.window_size) as model:
            start = time.perf_counter()
            result = segment(picture, model)
            seconds = time.perf_counter() - start
        key = self._store.put(subject, result, seconds, pinned=pinned)
        view = view_payload(key, self._store.get(key))
        return Answer(replace(selection, key=key), view, subject.example)
