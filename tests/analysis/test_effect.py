"""Effects: numbers of known predictions, sweeps over all heads, radii and reaches, figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from steps import told

from analysis import AnalysisError, trace
from analysis.core.progress import Progress, finish
from analysis.core.targets import RegionScore
from analysis.figures.what_if import (
    effect_figure,
    head_sweep_figure,
    radius_curve_figure,
    reach_cost_figure,
)
from analysis.interventions import (
    DropBlock,
    HeadGate,
    HideRegion,
    Neighbourhood,
    PatchTokens,
    SetWindow,
    intervene,
)
from analysis.interventions.effect import effect_of, effect_report, kl_nats
from analysis.interventions.head_sweep import head_sweep
from analysis.interventions.radius_curve import radius_curve
from analysis.interventions.reach_cost import reach_cost
from analysis.interventions.run import DRAWS
from uniformer import segment

REGION = np.zeros((64, 96), dtype=bool)
REGION[8:30, 20:60] = True


@pytest.fixture
def lively():
    """Return an edit after which the random model predicts several classes."""

    def edit(model):
        model.decode_head.conv_seg.weight.mul_(30)
        model.decode_head.conv_seg.bias.zero_()

    return edit


def test_what_changes_nothing_has_no_effect_and_every_class_keeps_its_place(tiny, picture, lively):
    traced = trace(tiny(edit=lively), picture())
    target = RegionScore(traced.model, REGION, 1)
    effect = effect_report(traced, [HeadGate(3, None, None, 1.0)], target=target).effect
    assert (effect.flipped_share, effect.kl_nats, effect.margin_change_nats) == (0, 0, 0)
    assert not effect.changed.any()
    assert not effect.area_change.any()
    present = np.isin(np.arange(5), effect.labels_after)
    np.testing.assert_array_equal(effect.iou, np.where(present, 1, np.nan))
    assert present.sum() >= 2


def test_the_effect_of_becoming_another_picture_is_known_from_its_prediction(tiny, picture, lively):
    model = tiny(edit=lively)
    one, other = picture(), picture(seed=4)
    traced, source = trace(model, one), trace(model, other)
    target = RegionScore(model, REGION, 2)
    swap = [PatchTokens(1, None, np.ones((16, 24), dtype=bool), source)]
    report = effect_report(traced, swap, target=target)
    effect, before, after = report.effect, segment(one, model).labels, segment(other, model).labels
    np.testing.assert_array_equal(report.labels_before, before)
    np.testing.assert_array_equal(effect.labels_after, after)
    np.testing.assert_array_equal(effect.changed, before != after)
    assert 0 < effect.flipped_share == pytest.approx((before != after).mean())
    for label in range(5):
        here, there = before == label, after == label
        assert effect.area_change[label] == pytest.approx(there.mean() - here.mean())
        either = (here | there).sum()
        wanted = (here & there).sum() / either if either else np.nan
        np.testing.assert_allclose(effect.iou[label], wanted)
    with torch.no_grad():
        p, q = traced.logits.softmax(1), source.logits.softmax(1)
        divergence = (p * (p / q).log()).sum(1).mean().item()
        margin = (target.of_logits(source.logits) - target.of_logits(traced.logits)).item()
    assert effect.kl_nats == pytest.approx(divergence)
    assert effect.margin_change_nats == pytest.approx(margin)
    assert effect.seconds > 0


def test_divergence_is_that_of_two_coins():
    clean, changed = (torch.tensor([p, 1 - p]).log()[None, :, None, None] for p in (0.5, 0.9))
    assert kl_nats(clean, changed) == pytest.approx(0.5 * np.log(0.5 / 0.9 * 0.5 / 0.1), rel=1e-5)
    assert kl_nats(clean, clean + 3) == pytest.approx(0, abs=1e-6)


def test_targets_that_do_not_fit_are_refused(tiny, picture):
    traced = trace(tiny(), picture())
    for target, words in (
        (RegionScore(traced.model, REGION, 1, score="logit"), "margin, not its logit"),
        (RegionScore(traced.model, REGION.T, 1), "64 x 96 pixels"),
    ):
        for ask in (
            lambda target: effect_report(traced, [DropBlock(3, 0)], target=target),
            lambda target: next(head_sweep(traced, target)),
            lambda target: next(radius_curve(traced, target=target)),
            lambda target: next(reach_cost(traced, [2], target=target)),
        ):
            with pytest.raises(AnalysisError, match=words):
                ask(target)
    with pytest.raises(AnalysisError, match="stages 3 and 4"):
        next(radius_curve(traced, (2, 3)))
    with pytest.raises(AnalysisError, match="at least one window"):
        next(reach_cost(traced, []))


def test_the_sweep_silences_each_head_alone_and_finds_the_planted_one(tiny, picture):
    def plant(model):
        for number, block in enumerate(model.backbone.blocks3):
            kept = block.attn.proj.weight[:, 16:32].clone()
            block.attn.proj.weight.zero_()
            if number == 1:
                block.attn.proj.weight[:, 16:32] = 5 * kept

    traced = trace(tiny(edit=plant), picture())
    target = RegionScore(traced.model, REGION, 1)
    steps, sweep = told(head_sweep(traced, target))
    assert steps == [Progress(done, 20) for done in range(1, 21)]
    margin = sweep.margin_change_nats
    assert (margin[3].shape, margin[4].shape) == ((4, 4), (1, 4))
    assert (margin[3] != 0).sum() == 1
    assert np.unravel_index(np.abs(margin[3]).argmax(), (4, 4)) == (1, 1)
    assert sweep.kl_nats[3][1, 1] > 0
    for head in range(4):
        logits = intervene(traced, [HeadGate(4, 0, head)])
        wanted = (target.of_logits(logits) - target.of_logits(traced.logits)).item()
        assert margin[4][0, head] == wanted


def test_the_curve_ends_where_no_edge_is_cut_and_every_control_sees_as_many_keys(tiny, picture):
    traced = trace(tiny(), picture())
    steps, curve = told(radius_curve(traced, (3,), target=RegionScore(traced.model, REGION, 1)))
    np.testing.assert_array_equal(curve.radius_tokens, [0, 1, 2, 4, 5])
    assert steps[-1] == Progress(5, 5)
    effects = [report.effect for report in curve.reports]
    assert effects[-1].kl_nats == pytest.approx(0, abs=1e-12)
    assert effects[-1].flipped_share == 0
    assert effects[0].kl_nats > 1e-6
    assert all("around each" in effect.interventions[0] for effect in effects)
    assert effects[1].kl_nats == effect_of(traced, [Neighbourhood(3, None, 1)]).kl_nats
    # A map of 4 x 6 has room for 3 x 3 apart from 3 x 3, not for 5 x 5.
    assert [len(report.apart) for report in curve.reports] == [6, 4, 0, 0, 0]
    assert curve.reports[2].overlap > 0
    for report in curve.reports[:2]:
        assert report.overlap == 0
        assert all(control.kl_nats > 1e-6 for control in report.controls)
        assert all("moved elsewhere" in each.interventions[0] for each in report.controls)


def test_reach_costs_what_the_model_loses_in_that_reach(tiny, picture):
    model, image = tiny(), picture()
    traced = trace(model, image)
    steps, cost = told(reach_cost(traced, [2, 4]))
    runs = {(run.name, run.window_tokens): run for run in cost.runs}
    assert len(steps) == len(runs) == 8
    assert runs["global", None].report.effect.kl_nats == 0
    assert runs["global", None].keys_per_query == 24
    assert runs["padded window", 4].keys_per_query == 16
    assert runs["masked window", 4].keys_per_query == pytest.approx(4 * (4 * 4 + 2 * 2) / 6)
    assert runs["hybrid", 4].keys_per_query == (3 * 16 + 24) / 4
    assert runs["self only", 1].keys_per_query == 1
    for reach, name in (("hybrid", "hybrid"), ("window", "padded window")):
        model.set_reach(reach, 4)
        wanted = kl_nats(traced.logits, trace(model, image).logits)
        assert runs[name, 4].report.effect.kl_nats == pytest.approx(wanted)
    model.set_reach("global", 3)
    padded, masked = (runs[kind, 2].report for kind in ("padded window", "masked window"))
    assert padded.effect.kl_nats == pytest.approx(masked.effect.kl_nats)
    assert padded.controls == ()
    for kind, size in (("masked window", 2), ("self only", 1)):
        report = runs[kind, size].report
        assert len(report.apart) == DRAWS
        assert all("windows of other tokens" not in each for each in report.effect.interventions)
        assert all("of other tokens" in each.interventions[0] for each in report.controls)
        drawn = effect_report(traced, [SetWindow(3, None, size)])
        assert [each.kl_nats for each in drawn.controls] == [
            each.kl_nats for each in report.controls
        ]


def test_a_sweep_can_be_stopped_between_two_runs(tiny, picture):
    traced = trace(tiny(), picture())
    for sweep in (
        head_sweep(traced, RegionScore(traced.model, REGION, 1)),
        radius_curve(traced),
        reach_cost(traced, [2]),
    ):
        assert next(sweep).done == 1
        sweep.close()
        assert list(sweep) == []


def test_figures_say_what_was_done_with_units_and_their_grade(tiny, picture, lively):
    model, image = tiny(edit=lively), picture()
    traced = trace(model, image)
    target = RegionScore(model, REGION, 1)
    reports = [
        effect_report(traced, [HideRegion(REGION)], target=target, picture=image),
        effect_report(traced, [HeadGate(3, None, None), DropBlock(3, 0), DropBlock(4, 0)]),
    ]
    figures = [effect_figure(report) for report in reports]
    sweep = finish(head_sweep(traced, target))
    curve = finish(radius_curve(traced))
    cost = finish(reach_cost(traced, [2]))
    figures += [head_sweep_figure(sweep), radius_curve_figure(curve), reach_cost_figure(cost)]
    for figure in figures:
        assert "causal" in figure.get_supxlabel()
        assert figure.get_suptitle()
        figure.canvas.draw()
    hidden, gated, heads, *_ = figures
    words = [text.get_text() for axes in hidden.axes for text in axes.texts]
    assert "effect: " in words[0]
    assert "6 controls: " in words[0]
    assert "nats" in words[0]
    assert "nothing to compare" in next(t.get_text() for a in gated.axes for t in a.texts)
    assert "and 2 more" in gated.get_suptitle()
    named = [text.get_text() for text in hidden.axes[3].get_legend().get_texts()]
    assert len(named) == len(np.union1d(traced.labels, reports[0].effect.labels_after))
    assert "(nats)" in heads.axes[-1].get_ylabel()
    shown = replace(sweep, margin_change_nats={3: np.array([[-2.0, 1.0]]), 4: np.zeros((1, 1))})
    image = head_sweep_figure(shown).axes[0].images[0]
    assert image.get_clim() == (-2, 2)
