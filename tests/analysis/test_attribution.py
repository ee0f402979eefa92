"""The one way to ask: every method, threads, traces, refusals."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from steps import told

from analysis import AnalysisError, trace
from analysis.attribution import occlusion as attribution_occlusion
from analysis.attribution.attribute import attribute
from analysis.attribution.methods import METHODS, AttributionSettings
from analysis.core.progress import Progress, finish
from analysis.core.regions import pixel_region
from analysis.core.shared_weight_copy import shared_weight_copy
from analysis.core.targets import RegionScore
from uniformer.preprocess import preprocess

QUICK = AttributionSettings(steps=4, samples=2, window_px=32, stride_px=32)


@pytest.fixture(autouse=True)
def few_segments(monkeypatch):
    monkeypatch.setattr(attribution_occlusion, "MAX_SEGMENTS", 4)


def region():
    inside = np.zeros((64, 96), dtype=bool)
    inside[20:40, 10:50] = True
    return inside


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reports_progress_and_then_a_finite_map(tiny, picture, method):
    model = tiny()
    reports, found = told(attribute(model, picture(), region(), 2, method=method, settings=QUICK))
    assert all(isinstance(report, Progress) for report in reports)
    assert reports[-1].done == reports[-1].total
    assert found.map.shape == ((2, 3) if METHODS[method].uses_stage else (64, 96))
    assert found.stage == (4 if METHODS[method].uses_stage else None)
    assert found.map.dtype == np.float64
    assert np.isfinite(found.map).all()
    assert found.signed or found.map.min() >= 0
    assert found.map.any() or found.note
    assert found.unit
    assert "{" not in found.unit
    assert found.score_value == pytest.approx(
        RegionScore(model, region(), 2)(preprocess(picture(), 64).double()).item()
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_trace_changes_no_answer(tiny, picture, method):
    model = tiny(reach="window")
    traced = trace(model, picture())
    fresh = finish(attribute(model, picture(), region(), 2, method=method, settings=QUICK))

    def ask():
        settings = {"method": method, "settings": QUICK, "traced": traced}
        return finish(attribute(model, picture(), region(), 2, **settings))

    np.testing.assert_allclose(ask().map, fresh.map, rtol=1e-6, atol=1e-9)
    model.set_reach("global")
    np.testing.assert_allclose(ask().map, fresh.map, rtol=1e-6, atol=1e-9)
    model.set_reach("window")


@pytest.mark.parametrize("method", ["grad_cam", "gradient_x_activation", "integrated_gradients"])
def test_eight_threads_find_what_one_finds(tiny, picture, method):
    model = tiny()

    def ask(_):
        return finish(attribute(model, picture(), region(), 2, method=method, settings=QUICK)).map

    alone = ask(0)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(ask, range(8)):
            np.testing.assert_array_equal(found, alone)


def test_a_rather_than_b_is_the_opposite_of_b_rather_than_a(tiny, picture):
    model = tiny()
    one, other = (
        finish(attribute(model, picture(), region(), a, against=b, settings=QUICK))
        for a, b in ((2, 4), (4, 2))
    )
    np.testing.assert_allclose(one.map, -other.map, atol=1e-12)
    assert one.score_value == pytest.approx(-other.score_value)
    assert (one.label, one.against) == (2, 4)


def test_the_callers_grad_mode_neither_matters_nor_changes(tiny, picture):
    model = tiny()
    ask = lambda: attribute(model, picture(), region(), 2, settings=QUICK)  # noqa: E731
    expected = finish(ask()).map
    with torch.inference_mode():
        steps = ask()
        next(steps)
        assert torch.is_inference_mode_enabled()
        np.testing.assert_array_equal(finish(steps).map, expected)
        traced = trace(model, picture())
    with torch.no_grad():
        steps = attribute(model, picture(), region(), 2, method="grad_cam", traced=traced)
        assert finish(steps).map.any()
        assert not torch.is_grad_enabled()


def test_the_network_input_can_be_asked_about_directly(tiny, picture):
    model = tiny()
    x = preprocess(picture(), 64).double()
    for method in ("hires_cam", "integrated_gradients"):
        np.testing.assert_allclose(
            finish(attribute(model, x, region(), 2, method=method)).map,
            finish(attribute(model, picture(), region(), 2, method=method)).map,
            atol=1e-12,
        )


def test_a_picture_that_is_its_own_baseline_gets_a_note(tiny):
    plain = np.full((64, 96, 3), 90, dtype=np.uint8)
    settings = AttributionSettings(baseline="mean", steps=2)
    found = finish(attribute(tiny(), plain, region(), 2, settings=settings))
    assert np.abs(found.map).max() < 1e-9
    assert found.map.any() or "zero everywhere" in found.note


def test_a_twin_shares_weights_and_nothing_else(tiny):
    model = tiny(reach="hybrid")
    model.backbone.norm4.register_buffer("probe", torch.zeros(1))
    model_copy = shared_weight_copy(model)
    del model.backbone.norm4.probe
    for ours, theirs in zip(model_copy.parameters(), model.parameters(), strict=True):
        assert ours.data_ptr() == theirs.data_ptr()
        assert not ours.requires_grad
        assert theirs.requires_grad
    assert not {id(m) for m in model_copy.modules()} & {id(m) for m in model.modules()}
    assert [b.window_size for b in model_copy.backbone.blocks3] == [3, 3, 3, None]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "x"}, "There is no method 'x'"),
        ({"stage": 5}, "There is no stage 5"),
        ({"score": "x"}, "score"),
        ({"against": 2}, "itself"),
        ({"against": 9}, "There is no class 9"),
        ({"short_side": 5}, "short side"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_at_once(tiny, picture, options, words):
    with pytest.raises(AnalysisError, match=words):
        attribute(tiny(), picture(), region(), 2, **options)


def test_a_foreign_region_and_a_foreign_trace_are_refused(tiny, picture):
    model = tiny()
    with pytest.raises(AnalysisError, match="64 x 96"):
        attribute(model, picture(), pixel_region((96, 64), 0, 0), 2)
    with pytest.raises(AnalysisError, match="trace again"):
        attribute(model, picture(), region(), 2, short_side=96, traced=trace(model, picture()))


@pytest.mark.parametrize("options", [{"baseline": "black"}, {"steps": 0}, {"samples": 5000}])
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(AnalysisError, match=next(iter(options))):
        AttributionSettings(**options)


def test_a_map_that_is_not_finite_is_an_error(tiny, picture):
    model = tiny()
    x = preprocess(picture(), 64).double()
    x[0, 0, 3, 3] = torch.nan
    with pytest.raises(AnalysisError, match="not finite"):
        finish(attribute(model, x, region(), 2, settings=QUICK))
