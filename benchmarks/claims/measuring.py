"""What one picture says about the claims: plain numbers that are kept until all are in."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np

from analysis.affinity.statistics import MASSES
from analysis.core.activation_cache import Trace, trace
from analysis.interventions.effect import effect_report
from analysis.profile.depth_profile import block_profile
from analysis.profile.nulls import shuffled_trace
from analysis.questions.answer import digest
from benchmarks.claims.conditions import CONTROL_DRAWS, conditions
from uniformer.classes import IGNORE_INDEX
from uniformer.segmenter import Segmenter

Record = dict[str, Any]

TRACED = "traced"
"""The source that is no null: the picture in the model."""


def measure(
    model: Segmenter,
    random: Segmenter,
    picture: np.ndarray,
    annotation: np.ndarray | None,
    *,
    short_side: int,
    seed: int,
) -> Record:
    """Return ``effects`` by source and condition and ``spread`` by source and block.

    Sources are the ``picture`` in the model, and the nulls: in the model with random weights, and
    with its pixels shuffled. Nulls have the effects of conditions that a claim rests on. ``model``
    attends globally; ``random`` is the same with random weights. ``picture`` (H, W, 3) is first
    made as small as the network sees it. ``annotation`` (H, W) holds the true classes, 255 where
    unknown: with it effects say how accuracy changes. Whatever is drawn follows from ``seed`` and
    the picture, anew for every change.
    """
    picture = _shrunk(picture, short_side, cv2.INTER_AREA)
    if annotation is not None:
        size = picture.shape[1::-1]
        annotation = cv2.resize(annotation, size, interpolation=cv2.INTER_NEAREST)
    rng = np.random.default_rng([seed, int(digest(picture)[:12], 16)])
    traced = trace(model, picture, short_side=short_side)
    sources = {
        TRACED: traced,
        "random weights": trace(random, picture, short_side=short_side),
        "shuffled pixels": shuffled_trace(traced, picture, seed=_drawn(rng)),
    }
    return {
        "network_size_px": list(traced.network_size_px),
        "accuracy": _accuracy(traced.labels, annotation),
        "effects": {
            name: _effects(each, annotation if name == TRACED else None, rng, name != TRACED)
            for name, each in sources.items()
        },
        "spread": {name: _spread(each) for name, each in sources.items()},
    }


def _effects(
    traced: Trace, annotation: np.ndarray | None, rng: np.random.Generator, tested_only: bool
) -> Record:
    """Return the numbers of every condition, and those of its controls draw by draw."""
    before = _accuracy(traced.labels, annotation)
    found = {}
    for condition in conditions(traced):
        seed = _drawn(rng)
        if tested_only and not condition.tested:
            continue
        draws = CONTROL_DRAWS if condition.controlled else 0
        report = effect_report(traced, condition.interventions, seed=seed, draws=draws)
        after = _accuracy(report.effect.labels_after, annotation)
        found[condition.name] = {
            "kl_nats": report.effect.kl_nats,
            "flipped_share": report.effect.flipped_share,
            "accuracy_change": None if before is None or after is None else after - before,
            "size": report.effect.size,
            **{
                f"control_{key}": [getattr(each, key) for each in report.apart]
                for key in ("kl_nats", "flipped_share", "size")
            },
        }
    return found


def _drawn(rng: np.random.Generator) -> int:
    """Return a seed that nothing else has."""
    return int(rng.integers(2**31))


def _spread(traced: Trace) -> dict[str, Record]:
    """Return, for every block of stages 3 and 4, means over heads beside uniform weights."""
    found = {}
    for stage in (3, 4):
        for number in range(len(traced.windows[stage - 1])):
            block = block_profile(traced, stage, number)
            heads, uniform = dataclasses.asdict(block.heads), dataclasses.asdict(block.uniform)
            found[f"{stage}.{number}"] = {
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
