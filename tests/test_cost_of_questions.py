"""What a question would take is known before it begins, within the factor that is stated."""

import time

import numpy as np
import pytest
from endpoints import photo

from analysis.core.progress import finish
from analysis.layers import LAYERS, LayerAsk
from analysis.questions import QUESTIONS
from analysis.questions.parameters import parameters_of
from ui.api import services
from ui.host.settings import Settings
from ui.service import cost, limits
from ui.service.actions import Actions
from ui.service.cost import FACTOR, expected_seconds, passes, refuse_too_long
from ui.service.jobs import Job, run
from ui.service.model_cache import ModelCache
from ui.service.turns import Turns
from uniformer import create_model
from uniformer.config import MODELS
from uniformer.pictures import Picture

SIDE = 96
AT = {"x": 40, "y": 30}
ASKED = [
    ("profile", {"nulls": True}),
    ("receptive-field", AT | {"probes": 4}),
    ("receptive-field", AT | {"probes": 4, "reaches": True}),
    ("attribute", AT | {"method": "integrated-gradients", "steps": 16}),
    ("attribute", AT | {"method": "smooth-grad", "steps": 32}),
    ("attribute", AT | {"method": "occlusion", "window_px": 24}),
    ("what-if", AT | {"kind": "hide-segment"}),
    pytest.param("what-if", AT | {"kind": "head-sweep"}, marks=pytest.mark.slow),
    pytest.param("what-if", AT | {"kind": "reach-cost"}, marks=pytest.mark.slow),
    pytest.param("what-if", AT | {"kind": "radius-curve"}, marks=pytest.mark.slow),
    pytest.param("rollout", AT | {"compare": True}, marks=pytest.mark.slow),
    pytest.param(
        "faithfulness",
        AT | {"methods": "gradient-x-activation", "steps": 4},
        marks=pytest.mark.slow,
    ),
    pytest.param("attribute", AT | {"method": "occlusion"}, marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def model():
    return create_model("nano")


@pytest.fixture(scope="module")
def actions():
    return Actions(Settings())


@pytest.fixture
def picture():
    y, x = np.mgrid[:96, :128]
    waves = 120 + 100 * np.sin(x / 17)[..., None] * np.cos(y[..., None] / 11 + np.arange(3))
    return Picture(waves.astype(np.uint8), ())


@pytest.fixture
def processor_time(monkeypatch):
    """Time as the processor counts it, on which other work of the machine has no part."""
    monkeypatch.setattr("uniformer.cost.time.perf_counter", time.process_time)
    cost.seconds_per_mac.cache_clear()
    yield time.process_time
    cost.seconds_per_mac.cache_clear()


@pytest.mark.parametrize(("question", "values"), ASKED)
def test_an_estimate_is_off_by_no_more_than_the_stated_factor(
    model, picture, processor_time, question, values
):
    values = {"short_side": SIDE, **values}
    expected = expected_seconds(model, question, picture, values)
    finish(QUESTIONS[question](model, picture, **AT_FIRST[question]))  # what is loaded only once
    start = processor_time()
    finish(QUESTIONS[question](model, picture, **values))
    assert expected / FACTOR < processor_time() - start < expected * FACTOR


AT_FIRST = {
    name: {"short_side": 64, **values}
    for name, values in {
        "profile": {},
        "receptive-field": AT | {"probes": 1},
        "attribute": AT | {"method": "layer-cam"},
        "what-if": AT | {"kind": "hide-segment"},
        "rollout": AT,
        "faithfulness": AT | {"methods": "gradient-x-activation", "steps": 2},
    }.items()
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_has_an_estimate_that_grows_with_the_work(model, picture, question):
    values = {p.name: p.default for p in parameters_of(QUESTIONS[question])}
    small, large = (
        expected_seconds(model, question, picture, values | {"short_side": side})
        for side in (256, 1024)
    )
    assert 0 < small < large / 4


def test_more_of_anything_takes_longer():
    config, size = MODELS["nano"], (512, 512)
    for name, few, many in (
        ("attribute", {"method": "smooth-grad", "steps": 4}, {"steps": 128}),
        ("attribute", {"method": "occlusion", "window_px": 128}, {"window_px": 32}),
        ("receptive-field", {"probes": 1}, {"probes": 32}),
        ("receptive-field", {"probes": 8}, {"reaches": True}),
        ("faithfulness", {"methods": "grad-cam", "steps": 4}, {"methods": "grad-cam,layer-cam"}),
        ("profile", {}, {"nulls": True}),
        ("rollout", {}, {"compare": True}),
        ("what-if", {"kind": "hide-segment"}, {"kind": "head-sweep"}),
    ):
        assert passes(config, name, few, size) < passes(config, name, few | many, size)


def test_what_would_surely_take_too_long_is_refused_in_one_sentence(model, picture, monkeypatch):
    values = AT | {"method": "occlusion", "short_side": 1024, "steps": 16}
    expected = expected_seconds(model, "attribute", picture, values)
    monkeypatch.setattr(cost, "QUESTION_SECONDS", expected / FACTOR / 1.01)
    with pytest.raises(ValueError, match=r"^This would take about \d+ minutes .*steps, .*\.$"):
        refuse_too_long(model, "attribute", picture, values)
    monkeypatch.setattr(cost, "QUESTION_SECONDS", expected / FACTOR * 1.01)
    refuse_too_long(model, "attribute", picture, values)


def test_the_endpoint_refuses_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "seconds_per_mac", lambda: 1.0)  # a very slow machine
    monkeypatch.setattr(services.work, "answer", None)
    api = services.Services(ModelCache({"nano": None}, 1), Settings(), Turns(1))
    (probe,) = (service for service in api.all() if service.name == "probe")
    work = probe.start(
        services.Sent(photo(tmp_path), "x.png"), probe.checked({"x": 3, "y": 4}), tmp_path / "out"
    )
    with pytest.raises(ValueError, match="minutes here, and 5 are given"):
        finish(work)


def test_the_page_refuses_a_question_and_a_layer_before_any_work(monkeypatch, actions):
    monkeypatch.setattr(cost, "seconds_per_mac", lambda: 1.0)  # a very slow machine
    now = actions.first.selection
    with pytest.raises(ValueError, match="minutes here, and 5 are given"):
        finish(run(actions, Job("profile", now)))
    long = next(kind.id for kind in LAYERS.values() if not kind.live)
    with pytest.raises(ValueError, match="minutes here, and 5 are given"):
        finish(actions.layer(now.key, LayerAsk(long, 3, 4)))


def test_a_question_of_the_page_that_takes_too_long_is_stopped_between_two_steps(
    monkeypatch, actions
):
    monkeypatch.setattr(limits, "QUESTION_SECONDS", -1)
    with pytest.raises(ValueError, match=r"it was stopped after \d+ of \d+ steps"):
        finish(run(actions, Job("receptive-field", actions.first.selection, AT | {"probes": 2})))


@pytest.mark.parametrize("kind", LAYERS)
def test_every_layer_has_an_estimate(kind):
    question, values = cost.asked_by(LayerAsk(kind, 3, 4), 512)
    assert passes(MODELS["nano"], question, values, (512, 512)) > 0
