"""One graph for every reach and every gated head: it answers what the model and the analysis do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from golden import fill_model
from tiny_segmenter import BACKBONE, TINY, make

from analysis.affinity.local_rows import contribution_norms
from analysis.core.activation_cache import trace
from analysis.interventions import HeadGate
from analysis.interventions.run import intervene
from analysis.report.workbench_data import block_content
from uniformer import create_model
from uniformer.export import steerable_onnx
from uniformer.export.steerable import LOCAL, Steerable
from uniformer.preprocess import preprocess

DEEPER = replace(TINY, backbone=replace(BACKBONE, depths=(1, 1, 5, 1)))
"""Deep enough for the hybrid reach to leave a block global."""

PICTURE = np.random.default_rng(2).integers(0, 256, (90, 130, 3), dtype=np.uint8)
SIDES = (0, 1, 3, 4, 12)
"""Of windows: none, tokens alone, padded ones, some that fit, one larger than the map."""


@pytest.fixture(scope="module")
def model():
    return fill_model(make(DEEPER))


def answers(steerable, x, **given):
    inputs = steerable.example(*x.shape[-2:]) | {"image": x} | given
    with torch.no_grad():
        return dict(zip(steerable.names(), steerable(**inputs), strict=True))


@pytest.mark.parametrize("side", SIDES)
def test_windows_as_an_input_are_those_of_the_model(model, side):
    x = preprocess(PICTURE, 96)
    windows = torch.tensor([side, 0, side, side, 0])
    model.set_reach("global")
    found = answers(Steerable(model), x, windows=windows)["logits"]
    for block, each in zip(model.backbone.blocks3, windows.tolist(), strict=True):
        block.window_size = each or None
    with torch.no_grad():
        expected = model(x)
    model.set_reach("global")
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.abs().max())


def test_a_closed_gate_silences_a_head(model):
    traced = trace(model, PICTURE, short_side=96)
    gates = torch.ones(5, 2)
    gates[3, 1] = 0
    x = preprocess(PICTURE, 96)
    found = answers(Steerable(model), x, gates3=gates)["logits"]
    expected = intervene(traced, [HeadGate(3, 3, 1)])
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.abs().max())
    assert (expected - traced.logits).abs().max() > 1e-3 * expected.abs().max()


def test_it_hands_out_all_that_rows_are_made_of(model):
    model.set_reach("window", 4)
    traced = trace(model, PICTURE, short_side=96)
    found = answers(Steerable(model), preprocess(PICTURE, 96))
    model.set_reach("global")
    _, parts = block_content(traced, 3, 4)
    for name, part in (("query", "q"), ("key", "k"), ("padding_key", "paddingKey")):
        np.testing.assert_allclose(found[f"stage3.block4.{name}"], parts[part], atol=1e-5)
    values, kernel, mix = (found[f"stage2.block0.{name}"] for name in LOCAL)
    lengths = ((mix * kernel[12]) @ values.flatten(1)).norm(dim=0)
    expected = contribution_norms(traced, 2, 0)[12].flatten()
    np.testing.assert_allclose(lengths, expected, rtol=1e-5, atol=1e-6)


def test_blocks_that_prune_tokens_are_refused():
    with pytest.raises(ValueError, match="of another kind"):
        steerable_onnx(create_model("xs-fpn", weights=None))
