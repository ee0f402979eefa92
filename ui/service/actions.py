"""What the page does, as plain functions: no Gradio types come in or go out.

Each action takes the visitor's selection and returns a new one with what to show. Where something
cannot be done it raises ``ValueError`` with one sentence, and nothing the visitor had is touched.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from analysis import Trace, trace
from analysis.core.progress import Work, finish
from analysis.layers import Layer, LayerAsk
from analysis.questions.answer import digest
from analysis.questions.common import TracedPicture
from ui.host import metrics
from ui.host.settings import Settings
from ui.messages import page as text
from ui.messages import web
from ui.service import gpu_calls as work
from ui.service.cost import asked_by, refuse_too_long
from ui.service.examples import EXAMPLES
from ui.service.films import ShortFilm
from ui.service.gpu_seconds import layer_seconds
from ui.service.model_cache import ModelCache
from ui.service.one_thread import on_one_thread
from ui.service.selection import Selection
from ui.service.shared_results import SharedResults
from ui.service.shown_size import made_smaller
from ui.service.stored_results import PictureInfo, ResultGone, ResultStore, StoredResult
from ui.service.turns import Turns
from ui.service.uploads import open_upload
from ui.service.zerogpu import lends_gpus
from uniformer.classes import ClassSet
from uniformer.classifier import Classifier
from uniformer.config import ModelConfig, Reach
from uniformer.factory import find_config
from uniformer.pictures import Picture, PictureSource, read_picture
from uniformer.segmentation import Segmentation
from uniformer.segmenter import Segmenter
from uniformer.weights import WeightsError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labelled:
    """A new selection, and the example it shows, if it is one."""

    selection: Selection
    example: str | None


class Actions:
    """The actions of the page over one cache of models and one store of results.

    The first example is labelled when this is made, before anybody asks.
    """

    def __init__(self, settings: Settings) -> None:
        shared = None
        if settings.store:
            shared = SharedResults(
                Path(settings.store), settings.files_bytes, settings.store_seconds
            )
        self._store = ResultStore(settings.store_bytes, settings.store_seconds, shared)
        models = {settings.model: settings.weights}
        self.model_cache = ModelCache(
            models, settings.models_in_memory, self._store.drop_traces, settings.device
        )
        self.turns = Turns(settings.concurrency)
        self._max_pixels = settings.picture_pixels
        metrics.HELD.set_function(lambda: self._store.usage()[0])
        metrics.HELD_BYTES.set_function(lambda: self._store.usage()[1])
        nothing = _start(find_config(settings.model))
        self.first = self.open_example(nothing, next(iter(EXAMPLES)), pinned=True)

    @metrics.measured("open_photo")
    def open_photo(self, selection: Selection, photo: PictureSource, name: str) -> Labelled:
        """Label a picture the visitor gave; ``name`` is what they call the file."""
        picture = read_picture(photo)
        pixels = picture.pixels.size // 3
        if pixels > self._max_pixels:
            raise ValueError(text.too_large(pixels / 1e6, self._max_pixels / 1e6))
        subject = PictureInfo(title=Path(name).stem, alt=name)
        shown = made_smaller(picture)
        original = None if shown is picture else picture
        return self._label(replace(selection, pixel=None), shown, subject, original=original)

    @metrics.measured("open_example")
    def open_example(self, selection: Selection, name: str, *, pinned: bool = False) -> Labelled:
        """Label the example called ``name``; the server never forgets a ``pinned`` result."""
        example = EXAMPLES.get(name)
        if example is None:
            raise ValueError(text.NO_SUCH_EXAMPLE)
        subject = PictureInfo(example.title, example.alt, example.credit, example.name)
        return self._label(replace(selection, pixel=None), example.path, subject, pinned=pinned)

    @metrics.measured("change_model")
    def change_model(self, selection: Selection, model: str) -> Labelled:
        """Label the same picture with another model, in the reach that model was trained with."""
        config = find_config(model)
        place = {name: getattr(selection, name) for name in ("key", "pixel", "region")}
        wanted = replace(_start(config), **place)
        try:
            return self._again(wanted)
        except WeightsError as error:
            LOG.warning("%s", error)
            raise ValueError(text.no_weights(config)) from error

    @metrics.measured("add_model")
    def add_model(self, selection: Selection, path: str, name: str) -> Labelled:
        """Label the same picture with the visitor's own checkpoint; ``name`` is what it is called.

        The model is found by the new selection alone, so that nobody else can use it.
        """
        self.stored(selection)
        kept, model = self.keep_model(path, name)
        wanted = replace(_start(model.config), key=selection.key, pixel=selection.pixel)
        return self._again(replace(wanted, model=kept))

    def keep_model(self, path: str, name: str) -> tuple[str, Segmenter]:
        """Keep the visitor's own checkpoint; return the model and a name nobody else can guess."""
        model = open_upload(path, name)
        return self.model_cache.add(model), model

    @metrics.measured("change_reach")
    def change_reach(self, selection: Selection, reach: Reach, window_size: int) -> Labelled:
        """Label the same picture with the same weights in another reach."""
        return self._again(replace(selection, reach=reach, window_size=window_size))

    @metrics.measured("relabel")
    def relabel(self, selection: Selection) -> Labelled:
        """Label the picture of ``selection`` again, in the setting that it names."""
        return self._again(selection)

    def selection(self, key: str) -> Selection:
        """Return what the result under ``key`` was made with; ``ValueError`` if it is forgotten."""
        stored = self._store.get(key)
        used = stored.result.settings
        return Selection(
            key, stored.model, used["reach"], used["window_size"], short_side=used["short_side"]
        )

    def whole(self, selection: Selection) -> Segmentation:
        """Return the result at the size of the visitor's picture."""
        stored = self.stored(selection)
        if stored.original is None:
            return stored.result
        exactly = self.selection(selection.key)
        return self._segment(exactly, stored.result.as_read, onto=stored.original)[0]

    def stored(self, selection: Selection) -> StoredResult:
        """Return what is kept of a result; ``ValueError`` if the server has forgotten it."""
        return self._store.get(selection.key)

    def trace(self, selection: Selection) -> Trace:
        """Return what the picture left in the model; the first call runs it, later ones do not."""
        stored = self.stored(selection)
        with stored.tracing:
            if stored.trace is not None:
                return stored.trace
            with self.original(selection) as model, self.turns.quick():
                short_side = stored.result.settings["short_side"]
                traced = trace(model, stored.result.picture, short_side=short_side)
            self._store.keep_trace(selection.key, traced, selection.model)
            return traced

    def layer(self, key: str, ask: LayerAsk) -> Work[Layer]:
        """Yield the progress of a layer of the result under ``key``, and return the layer.

        The first step of one that is live is quick work, all else takes its turn. One that was
        asked for before is there at once.
        """
        selection, asked = self.selection(key), layer_key(ask)
        stored = self.stored(selection)
        if (known := self._store.layer(key, asked)) is not None:
            return known
        with self.original(selection) as model:
            picture, short_side = stored.result.as_read, stored.result.settings["short_side"]
            if not ask.kind.live:
                question, values = asked_by(ask, short_side)
                refuse_too_long(model, question, picture, values)
            lent = lends_gpus() and layer_seconds(model, picture, short_side, None, ask) > 0
            traced = None if lent else TracedPicture(picture, self.trace(selection))
            steps = work.layer(model, picture, short_side, traced, ask)
            take_turns = self.turns.begun_quick if ask.kind.live else self.turns.stepwise
            layer = yield from take_turns(steps)
        self._store.keep_layer(key, asked, layer)
        return layer

    def film(self, selection: Selection, film: Path, target: Path) -> Work[tuple[str, ClassSet]]:
        """Write the labelled ``film`` to ``target``, its table beside it.

        Returns what to say of it, if anything, and the classes of its labels.

        Each step is taken in turn, and has the frame under its labels as ``found``.
        """
        frames = ShortFilm(film, self._max_pixels)
        place = selection.model, selection.reach, selection.window_size
        with self.model_cache.acquire(*place) as model:
            if isinstance(model, Classifier):
                raise ValueError(web.FILM_NEEDS_SEGMENTER)
            steps = work.film(model, frames, target, selection.short_side)
            yield from self.turns.stepwise(steps)
            return frames.notice, model.classes

    def forget_old(self) -> None:
        """Remove the results that nobody has looked at for as long as they are kept."""
        self._store.forget_old()

    @contextmanager
    def original(self, selection: Selection) -> Iterator[Segmenter]:
        """Lend the model behind a result, not optimized and in its reach.

        Where it has other weights here than where the result was made, that counts as forgotten.
        """
        given = self.stored(selection).result
        reach, window_size = given.settings["reach"], given.settings["window_size"]
        with self.model_cache.acquire_original(selection.model, reach, window_size) as model:
            if model.weights.sha256 != given.weights.sha256:
                raise ResultGone(text.RESULT_GONE)
            yield model

    def _again(self, selection: Selection) -> Labelled:
        stored = self.stored(selection)
        shown = stored.result.as_read
        return self._label(selection, shown, stored.subject, original=stored.original)

    def _label(
        self,
        selection: Selection,
        picture: PictureSource,
        subject: PictureInfo,
        pinned: bool = False,
        original: Picture | None = None,
    ) -> Labelled:
        result, seconds = self._segment(selection, picture)
        key = self._store.put(
            subject, result, seconds, pinned=pinned, model=selection.model, original=original
        )
        return Labelled(replace(selection, key=key), subject.example)

    def _segment(
        self, selection: Selection, picture: PictureSource, onto: PictureSource | None = None
    ) -> tuple[Segmentation, float]:
        """Return the labels of ``picture``, or of ``onto``, and the seconds that they took."""
        place = selection.model, selection.reach, selection.window_size
        short_side = selection.short_side
        with self.model_cache.acquire(*place) as model, self.turns.quick():
            start = time.perf_counter()
            if isinstance(model, Classifier):
                named = on_one_thread(lambda: work.name(model, picture, short_side, True))
                result = finish(named).as_labels()
            else:
                result = finish(on_one_thread(lambda: work.label(model, picture, short_side, onto)))
            return result, time.perf_counter() - start


def layer_key(ask: LayerAsk) -> str:
    """Return what two asks have in common that mean the same."""
    mask = None if ask.mask is None else digest(ask.mask)
    plain = [ask.layer, ask.x, ask.y, ask.region, mask, ask.label, ask.against, ask.values]
    return json.dumps(plain, sort_keys=True)


def _start(config: ModelConfig) -> Selection:
    """Return what a visitor starts with: a model as it was trained, the last block of stage 3."""
    last = config.backbone.depths[2] - 1
    return Selection("", config.name, config.reach, config.window_size, stage=3, block=last)
