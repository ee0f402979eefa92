"""Maps on the tokens of a stage: two packages against each other and against first principles."""

import copy

import numpy as np
import pytest
import pytorch_grad_cam
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import SemanticSegmentationTarget

from analysis import AnalysisError, trace
from analysis.attribution import layers as module
from analysis.attribution.layers import class_activation, raw_activation, signed_activation
from analysis.core.progress import finish
from analysis.core.regions import pixel_region
from analysis.core.shared_weight_copy import shared_weight_copy
from analysis.core.targets import RegionScore
from uniformer.preprocess import preprocess

STAGES = (1, 2, 3, 4)


@pytest.fixture
def ask(tiny, picture):
    """Return a function that makes a score on a private model, and the maps of all stages."""

    def make(edit=lambda model: None, **options):
        model = tiny(edit=edit)
        region = np.zeros((64, 96), dtype=bool)
        region[20:40, 10:50] = True
        score = RegionScore(shared_weight_copy(model), region, 2, **options)
        return score, trace(model, picture()).stage_outputs

    return make


@pytest.fixture
def whole(tiny, picture):
    """A copy of the model to be hooked, the network's input and a score of the copy."""
    model = copy.deepcopy(tiny())
    x = preprocess(picture(), 64).double().requires_grad_()
    return model, x, RegionScore(model, pixel_region((64, 96), 40, 30), 2, score="logit")


@pytest.mark.parametrize("stage", STAGES)
def test_grad_cam_of_both_packages_is_the_same(ask, stage):
    score, maps = ask()
    signed = finish(signed_activation(score, maps, stage, "LayerGradCam")).map
    np.testing.assert_allclose(raw_activation(score, maps, stage, "GradCAM"), signed, atol=1e-12)
    positive = finish(class_activation(score, maps, stage, "GradCAM")).map
    np.testing.assert_allclose(positive, np.maximum(signed, 0), atol=1e-12)


@pytest.mark.parametrize("stage", STAGES)
def test_hires_cam_is_the_positive_part_of_gradient_x_activation(ask, stage):
    score, maps = ask(against=4)
    signed = finish(signed_activation(score, maps, stage, "LayerGradientXActivation")).map
    positive = finish(class_activation(score, maps, stage, "HiResCAM")).map
    np.testing.assert_allclose(positive, np.maximum(signed, 0), atol=1e-12)


@pytest.mark.parametrize("kind", ["GradCAM", "LayerCAM", "HiResCAM", "EigenCAM"])
def test_maps_before_stretching_are_those_of_the_package_on_the_whole_model(whole, picture, kind):
    model, x, score = whole
    logits = model(x).detach().requires_grad_()
    # The adjoint of reading logits at the region, so that the package's target is the same score.
    (mask,) = torch.autograd.grad(score.of_logits(logits).sum(), logits)
    target = SemanticSegmentationTarget(2, mask[0, 2].numpy())
    package = getattr(pytorch_grad_cam, kind)(model, [model.backbone.norm3])
    expected = package(x, [target])[0]
    maps = [kept.detach() for kept in model.backbone(x)]
    raw = raw_activation(score, maps, 3, kind)
    stretched = scale_cam_image(scale_cam_image(np.maximum(raw, 0)[None], (96, 64)))[0]
    np.testing.assert_allclose(stretched, expected, atol=1e-5)


def test_grad_cam_plus_plus_is_its_formula_however_small_the_gradients(ask):
    score, maps = ask()
    x = maps[1].clone().requires_grad_()
    z = score.model.decode((maps[0], x, *maps[2:]))
    (g,) = torch.autograd.grad(score.of_logits(z).sum(), x)
    assert (g**2).median() < 1e-6 / 10  # what the package adds, so as not to divide by zero
    share = g**2 / (2 * g**2 + x.sum((2, 3), keepdim=True) * g**3)
    weights = (g.relu() * share.nan_to_num()).sum((2, 3), keepdim=True)
    raw = raw_activation(score, maps, 2, "GradCAMPlusPlus")
    np.testing.assert_allclose(raw, (weights * x).sum(1)[0].detach(), rtol=1e-2, atol=2e-5)


@pytest.mark.parametrize("stage", STAGES)
def test_gradient_x_activation_sums_to_the_change_by_scaling_the_map(ask, stage):
    score, maps = ask()

    def scaled(factor):
        changed = [*maps[: stage - 1], maps[stage - 1] * factor, *maps[stage:]]
        with torch.no_grad():
            return score.of_logits(score.model.decode(changed)).item()

    found = finish(signed_activation(score, maps, stage, "LayerGradientXActivation")).map
    derivative = (scaled(1 + 1e-5) - scaled(1 - 1e-5)) / 2e-5
    assert found.sum() == pytest.approx(derivative, rel=1e-4, abs=1e-8)


def test_before_the_last_norm_gradient_x_activation_is_zero(whole):
    model, x, score = whole

    def forward(x):
        """Pass through the model's own blocks, which are what captum hooks."""
        return score.of_logits(model(x))

    unnormed = LayerGradientXActivation(forward, model.backbone.blocks4[-1]).attribute(x)
    normed = LayerGradientXActivation(forward, model.backbone.norm4).attribute(x)
    # Not exactly, for the norm's epsilon.
    assert unnormed.sum(1).abs().max() < 1e-4 * unnormed.abs().max()
    assert normed.sum(1).abs().max() > 1e-2 * normed.abs().max()
    assert LayerGradCam(forward, model.backbone.norm4).attribute(x).any()


def test_eigen_cam_ignores_the_class_and_is_positive_at_the_region(ask):
    score, maps = ask()
    found = finish(class_activation(score, maps, 2, "EigenCAM")).map
    other = RegionScore(score.model, score.region, 4)
    np.testing.assert_array_equal(found, finish(class_activation(other, maps, 2, "EigenCAM")).map)
    tokens = maps[1][0].flatten(1).T.numpy()
    tokens = tokens - tokens.mean(0)
    first = np.linalg.svd(tokens, full_matrices=False)[2][0]
    np.testing.assert_allclose(np.abs(found.ravel()), np.abs(tokens @ first), rtol=1e-4, atol=1e-5)
    inside = np.zeros((8, 12), dtype=bool)
    inside[2:5, 1:7] = True
    assert found[inside].mean() > found[~inside].mean()
    # Whatever the sign that the decomposition came to: of the tokens outside it is the other one.
    outside = RegionScore(score.model, np.kron(~inside, np.ones((8, 8), dtype=bool)), 2)
    turned = finish(class_activation(outside, maps, 2, "EigenCAM")).map
    np.testing.assert_array_equal(turned, -found)


def test_eigen_cam_refuses_more_tokens_than_it_has_memory_for(ask, monkeypatch):
    score, maps = ask()
    monkeypatch.setattr(module, "MAX_EIGEN_TOKENS", 100)
    with pytest.raises(AnalysisError, match="up to 100 tokens and stage 1 has 384"):
        finish(class_activation(score, maps, 1, "EigenCAM"))


def test_a_map_without_a_positive_value_says_so(ask, monkeypatch):
    score, maps = ask()
    monkeypatch.setattr(module, "raw_activation", lambda *_: np.full((2, 3), -1.0))
    found = finish(class_activation(score, maps, 4, "GradCAM"))
    assert not found.map.any()
    assert "every value is negative" in found.note


def test_a_stage_that_the_decoder_does_not_read_says_so(ask):
    def deaf(model):
        model.neck.lateral_convs[0].conv.weight.zero_()

    score, maps = ask(edit=deaf)
    found = finish(class_activation(score, maps, 1, "LayerCAM"))
    assert not found.map.any()
    assert "does not depend on this stage" in found.note


def test_an_error_inside_the_package_reaches_the_caller(ask, monkeypatch):
    def fail(*_):
        raise IndexError("swallowed by the package's context manager")

    monkeypatch.setattr(pytorch_grad_cam.GradCAM, "get_cam_weights", fail)
    score, maps = ask()
    with pytest.raises(IndexError):
        finish(class_activation(score, maps, 4, "GradCAM"))
    assert not module.Tail(score, maps, 4).tap._forward_hooks
