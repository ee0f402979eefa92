"""Make models by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

import torch

from uniformer.checkpoint import split_entry
from uniformer.classes import (
    ClassSet,
    card_classes,
    checked_classes,
    class_set,
    new_classes,
)
from uniformer.classifier import kind_of, make_model
from uniformer.config import CLASSIFIERS, MODELS, ModelConfig, Reach
from uniformer.features import FeatureBackbone, checked_stages
from uniformer.segmenter import UNTRAINED, Segmenter
from uniformer.weights import load_weights


def list_models() -> list[str]:
    """Return the names of the segmenters :func:`create_model` knows, the bundled one first."""
    return list(MODELS)


def list_classifiers() -> list[str]:
    """Return the names of the ImageNet classifiers that :func:`create_model` knows."""
    return list(CLASSIFIERS)


def find_config(name: str) -> ModelConfig:
    """Return the configuration called ``name``; ``ValueError`` lists the names there are."""
    known = MODELS | CLASSIFIERS
    if name not in known:
        raise ValueError(f"There is no model called {name!r}: choose one of {', '.join(known)}.")
    return known[name]


@overload
def create_model(
    name: str,
    *,
    weights: str | None = ...,
    reach: Reach | None = ...,
    window_size: int | None = ...,
    num_classes: int | None = ...,
    class_names: Sequence[str] | None = ...,
    device: str | torch.device | None = ...,
    features_only: Literal[False] = ...,
) -> Segmenter: ...
@overload
def create_model(
    name: str,
    *,
    features_only: Literal[True],
    out_indices: int | Sequence[int] = ...,
    weights: str | None = ...,
    reach: Reach | None = ...,
    window_size: int | None = ...,
    num_classes: int | None = ...,
    class_names: Sequence[str] | None = ...,
    device: str | torch.device | None = ...,
) -> FeatureBackbone: ...
def create_model(
    name: str,
    *,
    weights: str | None = "default",
    reach: Reach | None = None,
    window_size: int | None = None,
    num_classes: int | None = None,
    class_names: Sequence[str] | None = None,
    device: str | torch.device | None = None,
    features_only: bool = False,
    out_indices: int | Sequence[int] = (0, 1, 2, 3),
) -> Segmenter | FeatureBackbone:
    """Return the model called ``name`` in eval mode.

    ``weights`` is ``"default"`` (the bundled file or the hub copy of that model), a path to a
    ``.pth`` or ``.safetensors`` file, a hub id ``owner/repo/file``, or None for an untrained model
    (``model.weights.trained`` is then False). ``reach`` and ``window_size`` override what the model
    was trained with. A file that the training program exported brings the classes of its card, the
    ``.json`` beside it. For fine-tuning and for other files that were trained on other classes,
    ``class_names`` gives the model these classes, ``num_classes`` that many without names.
    With ``features_only`` it is the backbone alone that is returned, as a list of maps for a
    decoder of one's own, at ``out_indices``.

    Raises ``ValueError`` for an unknown name, reach or size or a damaged card, and
    :class:`uniformer.weights.WeightsError` when weights cannot be had or do not fit.
    """
    config = find_config(name)
    checked_stages(out_indices)
    if reach is not None or window_size is not None:
        config = replace(
            config,
            reach=config.reach if reach is None else reach,
            window_size=config.window_size if window_size is None else window_size,
        )
    model = make_model(config, _choose_classes(config, weights, num_classes, class_names)).eval()
    if weights is not None:
        load_weights(model, weights)
    if device is not None:
        model = model.to(device)
    return FeatureBackbone(model.backbone, out_indices).eval() if features_only else model


def model_of_config(config: dict[str, Any], weights: Path) -> Segmenter:
    """Return the model that a saved ``config.json`` describes, filled from the file ``weights``.

    A model that was saved untrained is untrained again. Raises ``ValueError`` for a damaged
    ``config``, and as :func:`create_model`.
    """
    try:
        name, count = str(config["model"]), len(config["id2label"])
        names = [config["id2label"][str(index)] for index in range(count)]
        rows = [
            {"name": each, "color": color}
            for each, color in zip(names, config["colors"], strict=True)
        ]
        classes = checked_classes(name, rows)
        trained, note = bool(config["weights"]["trained"]), str(config["weights"]["note"])
        reach, window_size = config["reach"], int(config["window_size"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"its config.json is damaged ({error!r})") from error
    known = find_config(name)
    model = make_model(replace(known, reach=reach, window_size=window_size), classes).eval()
    if class_set(known.class_set).names == classes.names:
        model.classes = class_set(known.class_set)
    load_weights(model, str(weights))
    model.weights = replace(model.weights, note=note) if trained else UNTRAINED
    return model


def _choose_classes(
    config: ModelConfig, weights: str | None, count: int | None, names: Sequence[str] | None
) -> ClassSet:
    """Return the classes called ``names``, of the file ``weights``, ``count``, or the model's."""
    most = kind_of(config).most_classes
    if names is not None:
        return new_classes(count, names, most)
    known = class_set(config.class_set)
    card = Path(f"{split_entry(str(weights))[0]}.json")
    if weights not in (None, "default") and card.is_file():
        found = card_classes(card)
        if count in (None, len(found)):
            return known if found.names == known.names else found
    return known if count in (None, len(known)) else new_classes(count, None, most)
