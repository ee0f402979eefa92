"""What one picture says about the claims: plain numbers that are kept until all are in."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np

from analysis.affinity.statistics import MASSES
from analysis.core.activation_cache import Trace, trace
from analysis.interventions import controls
from analysis.interventions.effect import Effect, effect_of
from analysis.profile.depth_profile import block_profile
from analysis.profile.nulls import shuffled_trace
from benchmarks.claims.conditions import CONTROL, conditions
from uniformer.classes import IGNORE_INDEX
from uniformer.segmenter import Segmenter

Record = dict[str, Any]


def measure(
    model: Segmenter,
    random: Segmenter,
    picture: np.ndarray,
    annotation: np.ndarray | None,
    *,
    short_side: int,
    seed: int,
) -> Record:
    """Return ``effects`` by condition and ``spread`` by source and block, for one ``picture``.

    ``model`` attends globally; ``random`` is the same with random weights, the null of the spread.
    ``picture`` (H, W, 3) is first made as small as the network sees it. ``annotation`` (H, W)
    holds the true classes, 255 where unknown: with it effects say how accuracy changes.
    """
    picture = _shrunk(picture, short_side, cv2.INTER_AREA)
    if annotation is not None:
        size = picture.shape[1::-1]
        annotation = cv2.resize(annotation, size, interpolation=cv2.INTER_NEAREST)
    traced = trace(model, picture, short_side=short_side)
    sources = {
        "traced": traced,
        "random weights": trace(random, picture, short_side=short_side),
        "shuffled pixels": shuffled_trace(traced, picture, seed=seed),
    }
    return {
        "network_size_px": list(traced.network_size_px),
        "accuracy": _accuracy(traced.labels, annotation),
        "effects": _effects(traced, annotation, seed),
        "spread": {name: _spread(each) for name, each in sources.items()},
    }


def _effects(traced: Trace, annotation: np.ndarray | None, seed: int) -> Record:
    before = _accuracy(traced.labels, annotation)
    found = {}
    for condition in conditions(traced):
        runs = {condition.name: condition.interventions}
        if condition.controlled:
            matched = controls(traced, condition.interventions, seed)
            if matched is not None:
                runs[f"{condition.name}{CONTROL}"] = matched
        for name, interventions in runs.items():
            effect = effect_of(traced, interventions)
            found[name] = _numbers(effect, annotation, before)
    return found


def _numbers(effect: Effect, annotation: np.ndarray | None, before: float | None) -> Record:
    after = _accuracy(effect.labels_after, annotation)
    return {
        "kl_nats": effect.kl_nats,
        "flipped_share": effect.flipped_share,
        "accuracy_change": None if before is None or after is None else after - before,
    }


def _spread(traced: Trace) -> dict[str, Record]:
    """Return, for every block of stages 3 and 4, means over heads beside uniform weights."""
    found = {}
    for stage in (3, 4):
        for number in range(len(traced.windows[stage - 1])):
            block = block_profile(traced, stage, number)
            heads, uniform = dataclasses.asdict(block.heads), dataclasses.asdict(block.uniform)
            found[block.name] = {
                "distance_over_uniform": float(block.distance_over_uniform.mean()),
                "entropy": float(heads["entropy"].mean()),
                **{name: float(heads[name].mean()) for name in MASSES},
                **{f"uniform_{name}": float(uniform[name].mean()) for name in MASSES},
            }
    return found


def _accuracy(labels: np.ndarray, annotation: np.ndarray | None) -> float | None:
    """Return the share of annotated pixels that are right; None where nothing is annotated."""
    known = None if annotation is None else annotation != IGNORE_INDEX
    if known is None or not known.any():
        return None
    return float((labels[known] == annotation[known]).mean())


def _shrunk(picture: np.ndarray, short_side: int, interpolation: int) -> np.ndarray:
    height, width = picture.shape[:2]
    factor = short_side / min(height, width)
    if factor >= 1:
        return picture
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return cv2.resize(picture, size, interpolation=interpolation)
