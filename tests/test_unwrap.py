"""Checkpoints as training programs write them: the weights are found, the rest is told."""

import argparse
import datetime
import pathlib

import numpy as np
import pytest
import torch
from checkpoint_files import write
from tiny_segmenter import TINY_UPER, make, same, snapshot

from uniformer.checkpoint import WeightsError, inspect_checkpoint, read_state_dict
from uniformer.config import CLASSIFIERS, MODELS
from uniformer.matching import skeleton
from uniformer.unwrap import find_weights
from uniformer.weights import load_weights

STATE = snapshot(make(seed=1))
ZEROS = {key: torch.zeros_like(value) for key, value in STATE.items()}
LAYERS = {key.rpartition(".")[0] for key in STATE}


def named(prefix, state=STATE):
    return {prefix + key: value for key, value in state.items()}


def mmcv_copies(state):
    return {f"ema_{key.replace('.', '_')}": value for key, value in state.items()}


def loaded(tmp_path, content, entry="", name="run.pth"):
    """A model with the weights of a file that holds ``content``."""
    model = make()
    load_weights(model, f"{write(tmp_path / name, content)}{entry}")
    return model


@pytest.mark.parametrize(
    "wrapper",
    [None, "state_dict", "model", "model_state_dict", "model_state", "net", "params", "weights",
     "state_dict_ema", "model_ema"],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module.", "model.", "net."])
def test_every_wrapper_and_prefix_gives_the_weights(tmp_path, wrapper, prefix):
    state = named(prefix)
    content = state if wrapper is None else {wrapper: state, "optimizer": {"state": {}}}
    model = loaded(tmp_path, {"epoch": 3, **content})
    assert same(STATE, model.state_dict())
    assert "left out" in model.weights.taken
    assert "epoch" in model.weights.taken
    for word in (wrapper, prefix, wrapper and "optimizer"):
        assert not word or word in model.weights.taken


@pytest.mark.parametrize("prefix", ["state_dict.", "module.", "model."])
def test_prefixes_of_safetensors_are_taken_off(tmp_path, prefix):
    model = loaded(tmp_path, named(prefix), name="run.safetensors")
    assert same(STATE, model.state_dict())


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({f"{layer}.total_ops": torch.zeros(1) for layer in LAYERS}, "counters of a profiler"),
        ({"decode_head.loss_decode.class_weight": torch.ones(22)}, "buffers of a loss"),
        (mmcv_copies(ZEROS), "averaged copies"),
        ({"class_weights": np.ones(22)}, "class_weights"),
        ({"n_averaged": torch.tensor(3)}, "n_averaged"),
    ],
)
def test_what_is_no_weight_is_left_out_and_told(tmp_path, beside, told):
    model = loaded(tmp_path, {**STATE, **beside})
    assert same(STATE, model.state_dict())
    assert told in model.weights.taken


def test_names_outside_the_model_are_told_and_names_inside_it_must_still_fit(tmp_path):
    model = loaded(tmp_path, {**named("model."), "criterion.weight": torch.ones(22)})
    assert same(STATE, model.state_dict())
    assert "criterion.weight" in model.weights.taken
    with pytest.raises(WeightsError, match=r"1 unexpected: decode_head\.extra"):
        loaded(tmp_path, {**named("model."), "model.decode_head.extra": torch.ones(1)})


def test_a_file_of_weights_alone_needs_no_words(tmp_path):
    assert loaded(tmp_path, STATE).weights.taken == ""


@pytest.mark.parametrize(
    ("content", "entry"),
    [
        ({"state_dict": ZEROS, "state_dict_ema": named("module.")}, "state_dict_ema"),
        ({"ema_state_dict": STATE, "net": ZEROS}, "ema_state_dict"),
        ({"params_ema": STATE, "params": ZEROS}, "params_ema"),
        ({**named("teacher."), **named("student.", ZEROS)}, "teacher"),
        ({"state_dict": {**mmcv_copies(STATE), **ZEROS}}, "state_dict.ema"),
    ],
)
def test_an_averaged_copy_is_mentioned_and_can_be_chosen(tmp_path, content, entry):
    plain = loaded(tmp_path, content)
    assert same(ZEROS, plain.state_dict())
    assert f"averaged copy is there too ({entry}): choose it as run.pth#{entry}" in (
        plain.weights.taken
    )
    assert inspect_checkpoint(tmp_path / "run.pth").others == [entry]
    chosen = loaded(tmp_path, content, f"#{entry}")
    assert same(STATE, chosen.state_dict())
    assert same(STATE, read_state_dict(f"{tmp_path}/run.pth#{entry}"))


def test_an_entry_that_is_not_there_is_told_with_those_that_are(tmp_path):
    with pytest.raises(WeightsError, match="no weights called swa: it has state_dict, model_ema"):
        loaded(tmp_path, {"state_dict": ZEROS, "model_ema": STATE}, "#swa")


def test_a_name_with_the_mark_in_it_is_a_name(tmp_path):
    assert same(STATE, loaded(tmp_path, STATE, name="run#2.pth").state_dict())


@pytest.mark.parametrize("format", ["run.pth", "run.legacy.pth"])
@pytest.mark.parametrize(
    "value",
    [np.float64(0.47), np.ones(3), argparse.Namespace(lr=0.1), pathlib.PurePosixPath("/x"),
     pathlib.Path("x"), datetime.datetime(2024, 1, 1), datetime.timedelta(1)],
)  # fmt: skip
def test_notes_of_training_programs_are_left_out_unbuilt(tmp_path, format, value):
    content = {"meta": {"best": [value]}, "state_dict": STATE}
    assert same(STATE, loaded(tmp_path, content, name=format).state_dict())
    with pytest.raises(WeightsError, match="holds no weights"):
        read_state_dict(write(tmp_path / "notes.pth", {"state_dict": {"a": value}}))


def test_upernet_without_its_auxiliary_head_is_loaded_and_told(tmp_path):
    whole = snapshot(make(TINY_UPER, seed=1))
    state = {key: value for key, value in whole.items() if not key.startswith("auxiliary_head")}
    model = make(TINY_UPER)
    load_weights(model, str(write(tmp_path / "run.pth", state)))
    assert same(state, model.state_dict())
    assert "no auxiliary head" in model.weights.taken
    del whole["auxiliary_head.convs.0.conv.weight"]
    with pytest.raises(WeightsError, match=r"1 missing: auxiliary_head\.convs\.0\.conv\.weight"):
        load_weights(model, str(write(tmp_path / "part.pth", whole)))


@pytest.mark.parametrize("name", MODELS | CLASSIFIERS)
def test_names_of_every_model_are_told_from_the_prefix(name):
    state = skeleton(name)
    assert find_weights(state)[""].prefix == ""
    found = find_weights({"ckpt": named("wrapped.module.", state)})["ckpt"]
    assert found.prefix == "wrapped.module."
    assert found.state == state
    assert found.left_out == []


def test_one_entry_named_a_million_times_is_looked_at_once(monkeypatch):
    looked = []
    monkeypatch.setattr("uniformer.unwrap._split", lambda path, _: looked.append(path) or {})
    find_weights({str(number): ZEROS for number in range(1000)})
    assert looked == [("0",)]
