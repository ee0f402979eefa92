"""What the analyses say of models that prune tokens, and that the rest of them still holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_questions import NEEDED

from analysis.affinity.pruning import pruning
from analysis.core.activation_cache import trace
from analysis.core.errors import AnalysisError
from analysis.core.forward import stage_maps
from analysis.core.progress import finish
from analysis.core.token_classes import token_classes
from analysis.layers import LayerAsk, layer_work
from analysis.questions import QUESTIONS
from analysis.questions.common import TracedPicture
from analysis.receptive_field.effective import effective_fields
from analysis.receptive_field.units import stage_units
from analysis.report.workbench_data import stage_facts
from uniformer.classes import numbered_classes
from uniformer.config import BackboneConfig, FPNConfig, ModelConfig
from uniformer.light import select
from uniformer.pictures import Picture
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter

LIGHT = BackboneConfig((1, 1, 4, 2), (16, 32, 64, 64), 16, conv_stages=1, pruned=True)
OF_BLOCKS = {
    "probe", "affinity", "jacobian", "profile", "rollout", "representation", "decoder-lens",
}  # fmt: skip
"""Questions about the rows or tokens of single blocks: these are refused."""


@pytest.fixture
def light(unchanged):
    """A float64 Light segmenter with random weights."""
    torch.manual_seed(0)
    config = ModelConfig("tiny-light", LIGHT, FPNConfig(16, 16), short_side=64, size_divisor=32)
    model = Segmenter(config, numbered_classes(5)).double().eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif "qkv" in name:
                tensor.mul_(4)
        model.backbone.cls_token.normal_()
        model.decode_head.conv_seg.weight.mul_(30)
    return unchanged(model)


def choices_of(model, x):
    """What every block of a real pass kept, in order, seen by hooks."""
    seen, blocks = [], [*model.backbone.blocks3, *model.backbone.blocks4]

    def look(module, args):
        score = args[1].score
        seen.append(None if score is None else select(score))

    hooks = [block.register_forward_pre_hook(look) for block in blocks]
    with torch.inference_mode():
        model(x)
    for hook in hooks:
        hook.remove()
    return seen


def test_pruning_is_what_a_real_pass_kept(light, picture):
    traced = trace(light, picture())
    found = pruning(traced)
    assert [(one.stage, one.block) for one in found] == [
        (3, 0),
        (3, 1),
        (3, 2),
        (3, 3),
        (4, 0),
        (4, 1),
    ]
    seen = choices_of(light, network_input(light, picture()))
    assert [one.prunes for one in found] == [chosen is not None for chosen in seen]
    for one, chosen in zip(found[1:], seen[1:], strict=True):
        places = set(np.flatnonzero(one.kept).tolist())
        assert places == set(chosen.kept[0].tolist())
        assert len(places) == one.kept.size // 2
        assert one.merged_share.sum() == pytest.approx(1)
        assert not one.merged_share[one.kept].any()
        assert one.score[one.kept].min() >= one.score[~one.kept].max()


def network_input(model, image):
    return preprocess(image, model.config.short_side, model.config.size_divisor).to(model.dtype)


def test_the_walk_of_the_analyses_is_the_pass_of_the_model(light, picture):
    x = network_input(light, picture())
    with torch.inference_mode():
        for ours, theirs in zip(stage_maps(light, x), light.backbone(x), strict=True):
            assert torch.equal(ours, theirs)


def test_fields_of_a_cut_are_those_of_the_whole_picture(light, picture):
    """Stages 1 and 2 are measured on a cut; overlapping patches must not change there."""
    x = network_input(light, picture(256, 256))
    read = stage_units(light, {2: (5, 3)})
    whole = light.backbone(x)[1][:, :, 5, 3]
    assert torch.allclose(read(x)[2], whole, atol=1e-10)
    energy = effective_fields(read, [x[:, :, :64, :64]])[2].energy
    assert energy.sum() > 0


def test_the_answer_counts_tokens_and_classes(light, picture):
    image = picture()
    answer = finish(QUESTIONS["pruning"](light, image))
    traced = trace(light, image)
    found = pruning(traced)
    assert [row["kept"] for row in answer.tables["blocks"]] == [int(o.kept.sum()) for o in found]
    labels = traced.labels
    assert len(np.unique(labels)) > 1
    tokens = token_classes(labels, traced.grid(3))
    second = [row for row in answer.tables["classes"] if (row["stage"], row["block"]) == (3, 1)]
    kept = sum(row["kept_share"] * row["area_share"] for row in second)
    assert kept == pytest.approx(found[1].kept.mean(), abs=1e-6)
    assert {row["class"] for row in second} == {f"class {index}" for index in tokens.classes}
    times = np.sum([one.kept for one in found[1:4]], axis=0)
    assert answer.numbers["stages"][0]["always_kept_share"] == (times == 3).mean()
    assert "half" not in answer.sentence
    assert "keeps 50% of the tokens" in answer.sentence
    figure = answer.figure()
    assert "E · exact" in figure.get_supxlabel()


@pytest.mark.parametrize(("stage", "block"), [(3, None), (3, 0), (3, 2), (4, 1)])
def test_the_layer_shows_what_a_real_pass_kept(light, picture, stage, block):
    image = picture()
    given = TracedPicture(Picture(image), trace(light, image))
    ask = LayerAsk("kept", 3, 3, parameters={"stage": stage, "block": block})
    placed = finish(layer_work(light, given, ask)).placed
    passed = [one for one in pruning(given.trace) if one.stage == stage]
    if block is None:
        expected = np.mean([one.kept for one in passed if one.prunes], axis=0)
        assert 0 < expected.mean() < 1
    else:
        expected = passed[block].kept
    np.testing.assert_array_equal(placed.map, expected)
    assert placed.token_size_px == given.trace.grid(stage).token_size_px


def test_the_layer_refuses_a_block_that_is_not_there(light, picture):
    image = picture()
    given = TracedPicture(Picture(image), trace(light, image))
    ask = LayerAsk("kept", 3, 3, parameters={"stage": 4, "block": 2})
    with pytest.raises(AnalysisError, match=r"^There is no block 2 in stage 4: .* 0 to 1\.$"):
        finish(layer_work(light, given, ask))


def test_a_page_is_told_which_stages_prune(light, tiny):
    for model, pruned in ((light, [False, False, True, True]), (tiny(), [False] * 4)):
        told = stage_facts(model, (96, 96), (96, 96))
        assert [one["pruned"] for one in told] == pruned


def test_a_model_that_does_not_prune_keeps_all(tiny, picture):
    answer = finish(QUESTIONS["pruning"](tiny(), picture(), short_side=64))
    assert "prunes no tokens" in answer.sentence
    assert all(row["kept"] == row["tokens"] for row in answer.tables["blocks"])
    assert "E · exact" in answer.figure().get_supxlabel()


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_answers_or_refuses_in_one_sentence(light, picture, question):
    changed = {"what-if": {"stage": 1}, "compare": {"other_reach": None, "other_window_size": 8}}
    steps = QUESTIONS[question](light, picture(), **NEEDED[question] | changed.get(question, {}))
    if question in OF_BLOCKS:
        with pytest.raises(AnalysisError, match=r"^tiny-light prunes [^\n]+\(pruning\)[^\n.]+\.$"):
            finish(steps)
    else:
        assert finish(steps).figure() is not None


@pytest.mark.parametrize(
    ("question", "parameters", "words"),
    [
        ("what-if", {"kind": "drop-block", "stage": 3}, "prunes tokens"),
        ("what-if", {"kind": "silence-head", "stage": 4, "head": 0}, "prunes tokens"),
        ("compare", {"other_reach": "window"}, "its reach is global"),
        ("receptive-field", {"x": 3, "y": 3, "reaches": True}, "its reach is global"),
        ("similarity", {"x": 3, "y": 3, "reach": "hybrid"}, "its reach is global"),
    ],
)
def test_what_pruning_forbids_is_refused(light, picture, question, parameters, words):
    with pytest.raises(AnalysisError, match=words):
        finish(QUESTIONS[question](light, picture(), short_side=64, **parameters))


def test_the_local_stages_are_still_told_term_by_term(light, picture):
    answer = finish(QUESTIONS["affinity"](light, picture(), x=3, y=3, stage=1, short_side=64))
    assert answer.settings["model"] == "tiny-light"
