"""A small random segmenter whose state is compared with what it was at the end of every test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from uniformer.attention import Attention
from uniformer.classes import numbered_classes
from uniformer.config import BackboneConfig, FPNConfig, ModelConfig
from uniformer.segmenter import Segmenter

TINY = BackboneConfig(depths=(1, 1, 4, 1), dims=(16, 32, 64, 64), head_dim=16)


def state_of(model: Segmenter) -> dict:
    """Everything an analysis must leave alone: hooks, modes, switches, gradients, values."""
    modules = {
        name: (
            module.training,
            getattr(module, "window_size", None),
            {key: list(hooks) for key, hooks in vars(module).items() if key.endswith("_hooks")},
            {key for key in vars(module) if not key.startswith("_")},
        )
        for name, module in model.named_modules()
    }
    parameters = {
        name: (p.requires_grad, p.grad is None, id(p)) for name, p in model.named_parameters()
    }
    values = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return {"modules": modules, "parameters": parameters, "reach": model.reach, "values": values}


def assert_unchanged(model: Segmenter, before: dict) -> None:
    after = state_of(model)
    for part in ("modules", "parameters", "reach"):
        assert after[part] == before[part], f"{part} of the model changed"
    for name, value in before["values"].items():
        torch.testing.assert_close(
            after["values"][name], value, rtol=0, atol=0, equal_nan=True, msg=f"{name} changed"
        )


@pytest.fixture
def unchanged():
    """Return a function that has a model checked at the end of the test."""
    watched = []

    def watch(model: Segmenter) -> Segmenter:
        watched.append((model, state_of(model)))
        return model

    yield watch
    for model, before in watched:
        assert_unchanged(model, before)


@pytest.fixture
def tiny(unchanged) -> Callable[..., Segmenter]:
    """Return a function that makes a watched float64 segmenter with attention far from uniform.

    ``edit`` may change the model before it is watched.
    """

    def make(reach="global", window_size=3, divisor=1, edit=lambda model: None) -> Segmenter:
        config = ModelConfig(
            "tiny", TINY, FPNConfig(16, 16), reach=reach, window_size=window_size,
            size_divisor=divisor, short_side=64,
        )  # fmt: skip
        torch.manual_seed(0)
        model = Segmenter(config, numbered_classes(5)).double().eval()
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                if name.endswith("running_var"):
                    tensor.uniform_(0.5, 2)
                elif "norm" in name and tensor.is_floating_point():
                    tensor.add_(0.3 * torch.randn_like(tensor))
                elif "qkv" in name:
                    tensor.mul_(4)
            edit(model)
        return unchanged(model)

    return make


@pytest.fixture
def picture() -> Callable[..., np.ndarray]:
    """Return a function that makes a random RGB picture."""

    def make(height: int = 64, width: int = 96, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture
def silent_queries() -> Callable[[Segmenter], None]:
    """Return an edit after which every query is zero, so that attention is uniform."""

    def edit(model: Segmenter) -> None:
        for block in [*model.backbone.blocks3, *model.backbone.blocks4]:
            block.attn.qkv.weight[:64] = 0
            block.attn.qkv.bias[:64] = 0

    return edit


@pytest.fixture
def rows_held(monkeypatch) -> list[int]:
    """How many rows of attention were held at a time, one number each time they were made."""
    held, affinity = [], Attention.affinity

    def watch(self, query, key):
        weight = affinity(self, query, key)
        held.append(weight.shape[0] * weight.shape[2])
        return weight

    monkeypatch.setattr(Attention, "affinity", watch)
    return held
