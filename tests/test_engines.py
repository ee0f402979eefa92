"""Every engine is the model under one interface: same logits, labels and sentences."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import torch
from golden import fill_model, recorded_input
from tiny_segmenter import TINY, make

import uniformer.engines as engines
from uniformer import commands, optimize_for_inference, segment
from uniformer.cli import main
from uniformer.engines import EngineModel, fastest_engine, graphs
from uniformer.engines.model import REPEATS, precisions
from uniformer.pictures import open_picture

OTHERS = ["onnxruntime", "openvino"]


@pytest.fixture(scope="module")
def model():
    return fill_model(make(TINY))


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache folder of its own, so that one graph serves all these tests and no other run."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.mark.parametrize("engine", OTHERS)
def test_an_engine_has_the_logits_of_the_model_at_every_size_and_batch(model, engine):
    fast = optimize_for_inference(model, engine)
    for size in [(64, 96), (100, 74), (33, 67)]:
        x = torch.cat([recorded_input(*size), recorded_input(*size).flip(-1) * 0.5])
        with torch.inference_mode():
            expected = model(x)
        ours = fast(x)
        assert (ours.shape, ours.dtype) == (expected.shape, torch.float32)
        assert (ours - expected).abs().max() < 2e-5 * expected.abs().max()


def test_a_size_that_keeps_coming_is_compiled_for_and_answers_stay(model):
    fast = optimize_for_inference(model, "openvino")
    x = recorded_input(64, 96)
    first = fast(x)
    for _ in range(REPEATS):
        again = fast(x)
    assert fast._runner._one_size is not None
    assert torch.allclose(first, again, atol=1e-5)
    other = recorded_input(96, 64)
    with torch.inference_mode():
        assert torch.allclose(fast(other), model(other), atol=1e-4)


@pytest.mark.skipif(
    "bfloat16" not in precisions("openvino"), reason="the processor has no bfloat16"
)
def test_bfloat16_keeps_most_labels(model):
    fast, x = optimize_for_inference(model, "openvino", "bfloat16"), recorded_input(96, 128)
    with torch.inference_mode():
        expected = model(x)
    assert (fast(x) - expected).abs().max() < 0.03 * expected.abs().max()
    assert (fast(x) - expected).abs().max() > 0
    assert fast.dtype == torch.bfloat16


def test_a_picture_is_labelled_as_by_the_model_and_the_settings_name_the_engine(model):
    picture = open_picture(np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8))
    expected = segment(picture, model, short_side=64)
    ours = segment(picture, optimize_for_inference(model, "onnxruntime"), short_side=64)
    assert (ours.labels == expected.labels).mean() > 0.999
    assert ours.settings["engine"].startswith("onnxruntime 1.")
    assert expected.settings["engine"] == "torch"


@pytest.mark.slow
def test_the_reach_of_an_engine_is_its_own(model):
    fast = optimize_for_inference(model, "onnxruntime")
    fast.set_reach("window", 3)
    assert (model.reach, model.window_size) == ("global", 32)
    x = recorded_input(64, 96)
    with torch.inference_mode():
        model.set_reach("window", 3)
        expected = model(x)
        model.set_reach("global", 32)
    assert (fast(x) - expected).abs().max() < 2e-5 * expected.abs().max()
    with pytest.raises(ValueError, match="reach"):
        fast.set_reach("far")
    assert fast.reach == "window"


def test_a_graph_is_made_once_and_for_these_weights_only(model, monkeypatch):
    first = graphs.stored_graph(model, "winograd")
    monkeypatch.setattr(graphs, "onnx_bytes", lambda model, form: b"made anew")
    assert graphs.stored_graph(model, "winograd") == first
    assert graphs.stored_graph(model, "plain") == b"made anew"
    assert graphs.stored_graph(make(TINY, seed=1), "winograd") == b"made anew"
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert graphs.stored_graph(model, "winograd") == b"made anew"


def test_auto_takes_the_fastest_that_is_right(model, monkeypatch):
    clock, made = [0.0], {}
    monkeypatch.setattr(engines.time, "perf_counter", lambda: clock[0])

    class Racer(EngineModel):
        """ONNX Runtime is right and takes 2 seconds, OpenVINO is wrong and takes 1."""

        def __init__(self, model, engine, precision):
            super().__init__(model, engine, precision)
            made[engine] = self

        def __call__(self, x):
            wrong = self.engine.startswith("openvino")
            clock[0] += 1 if wrong else 2
            return -model(x) if wrong else model(x)

    class Slow(torch.nn.Module):
        def forward(self, x):
            clock[0] += 3
            return model(x)

    monkeypatch.setattr(engines, "EngineModel", Racer)
    monkeypatch.setattr(engines, "fast_form", lambda model, dtype: Slow())
    assert optimize_for_inference(model, "auto") is made["onnxruntime"]
    assert fastest_engine(model) == "onnxruntime"
    with pytest.raises(ValueError, match=r"openvino only .* use the engine torch"):
        optimize_for_inference(model, "openvino")


def test_auto_goes_on_with_the_engine_of_the_folder_and_is_one_for_all(tmp_path, monkeypatch):
    monkeypatch.setattr(commands, "fastest_engine", lambda *_: "openvino")
    monkeypatch.setattr(commands, "_create", lambda *_: None)
    args = argparse.Namespace(output=tmp_path, precision="float32", device="cpu")
    assert commands._engine_for_all(args) == "openvino"
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(ValueError, match="Under torchrun name the engine"):
        commands._engine_for_all(args)
    settings = {"precision": "float32", "engine": "onnxruntime 1.32.0"}
    (tmp_path / "another.json").write_text("[]")
    (tmp_path / "photo.json").write_text(json.dumps({"settings": settings}))
    assert commands._engine_for_all(args) == "onnxruntime"
    monkeypatch.delenv("RANK")
    args.precision = "bfloat16"
    assert commands._engine_for_all(args) == "openvino"


def test_what_cannot_be_had_is_told_in_a_sentence(model, monkeypatch, capsys):
    for message, options in {
        "engine must be auto or one of torch": {"engine": "tensorrt"},
        "precision must be float32 or bfloat16": {"precision": "int4"},
        "does not compute in bfloat16": {"engine": "onnxruntime", "precision": "bfloat16"},
    }.items():
        with pytest.raises(ValueError, match=message):
            optimize_for_inference(model, **options)
    monkeypatch.setattr(engines, "find_spec", lambda name: None if name == "openvino" else name)
    with pytest.raises(ValueError, match="pip install openvino"):
        optimize_for_inference(model, "openvino")
    with pytest.raises(SystemExit):
        main(["segment", "a.png", "--exact", "--engine", "openvino"])
    assert "leave out --engine" in capsys.readouterr().err
