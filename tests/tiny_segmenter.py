"""Tiny segmenters, for tests of what fills them."""

from __future__ import annotations

from dataclasses import replace

import torch

from uniformer.classes import class_set
from uniformer.config import BackboneConfig, FPNConfig, ModelConfig, UPerConfig
from uniformer.segmenter import Segmenter

BACKBONE = BackboneConfig(depths=(1, 1, 1, 1), dims=(8, 8, 16, 16), head_dim=8, mlp_ratio=2)
TINY = ModelConfig("tiny", BACKBONE, FPNConfig(8, 8), class_set="everyday22")
TINY_UPER = replace(TINY, name="tiny-uper", head=UPerConfig(8, (1, 2), 8))


def make(config=TINY, seed=0, classes=None):
    """A segmenter with random weights."""
    torch.manual_seed(seed)
    return Segmenter(config, classes or class_set(config.class_set)).eval()


def snapshot(model):
    """A copy of its weights."""
    return {key: value.clone() for key, value in model.state_dict().items()}


def same(first, second):
    """Whether two states agree to the bit."""
    return all(torch.equal(first[key], second[key]) for key in first)
