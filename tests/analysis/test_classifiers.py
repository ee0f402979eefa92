"""What the analyses say of classifiers: a class of the whole picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_questions import NEEDED

from analysis.core.activation_cache import trace
from analysis.core.errors import AnalysisError
from analysis.core.forward import stage_maps
from analysis.core.progress import finish
from analysis.questions import QUESTIONS
from uniformer.classes import class_set
from uniformer.classifier import Classifier, make_model
from uniformer.config import CLASSIFIERS, BackboneConfig
from uniformer.preprocess import preprocess

BACKBONE = BackboneConfig(
    (1, 1, 4, 1), (16, 32, 64, 64), head_dim=16, layer_scale=True, output_norms=False
)


def make(unchanged, **changes) -> Classifier:
    config = replace(
        CLASSIFIERS["small-cls"], name="tiny-cls", backbone=replace(BACKBONE, **changes),
        short_side=64,
    )  # fmt: skip
    torch.manual_seed(0)
    model = make_model(config, class_set("imagenet1k")).double().eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if "gamma" in name:
                tensor.uniform_(0.5, 1.5)
            elif "qkv" in name or name == "head.weight":
                tensor.mul_(4)
    return unchanged(model)


@pytest.fixture
def classifier(unchanged):
    """A float64 classifier with layer scale and random weights."""
    return make(unchanged)


def test_the_walk_is_the_pass_of_the_model_layer_scale_and_all(classifier, picture):
    x = preprocess(picture(), 64, 32).double()
    with torch.inference_mode():
        ours, theirs = stage_maps(classifier, x), classifier.backbone(x)
        for mine, official in zip(ours, theirs, strict=True):
            assert torch.allclose(mine, official, atol=1e-12)
        traced = trace(classifier, picture())
        assert torch.allclose(traced.logits[..., 0, 0], classifier(x), atol=1e-10)


def test_the_whole_picture_has_the_class_even_above_255(classifier, picture):
    with torch.no_grad():
        classifier.head.bias[999] += 1000
    try:
        labels = trace(classifier, picture()).labels
    finally:
        with torch.no_grad():
            classifier.head.bias[999] -= 1000
    assert np.unique(labels).tolist() == [999]


SLOW = {"attributions", "faithfulness", "representation", "compare"}


@pytest.mark.parametrize(
    "question",
    [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in QUESTIONS],
)
def test_every_question_is_answered(classifier, picture, question):
    answer = finish(QUESTIONS[question](classifier, picture(), **NEEDED[question]))
    assert answer.figure() is not None


def test_an_attribution_is_about_the_whole_picture_and_adds_up(classifier, picture):
    ask = {"x": 3, "y": 3, "score": "logit", "label": "golden retriever", "steps": 32}
    answer = finish(QUESTIONS["attribute"](classifier, picture(), **ask))
    assert "golden retriever" in answer.title
    assert "the whole picture" in answer.title
    assert abs(answer.numbers["completeness_gap_share"]) < 0.1
    x = preprocess(picture(), 64, 32).double()
    with torch.inference_mode():
        logit = classifier(x)[0, 207].item()
    assert answer.numbers["score_value"] == pytest.approx(logit, rel=1e-6)


def test_only_the_stage_that_is_classified_can_be_asked_for_its_say(classifier, picture):
    for more in ({"method": "layer-cam", "stage": 3}, {"method": "hires-cam", "stage": 1}):
        with pytest.raises(AnalysisError, match="classifies the map of stage 4 alone"):
            finish(QUESTIONS["attribute"](classifier, picture(), x=3, y=3, **more))
    answer = finish(QUESTIONS["rollout"](classifier, picture(), x=3, y=3, rule="relevance"))
    assert answer.numbers


def test_flow_through_overlapping_patches_is_refused(unchanged, picture):
    model = make(unchanged, conv_stages=4)
    finish(QUESTIONS["probe"](model, picture(), x=3, y=3))
    with pytest.raises(AnalysisError, match="overlapping convolutions"):
        finish(QUESTIONS["rollout"](model, picture(), x=3, y=3))
