"""Which model a state dict belongs to: its names and shapes against those of the configurations.

Two kinds of file exist. A *segmenter* has every key of a model, under its official name. A
*backbone* is an ImageNet classifier: no ``backbone.`` prefix, no output norms ``norm1`` to
``norm4``, and a classifier (``norm``, ``head``) that segmentation does not use. It fills a
classifier whole, and the backbone of a segmenter.

Neither ``head_dim`` nor the reach leaves a trace in names or shapes, so a fit is necessary, not
sufficient: several configurations can share one set of shapes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

from uniformer.classes import class_set
from uniformer.classifier import make_model
from uniformer.config import CLASSIFIERS, MODELS

StateKind = Literal["segmenter", "backbone", "unknown"]

PREFIX = "backbone."
CLASSIFIER = ("norm.", "head.", "pre_logits.", "norm_cls.", "head_cls.")
AUXILIARY = "auxiliary_head."
CLASSES_KEY = "decode_head.conv_seg.weight"
HEAD_KEY = "head.weight"

_COUNTER = ".num_batches_tracked"
_OUTPUT_NORM = re.compile(r"backbone\.norm[1-4]\.")
_EXAMPLES = 3


@dataclass(frozen=True)
class Difference:
    """How a state dict departs from a model: keys, and for ``wrong`` sentences about keys."""

    missing: list[str]
    unexpected: list[str]
    wrong: list[str]

    @property
    def count(self) -> int:
        """How many keys differ."""
        return len(self.missing) + len(self.unexpected) + len(self.wrong)

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        groups = ("missing", self.missing), ("unexpected", self.unexpected), ("wrong", self.wrong)
        return "; ".join(f"{len(keys)} {name}: {_some(keys)}" for name, keys in groups if keys)


def find_kind(state: Mapping[str, Tensor]) -> StateKind:
    """Tell by the names what ``state`` holds."""
    if any(key.startswith(PREFIX) for key in state):
        return "segmenter"
    if any(key.startswith("patch_embed") for key in state):
        return "backbone"
    return "unknown"


def official_names(
    state: Mapping[str, Tensor], model: Mapping[str, Any] | None = None
) -> dict[str, Tensor]:
    """Return ``state`` under the names of ``model``, by default those of a segmenter.

    A backbone file loses its classifier if the model has none. Nothing else is dropped, so a
    backbone of another architecture keeps the keys that show it.
    """
    if find_kind(state) != "backbone":
        return dict(state)
    whole = model is not None and HEAD_KEY in model
    return {
        key if key.startswith(CLASSIFIER) else PREFIX + key: value
        for key, value in state.items()
        if whole or not key.startswith(CLASSIFIER)
    }


def lacks_auxiliary(state: Mapping[str, Tensor], model: Mapping[str, Any]) -> bool:
    """Return whether ``model`` has an auxiliary head of which ``state`` holds nothing."""
    has, given = (any(key.startswith(AUXILIARY) for key in keys) for keys in (model, state))
    return has and not given


def count_classes(state: Mapping[str, Tensor]) -> int | None:
    """Return how many classes the decode head of ``state`` has, or the head of a classifier.

    None without such a head, and for a classifier that none of the models here is.
    """
    if CLASSES_KEY in state:
        return len(state[CLASSES_KEY])
    is_classifier = any(name in CLASSIFIERS for name in guess_configs(state))
    return len(state[HEAD_KEY]) if is_classifier else None


def compare(
    state: Mapping[str, Tensor], model: Mapping[str, Tensor], any_classes: bool = False
) -> Difference:
    """Return where ``state`` departs from the state dict ``model``; falsy when it can be loaded.

    The counters of BatchNorm may be absent or of any number kind, and the auxiliary head, which
    only training uses, absent as a whole. A backbone file answers for the backbone only, and may
    lack the output norms. ``any_classes`` overlooks the number of classes.
    """
    is_backbone = find_kind(state) == "backbone" and HEAD_KEY not in model
    state = official_names(state, model)
    if is_backbone:
        model = {key: value for key, value in model.items() if key.startswith(PREFIX)}

    no_auxiliary = lacks_auxiliary(state, model)

    def optional(key: str) -> bool:
        return (
            key.endswith(_COUNTER)
            or (is_backbone and _OUTPUT_NORM.match(key) is not None)
            or (no_auxiliary and key.startswith(AUXILIARY))
        )

    def same(key: str) -> bool:
        skipped = 1 if any_classes and (".conv_seg." in key or key.startswith("head")) else 0
        ours, theirs = model[key], state[key]
        return ours.shape[skipped:] == theirs.shape[skipped:] and (
            ours.is_floating_point() == theirs.is_floating_point() or key.endswith(_COUNTER)
        )

    return Difference(
        missing=[key for key in model if key not in state and not optional(key)],
        unexpected=[key for key in state if key not in model],
        wrong=[
            f"{key} is {_look(state[key])} instead of {_look(model[key])}"
            for key in model
            if key in state and not same(key)
        ],
    )


def guess_configs(state: Mapping[str, Tensor]) -> list[str]:
    """Return the models whose names and shapes fit ``state``, for any class count.

    A backbone file fits every model built on that backbone; segmenters come first.
    """
    return [
        name
        for name in MODELS | CLASSIFIERS
        if not compare(state, skeleton(name), any_classes=True)
    ]


def nearest_config(state: Mapping[str, Tensor]) -> tuple[str, Difference] | None:
    """Return the model that ``state`` comes nearest to and where it departs from that one.

    None where it departs in more keys than half of what the model has. One that fits departs in
    none.
    """
    found = {
        name: compare(state, skeleton(name), any_classes=True) for name in MODELS | CLASSIFIERS
    }
    name = min(found, key=lambda each: found[each].count)
    return (name, found[name]) if 2 * found[name].count <= len(skeleton(name)) else None


@cache
def skeleton(name: str) -> dict[str, Tensor]:
    """Return the state dict of the model ``name`` on the meta device: shapes without memory."""
    config = (MODELS | CLASSIFIERS)[name]
    with torch.device("meta"):
        return make_model(config, class_set(config.class_set)).state_dict()


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_EXAMPLES]) + (", ..." if len(keys) > _EXAMPLES else "")


def _look(value: Tensor) -> str:
    shape = "x".join(map(str, value.shape)) or "a single number"
    return shape if value.is_floating_point() else f"{shape} ({value.dtype})"
