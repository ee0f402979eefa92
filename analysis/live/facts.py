"""What the page of the live edition is told: model, classes, examples, what only the app can do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analysis.attribution.methods import METHODS
from analysis.figures.palette import safe_color
from uniformer.config import HYBRID_PERIOD, STRIDES
from uniformer.preprocess import MEAN, STD
from uniformer.segmenter import Segmenter
from uniformer.weights import bundled_scores

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"

IN_A_BROWSER = ("occlusion", "segment_ablation")
"""Methods that need forward passes only: no gradients, and no decomposition of a map."""


def model_facts(model: Segmenter) -> dict[str, Any]:
    """Return ``Facts.model`` of ``assets/web/live_facts.js``."""
    config = model.config
    backbone = config.backbone
    scores = bundled_scores(config).get("ordinary", {})
    return {
        "name": config.name,
        "depths": backbone.depths,
        "heads": backbone.heads,
        "headSize": backbone.head_dim,
        "strides": STRIDES,
        "shortSide": config.short_side,
        "sizeDivisor": config.size_divisor,
        "windowSize": config.window_size,
        "reach": config.reach,
        "hybridPeriod": HYBRID_PERIOD,
        "accuracy": scores.get("accuracy"),
        "classes": model.classes.names,
        "colors": model.classes.colors,
        "mean": MEAN,
        "std": STD,
    }


def safe_colors(count: int) -> list[str]:
    """Return the colours of that many classes by rank, told apart with any colour vision."""
    return [safe_color(rank) for rank in range(count)]


def examples() -> list[dict[str, str]]:
    """Return name, title, alt and credit of the examples, the one to open with first."""
    return json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))


def with_app() -> list[str]:
    """Return the titles of the methods that no browser runs here."""
    return [method.title for name, method in METHODS.items() if name not in IN_A_BROWSER]
