"""Controls are as large as what they are compared with, apart from it, and several."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from matplotlib.text import Text
from steps import told

from analysis import QUESTIONS, finish, trace
from analysis.core.forward import positions
from analysis.core.uncertainty import divergence_spread, spread
from analysis.interventions import (
    DropBlock,
    HeadGate,
    HideRegion,
    LocalKernel,
    Neighbourhood,
    PatchTokens,
    PositionEncoding,
    SetWindow,
    WithoutKeys,
    controls,
    run,
)
from analysis.interventions.effect import effect_of, effect_report, effect_report_steps
from analysis.interventions.elsewhere import moved_elsewhere
from analysis.interventions.run import DRAWS, intervene_sized

TOKENS = np.zeros((4, 6), dtype=bool)
TOKENS[1:3, 2:4] = True
REGION = np.zeros((64, 96), dtype=bool)
REGION[10:20, 20:50] = True

SCALED = [
    PositionEncoding(1, None, "off"),
    PositionEncoding(3, None, "mean"),
    PositionEncoding(4, 0, "mean"),
    LocalKernel(1, None, "centre"),
    LocalKernel(2, 0, "mean"),
    HeadGate(3, 1, 2),
    HeadGate(3, 0, None, fill="mean"),
    HeadGate(4, None, 1),
    DropBlock(3, 1),
]


@pytest.mark.parametrize("change", SCALED, ids=lambda change: change.describe())
def test_random_changes_are_as_large_in_their_own_pass_as_the_change_was_in_its(
    tiny, picture, change
):
    report = effect_report(trace(tiny(), picture()), [change])
    assert report.controls
    assert report.effect.size > 0
    for control in report.controls:
        assert sorted(control.sizes.values()) == pytest.approx(sorted(report.effect.sizes.values()))


def test_a_size_is_the_length_of_the_change_over_that_of_the_output(tiny, picture):
    traced = trace(tiny(), picture())
    _, sizes = intervene_sized(traced, [DropBlock(3, 1)])
    before, after = traced.block_inputs[2][1:3]
    assert sizes == {(3, 1): pytest.approx(((before - after).norm() / after.norm()).item())}
    image = picture()
    hidden = HideRegion(REGION, "mean")
    _, sizes = intervene_sized(traced, [hidden], image)
    moved = hidden.hide(image).astype(float) - image
    contrast = image - image.mean((0, 1))
    assert sizes == {None: pytest.approx(np.linalg.norm(moved) / np.linalg.norm(contrast))}


def test_draws_differ_are_repeated_by_their_seed_and_are_never_the_change_itself(tiny, picture):
    traced, image = trace(tiny(), picture()), picture()
    for change in (*SCALED, Neighbourhood(3, None, 0), SetWindow(3, None, 2), HideRegion(REGION)):
        drawn, again, other = (controls(traced, [change], seed, image) for seed in (3, 3, 4))
        if isinstance(change, HideRegion):
            drawn, again, other = (
                [one[0].region.tobytes() for one in each] for each in (drawn, again, other)
            )
        assert len(set(drawn)) == len(drawn) >= 1
        assert drawn == again
        assert len(drawn) < DRAWS or drawn != other
        assert (change,) not in drawn


KINDS = [*SCALED, Neighbourhood(3, None, 0), SetWindow(3, 1, 1), WithoutKeys(3, None, TOKENS)]


@pytest.mark.parametrize("change", KINDS, ids=lambda change: change.describe())
def test_whatever_is_changed_is_compared_only_with_changes_that_came_out_as_large(
    tiny, picture, change
):
    report = effect_report(trace(tiny(), picture()), [change])

    def sized(factor):
        sizes = {place: factor * size for place, size in report.effect.sizes.items()}
        drawn = [replace(each, sizes=sizes) for each in [*report.controls] * 3]
        return replace(report, controls=tuple(drawn))

    for factor in (1 / 1.2, 1, 1.2):
        assert sized(factor).withheld is None
        assert sized(factor).standing is not None
    for factor in (1 / 1.3, 1.3):
        assert sized(factor).standing is None
        assert f"{factor:.2g} times as large" in sized(factor).withheld


def test_where_nothing_is_compared_it_is_said_why(tiny, picture):
    def one_live_head(model):
        for number, block in enumerate(model.backbone.blocks3):
            block.attn.proj.weight[:, 16 * (number == 1) :] = 0

    traced = trace(tiny(edit=one_live_head), picture())
    for change, why in (
        (HeadGate(3, 1, 0), "of 15 other changes of its kind none can be made as large"),
        (SetWindow(3, None, 2, padded=True), "there is no other change of its kind"),
        (DropBlock(3, None), "there is no other change of its kind"),
    ):
        report = effect_report(traced, [change])
        assert report.controls == ()
        assert report.withheld == f"There is nothing to compare it with: {why}."
        steps, _ = told(effect_report_steps(traced, [change]))
        assert steps[-1].done == steps[-1].total
    report = effect_report(traced, [DropBlock(3, 1)], draws=0)
    assert "no random change was asked for" in report.withheld


def test_places_elsewhere_are_apart_where_there_is_room(tiny, picture):
    model = tiny()
    traced, image, source = trace(model, picture()), picture(), trace(model, picture(seed=1))
    for seed in range(5):
        for (keys,) in controls(traced, [WithoutKeys(3, None, TOKENS)], seed):
            assert keys.tokens.sum() == TOKENS.sum()
            assert not (keys.tokens & TOKENS).any()
        for (patch,) in controls(traced, [PatchTokens(3, 0, TOKENS, source)], seed):
            assert not (patch.tokens & TOKENS).any()
        for (hidden,) in controls(traced, [HideRegion(REGION, "mean")], seed, image):
            assert hidden.region.sum() == REGION.sum()
            assert not (hidden.region & REGION).any()
            assert hidden.fill == "mean"


@pytest.mark.parametrize("reach", ["global", "window"])
@pytest.mark.parametrize("radius", [0, 1, 2])
def test_no_kept_key_is_kept_by_the_control_where_the_map_has_room(tiny, picture, reach, radius):
    traced = trace(tiny(reach, window_size=12), picture(256, 384), short_side=256)
    whole = positions(traced.grid(3).shape, None)[0]
    tokens = whole[:144] if reach == "global" else positions((12, 12), None)[0]
    for change in (Neighbourhood(3, None, radius), SetWindow(3, None, radius + 1)):
        found = controls(traced, [change], 0)
        assert len(found) == DRAWS
        at = whole if reach == "global" else tokens
        (kept,) = change.attention_mask()
        for (control,) in found:
            (moved,) = control.attention_mask()
            mine, theirs = kept(at, at), moved(at, at)
            assert mine.sum() == theirs.sum()
            assert not (mine & theirs).any()
            if reach == "global":
                assert change.overlap(control, traced) == 0


def test_without_room_the_overlap_is_told_and_nothing_is_compared(tiny, picture):
    traced, image = trace(tiny(), picture()), picture()
    most = np.ones((64, 96), dtype=bool)
    most[:, :30] = False
    near = Neighbourhood(3, None, 2)
    for change in (HideRegion(most), near, WithoutKeys(3, None, np.arange(24).reshape(4, 6) > 4)):
        report = effect_report(traced, [change], picture=image)
        assert len(report.controls) == 1
        assert 0 < report.overlap < 1
        assert report.standing is None
        assert f"{100 * report.overlap:.0f} %" in report.withheld
    at = positions((4, 6), None)[0]
    ((control,),) = controls(traced, [near], 0)
    mine, theirs = (each.attention_mask()[0](at, at) for each in (near, control))
    assert near.overlap(control, traced) == pytest.approx(
        ((mine & theirs).sum() / mine.sum()).item()
    )
    for nothing in (SetWindow(3, None, 4, padded=True), HeadGate(3, None, None), DropBlock(4, 0)):
        report = effect_report(traced, [nothing])
        assert report.controls == ()
        assert "nothing to compare" in report.withheld


def test_every_place_apart_is_found_and_the_least_overlap_otherwise():
    region = np.zeros((5, 7), dtype=bool)
    region[:, :3] = True  # apart: moved by 3 or 4 columns and any rows
    found = moved_elsewhere(region, np.random.default_rng(0), 99)
    assert {tuple(np.flatnonzero(each.any(0))) for each in found} == {(3, 4, 5), (4, 5, 6)}
    assert len(found) == 10
    region[:, 3] = True
    (least,) = moved_elsewhere(region, np.random.default_rng(0), 99)
    assert (least & region).sum() == 5


def test_regions_hidden_elsewhere_change_the_picture_as_much(tiny):
    rng = np.random.default_rng(0)
    image = np.full((64, 96, 3), 120, dtype=np.uint8)
    image[:, 48:] = rng.integers(0, 256, (64, 48, 3))  # left: nothing to blur away
    region = np.zeros((64, 96), dtype=bool)
    region[20:36, 70:86] = True
    traced = trace(tiny(), image)
    report = effect_report(traced, [HideRegion(region)], picture=image)
    assert len(report.controls) == DRAWS
    for control in report.controls:
        assert control.size == pytest.approx(report.effect.size, rel=0.25)
    everything = np.zeros((64, 96), dtype=bool)
    everything[:, 48:] = True  # only what is flat is apart
    report = effect_report(traced, [HideRegion(everything)], picture=image)
    assert report.standing is None
    assert "times as large" in report.withheld


def test_a_picture_is_blurred_twice_and_checked_once_however_many_regions_are_hidden(
    tiny, picture, monkeypatch
):
    blurs, checks = [], []
    blur, check = cv2.GaussianBlur, run._was_traced
    monkeypatch.setattr(cv2, "GaussianBlur", lambda *a: blurs.append(a) or blur(*a))
    monkeypatch.setattr(run, "_was_traced", lambda *a: checks.append(a) or check(*a))
    image = picture()
    report = effect_report(trace(tiny(), image), [HideRegion(REGION)], picture=image)
    assert len(report.controls) == DRAWS
    assert len(blurs) == 2  # for the change, and for all that stands beside it
    assert len(checks) == 1


def test_the_size_of_regions_hidden_together_is_that_of_what_was_shown(tiny, picture):
    image, other = picture(), np.zeros((64, 96), dtype=bool)
    other[40:60, 50:90] = True
    changes = [HideRegion(REGION, "mean"), HideRegion(other, "inpaint")]
    _, sizes = intervene_sized(trace(tiny(), image), changes, image)
    moved = changes[1].hide(changes[0].hide(image)).astype(float) - image
    contrast = np.linalg.norm(image - image.mean((0, 1)))
    assert sizes[None] == pytest.approx(np.linalg.norm(moved) / contrast)


def test_hiding_what_is_flat_changes_nothing_and_is_compared_with_nothing(tiny, picture):
    image = picture()
    image[:48, :48] = 255  # as a sky that is burnt out, with nothing to blur away
    ask = QUESTIONS["what-if"]
    answer = finish(ask(tiny(), image, kind="hide-region", x=20, y=20, size=6))
    assert answer.sentence.startswith("Nothing changed")
    assert answer.numbers["size_share"] == 0
    assert answer.numbers["verdict"] is None
    assert "itself is nothing" in answer.numbers["verdict_withheld"]
    assert any("is nothing" in text.get_text() for text in answer.figure().findobj(Text))


def test_a_dead_head_is_no_control(tiny, picture):
    def edit(model):
        model.backbone.blocks3[0].attn.proj.weight[:, :32] = 0

    traced = trace(tiny(edit=edit), picture())
    for seed in range(3):
        for (control,) in controls(traced, [HeadGate(3, 1, 0)], seed):
            assert (control.block, control.head) not in ((0, 0), (0, 1))


def test_the_controls_are_the_effects_of_what_they_name(tiny, picture):
    traced = trace(tiny(), picture())
    change = HeadGate(3, 1, 0)
    report = effect_report(traced, [change])
    for (control,), found in zip(controls(traced, [change], 0), report.controls, strict=True):
        assert found.interventions == (control.describe(),)
        alone = effect_of(traced, [control])
        scaled = effect_of(traced, [control], wanted={(3, control.block): alone.size})
        assert scaled.kl_nats == pytest.approx(alone.kl_nats)
        assert found.size == pytest.approx(report.effect.size)


def test_only_what_is_outside_of_the_spread_is_told_apart(tiny, picture):
    traced = trace(tiny(), picture())
    report = effect_report(traced, [HeadGate(3, 1, 0)])

    def standing(kl_nats, drawn):
        drawn = [replace(report.controls[0], kl_nats=value) for value in drawn]
        effect = replace(report.effect, kl_nats=kl_nats)
        return replace(report, effect=effect, controls=tuple(drawn)).standing

    drawn = [0.010, 0.012, 0.009, 0.011]
    assert [standing(value, drawn) for value in (0.011, 0.03, 0.003)] == [
        "cannot be told apart", "more", "less",
    ]  # fmt: skip
    assert standing(0.03, [0.001, 0.05, 0.0002, 0.01]) == "cannot be told apart"
    assert standing(0.03, drawn[:2]) is None
    # Below the rounding of single precision nothing is less than nothing.
    nothing = [1e-9, 0.0, 3e-8, -1e-9]
    assert [standing(value, nothing) for value in (0.0, 2e-8, 1e-3)] == [
        "cannot be told apart", "cannot be told apart", "more",
    ]  # fmt: skip


def test_a_spread_holds_the_next_draw_95_times_of_100():
    rng = np.random.default_rng(0)
    for make, draw in ((spread, rng.normal), (divergence_spread, rng.lognormal)):
        for count in (3, 8):
            held = 0
            for _ in range(1000):
                *drawn, value = draw(-1, 1, count + 1)
                held += make(drawn).standing(value) == "cannot be told apart"
            assert held / 1000 == pytest.approx(0.95, abs=0.025)


def test_wanting_no_size_leaves_the_pass_bit_for_bit(tiny, picture):
    traced = trace(tiny(), picture())
    for change in SCALED:
        plain, sized = effect_of(traced, [change]), intervene_sized(traced, [change])
        assert effect_of(traced, [change]).kl_nats == plain.kl_nats
        again, _ = intervene_sized(traced, [change], wanted=sized[1])
        torch.testing.assert_close(again, sized[0], rtol=0, atol=1e-12)
