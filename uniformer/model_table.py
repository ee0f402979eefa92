"""The models as a table: what ``python -m uniformer models`` lists."""

from __future__ import annotations

import torch

from uniformer.config import CLASSIFIERS, MODELS, ModelConfig
from uniformer.cost import count_macs, count_parameters
from uniformer.factory import create_model

COUNTED_SIZE = 512


def model_table(count: bool = False) -> list[list[str]]:
    """Return a header and a row per model; with ``count`` their multiply-accumulates, too."""
    header = ["name", "parameters", "classes", "reach", "window", "score*", "weights"]
    if count:
        header.insert(2, f"GMAC at {COUNTED_SIZE}x{COUNTED_SIZE}")
    return [header, *(_model_row(each, count) for each in (MODELS | CLASSIFIERS).values())]


def _model_row(config: ModelConfig, count: bool) -> list[str]:
    with torch.device("meta"):
        model = create_model(config.name, weights=None)
    score = config.published_miou or config.published_top1
    row = [
        config.name,
        f"{count_parameters(model) / 1e6:.1f} M",
        str(len(model.classes)),
        config.reach,
        "-" if config.reach == "global" else str(config.window_size),
        "-" if score is None else f"{score:.1f}",
        _origin(config),
    ]
    if count:
        side = COUNTED_SIZE if config.name in MODELS else config.short_side
        row.insert(2, f"{count_macs(model, side, side) / 1e9:.2f}")
    return row


def _origin(config: ModelConfig) -> str:
    """Return where the weights of a model can be had."""
    if config.bundled is not None:
        return "bundled"
    if config.hub:
        return f"Hugging Face Hub, {config.hub[0].repo_id}/{config.hub[0].filename}"
    if config.drive_id is not None:
        return f"https://drive.google.com/file/d/{config.drive_id}"
    return "none released"
