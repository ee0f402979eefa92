"""What the workbench is answered, step by step, as facts and arrays; nothing of HTTP in here."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

import numpy as np

from analysis.core.progress import Progress, Work, relay
from analysis.core.words import say
from analysis.layers import LAYERS, LayerAsk
from analysis.report.workbench_data import (
    Content,
    block_content,
    photo_bytes,
    picture_content,
)
from ui.host.settings import Settings
from ui.messages import in_every_language
from ui.messages import web as text
from ui.service.actions import Actions, Labelled
from ui.service.examples import EXAMPLES
from ui.service.films import MOST_FRAMES, MOST_SECONDS
from ui.service.limits import in_time
from ui.service.model_cache import OWN, RANDOM
from ui.service.selection import Selection
from ui.service.take_away import CLASS_KINDS, LABEL_KINDS, LAYER_KINDS, labels_file, layer_file
from ui.service.weights_download import fetch
from ui.web.asked import setting_of
from ui.web.layers import kind_facts, layer_content
from uniformer.classes import ClassSet, class_set
from uniformer.config import CLASSIFIERS, MODELS, REACHES, ModelConfig
from uniformer.factory import find_config
from uniformer.pictures import PictureSource
from uniformer.weights import WeightsError

ContentWork = Work[Content]
"""What an answer is: it yields its progress and returns its facts and arrays."""

BETWEEN_SECONDS = 0.2
"""Least time between two maps on the way."""

OFFERED_SIDES = (256, 384, 512, 768)
"""Short sides, in pixels, at which visitors can have a picture shown to the network."""


class Workbench:
    """Answers about the results that ``actions`` keeps. ``ValueError`` has one sentence for people.

    Everything but :meth:`catalog` is a generator, to be run on a thread of its own.
    """

    def __init__(self, actions: Actions, settings: Settings) -> None:
        self.actions = actions
        self._settings = settings

    def catalog(self) -> dict[str, Any]:
        """Return what there is to choose from."""
        first = self.actions.first
        return {
            "models": [self._model_facts(config) for config in (MODELS | CLASSIFIERS).values()],
            "layers": [kind_facts(kind) for kind in LAYERS.values()],
            "examples": _examples(),
            "first": {**setting_of(first.selection), "example": first.example},
            "takeAway": {"labels": LABEL_KINDS, "class": CLASS_KINDS, "layers": LAYER_KINDS},
            "fileBytes": self._settings.upload_bytes,
            "film": {"frames": MOST_FRAMES, "seconds": MOST_SECONDS},
        }

    def open(self, setting: Selection, photo: PictureSource | None, name: str) -> ContentWork:
        """Return the labels of a ``photo``, or without one of the example called ``name``."""
        first = self.actions.first
        if photo is None and name == first.example and _same(setting, first.selection):
            return self._opened(self._picture(first.selection))
        yield from self._fetched(setting)
        if photo is None:
            label = partial(self.actions.open_example, setting, name)
        else:
            label = partial(self.actions.open_photo, setting, photo, name)
        return self._opened(self._labelled(setting, label))

    def relabel(self, setting: Selection) -> ContentWork:
        """Return the labels of a picture in ``setting``, made or, where that is its own, kept."""
        kept = self.actions.selection(setting.key)
        with self.actions.original(kept) as model:
            kept = replace(kept, short_side=_asked_short(kept, model.config))
        if _same(kept, setting):
            return self._picture(kept)
        yield from self._fetched(setting)
        return self._labelled(setting, lambda: self.actions.relabel(setting))

    def checkpoint(self, data: bytes, name: str) -> ContentWork:
        """Return a ``ModelInfo`` of the visitor's own checkpoint, which only they can name."""
        with NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield Progress(1, 2)
            kept, model = self.actions.keep_model(file.name, name)
        config, title = model.config, say(text.OWN_TITLE, name=name)
        known: str = say(text.KNOWS_AS, classes=len(model.classes), model=text.title(config))
        if not model.weights.trained:
            known = text.KNOWS_NOTHING
        return {
            "name": kept,
            "title": title,
            "task": config.task,
            "knows": known,
            "available": True,
            "missing": "",
            **_setting_facts(config),
            "spoken": in_every_language([title, known]),
        }, {}

    def film(self, setting: Selection, data: bytes) -> ContentWork:
        """Yield the frames of a film as they are labelled, and return the film and its table."""
        yield from self._fetched(setting)
        start = time.perf_counter()
        with TemporaryDirectory() as folder:
            given, labelled = Path(folder, "given"), Path(folder, "labelled.webm")
            given.write_bytes(data)
            work = self.actions.film(setting, given, labelled)
            notice, classes = yield from relay(in_time(work), _now_and_then())
            files = {"film": labelled, "table": labelled.with_suffix(".csv")}
            content = {name: np.fromfile(file, np.uint8) for name, file in files.items()}
        notices = [notice] if notice else []
        return {
            "seconds": time.perf_counter() - start,
            "classes": _film_classes(content["table"].tobytes(), classes),
            "notices": notices,
            "spoken": in_every_language(notices),
        }, content

    def block(self, key: str, stage: int, block: int) -> ContentWork:
        """Return what the rows of a block are made of."""
        found = block_content(self.actions.trace(self.actions.selection(key)), stage, block)
        yield Progress(1, 1)
        return found

    def probabilities(self, key: str, x: int, y: int) -> ContentWork:
        """Return the probability of every class at a pixel."""
        traced = self.actions.trace(self.actions.selection(key))
        found = traced.probabilities(x, y)
        yield Progress(1, 1)
        return {}, {"probabilities": found}

    def layer(self, key: str, ask: LayerAsk) -> ContentWork:
        """Yield how far a layer is, with what is known of it on the way, and return the layer."""
        start = time.perf_counter()
        layer = yield from relay(in_time(self.actions.layer(key, ask)), _now_and_then())
        return layer_content(layer, time.perf_counter() - start)

    def take_away(self, key: str, ask: LayerAsk | None, kind: str) -> ContentWork:
        """Yield how far it is, and return a layer, or without one the labels, as a file."""
        now = self.actions.selection(key)
        stored = self.actions.stored(now)
        if ask is None:
            content, media_type = labels_file(
                stored, lambda: self.actions.trace(now), lambda: self.actions.whole(now), kind
            )
            yield Progress(1, 1)
        else:
            work = in_time(self.actions.layer(key, ask))
            layer = yield from relay(work, lambda step: replace(step, found=None))
            content, media_type = layer_file(stored, layer, kind)
        return {"type": media_type}, {"file": np.frombuffer(content, np.uint8)}

    def picture_size(self, key: str) -> tuple[int, int]:
        """Return height and width of a picture."""
        return self.actions.stored(self.actions.selection(key)).result.labels.shape

    def _model_facts(self, config: ModelConfig) -> dict[str, Any]:
        """Return a ``ModelInfo`` of ``assets/web/source.js``."""
        chosen = config.name == self._settings.model
        available = bool(config.bundled or config.hub) or chosen
        trained = not (chosen and self._settings.weights is None)
        at_hand = available and self.actions.model_cache.is_at_hand(config.name)
        return {
            "name": config.name,
            "title": text.title(config),
            "task": config.task,
            "knows": text.knows(config) if trained else text.KNOWS_NOTHING,
            "available": available,
            "missing": "" if at_hand else text.missing(config),
            **_setting_facts(config),
        }

    def _fetched(self, setting: Selection) -> Work[None]:
        """Fetch the weights, if the model is not here."""
        name = setting.model
        if name.startswith((OWN, RANDOM)):
            return
        config = find_config(name)
        if self.actions.model_cache.is_at_hand(name):
            return
        try:
            yield from fetch(name)
        except WeightsError as error:
            raise ValueError(say(text.NO_WEIGHTS, model=text.title(config))) from error

    def _labelled(self, setting: Selection, label: Callable[[], Labelled]) -> Content:
        try:
            labelled = label()
        except WeightsError as error:
            title = text.title(find_config(setting.model.removeprefix(RANDOM)))
            raise ValueError(say(text.NO_WEIGHTS, model=title)) from error
        return self._picture(labelled.selection)

    def _opened(self, content: Content) -> Content:
        """Add the photo to what is told of a picture."""
        facts, arrays = content
        result = self.actions.stored(self.actions.selection(facts["key"])).result
        return facts, {"image": photo_bytes(result), **arrays}

    def _picture(self, selection: Selection) -> Content:
        """Return a ``Picture`` of ``assets/web/source.js``."""
        stored, result = self.actions.stored(selection), self.actions.stored(selection).result
        with self.actions.original(selection) as model:
            facts, arrays = picture_content(result, model)
            config = model.config
        own, random = selection.model.startswith(OWN), selection.model.startswith(RANDOM)
        title, known = text.title(config), text.knows(config)
        if own:
            name = result.weights.source.removeprefix("upload ")
            title = say(text.OWN_TITLE, name=name)
            known = say(text.KNOWS_AS, classes=len(result.classes), model=text.title(config))
        elif config.bundled is None and len(result.classes) != _class_count(config):
            known = say(text.KNOWS_CLASSES, classes=len(result.classes))
        if not result.weights.trained:
            known = text.KNOWS_NOTHING
        untrained = () if result.weights.trained else (result.weights.note,)
        notices = [*untrained, *result.notes]
        return {
            "key": selection.key,
            "title": stored.subject.title,
            "alt": stored.subject.alt,
            "credit": stored.subject.credit,
            "example": stored.subject.example,
            "setting": setting_of(replace(selection, short_side=_asked_short(selection, config))),
            "model": {
                "name": selection.model.removeprefix(RANDOM),
                "title": say(text.UNTRAINED, title=title) if random else title,
                "task": config.task,
                "knows": known,
                "trained": result.weights.trained,
            },
            "notices": notices,
            "spoken": in_every_language([title, known, *notices]),
            "seconds": stored.seconds,
            **facts,
        }, arrays


def _film_classes(table: bytes, classes: ClassSet) -> list[dict[str, Any]]:
    """Return the classes of a film with their mean share of a frame, the largest first."""
    rows = list(csv.reader(io.StringIO(table.decode())))[1:]
    shares = np.array([row[-len(classes) :] for row in rows], float).mean(0)
    return [
        {"name": classes.names[index], "color": classes.colors[index], "share": shares[index]}
        for index in np.argsort(-shares, kind="stable")
        if shares[index] > 0
    ]


def _now_and_then() -> Callable[[Progress], Progress]:
    """Return what takes from steps what is known, where that was told a moment ago."""
    told = float("-inf")

    def tell(step: Progress) -> Progress:
        nonlocal told
        now = time.perf_counter()
        if step.found is None or now - told < BETWEEN_SECONDS:
            return replace(step, found=None)
        told = now
        return step

    return tell


@cache
def _examples() -> list[dict[str, str]]:
    return [
        {
            "name": example.name,
            "title": example.title,
            "alt": example.alt,
            "credit": example.credit,
            "thumbnail": example.thumbnail(),
        }
        for example in EXAMPLES.values()
    ]


def _setting_facts(config: ModelConfig) -> dict[str, Any]:
    """Return what a model was trained with, and what it can be switched to."""
    own, others = config.short_side, OFFERED_SIDES if config.task == "segment" else ()
    return {
        "reach": config.reach,
        "windowSize": config.window_size,
        "reaches": ["global"] if config.backbone.pruned else list(REACHES),
        "shortSides": [own, *(side for side in others if side != own)],
    }


def _class_count(config: ModelConfig) -> int:
    return len(class_set(config.class_set))


def _asked_short(selection: Selection, config: ModelConfig) -> int | None:
    """Return the short side if it is not the model's own."""
    return None if selection.short_side == config.short_side else selection.short_side


def _same(one: Selection, other: Selection) -> bool:
    """Whether two selections label a picture alike."""
    return setting_of(one) == setting_of(other)
