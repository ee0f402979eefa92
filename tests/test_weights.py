"""Where weights come from, and what a model says of them."""

import json
import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from tiny_segmenter import TINY, TINY_UPER, make, same, snapshot

from uniformer import weights
from uniformer.checkpoint import sha256_of
from uniformer.classes import numbered_classes
from uniformer.config import MODELS
from uniformer.segmenter import UNTRAINED
from uniformer.weights import WeightsError, load_state, load_weights


@pytest.fixture
def trained(tmp_path):
    """A file of weights for the tiny model, and these weights."""
    state = snapshot(make(seed=1))
    save_file(state, tmp_path / "trained.safetensors")
    return tmp_path / "trained.safetensors", state


# Local files


@pytest.mark.parametrize("config", [TINY, TINY_UPER])
@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.safetensors"])
def test_file_fills_the_model_and_its_record(tmp_path, config, name):
    state = snapshot(make(config, seed=1))
    path = tmp_path / name
    save_file(state, path) if name.endswith("safetensors") else torch.save({"model": state}, path)
    model = make(config)
    load_weights(model, str(path))
    assert same(model.state_dict(), state)
    assert model.weights.trained
    assert model.weights.source == str(path)
    assert model.weights.sha256 == sha256_of(path)
    assert "head_dim" in model.weights.note


def test_half_precision_file_fills_a_float32_model(tmp_path):
    state = snapshot(make(seed=1))
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    save_file(half, tmp_path / "half.safetensors")
    model = make()
    load_weights(model, str(tmp_path / "half.safetensors"))
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert same(
        model.state_dict(), {key: value.to(state[key].dtype) for key, value in half.items()}
    )


def test_batch_counters_may_be_absent():
    state = {k: v for k, v in snapshot(make(seed=1)).items() if "num_batches_tracked" not in k}
    model = make()
    assert load_state(model, state) == "segmenter"
    assert same(state, model.state_dict())


def test_imagenet_backbone_leaves_heads_and_output_norms_and_says_untrained(tmp_path):
    source = make(seed=1).backbone.state_dict()
    output_norms = ("norm1.", "norm2.", "norm3.", "norm4.")
    state = {key: value for key, value in source.items() if not key.startswith(output_norms)}
    classifier = {"norm.weight": torch.ones(16), "head.weight": torch.ones(10, 16)}
    torch.save({"model": state | classifier}, tmp_path / "in1k.pth")
    model = make()
    before = snapshot(model)
    load_weights(model, str(tmp_path / "in1k.pth"))
    assert same(state, model.backbone.state_dict())
    after = model.state_dict()
    rest = [key for key in before if key.removeprefix("backbone.") not in state]
    assert len(rest) == len(before) - len(state)
    assert all(torch.equal(before[key], after[key]) for key in rest)
    assert not model.weights.trained
    assert model.weights.source.endswith("in1k.pth")
    assert "Only the backbone is trained" in model.weights.note


@pytest.mark.parametrize("extra", ["blocks3.0.gamma_1", "aux_head.weight", "cls_token"])
def test_backbone_of_another_architecture_is_refused_with_the_key(extra):
    state = {**make(seed=1).backbone.state_dict(), extra: torch.ones(16)}
    with pytest.raises(WeightsError, match=rf"1 unexpected: backbone\.{extra}") as caught:
        load_state(make(), state)
    assert ("Token Labeling" in str(caught.value)) == (extra == "aux_head.weight")


def without(key):
    return lambda state: {k: v for k, v in state.items() if k != key}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without("neck.fpn_convs.0.conv.bias"), r"1 missing: neck\.fpn_convs\.0\.conv\.bias"),
        (lambda s: {**s, "extra": torch.ones(1)}, "1 unexpected: extra"),
        (
            lambda s: {**s, "backbone.norm1.bias": torch.ones(3)},
            r"1 wrong: backbone\.norm1\.bias is 3 instead of 8",
        ),
        (
            lambda s: {**s, "backbone.norm1.bias": torch.ones(8, dtype=torch.int8)},
            r"norm1\.bias is 8 \(torch\.int8\) instead of 8",
        ),
        (lambda s: {"a": torch.ones(1)}, r"missing: .*, \.\.\.; 1 unexpected: a"),
    ],
)
def test_file_that_does_not_fit_leaves_the_model_untouched(tmp_path, damage, message):
    path = tmp_path / "bad.pth"
    torch.save(damage(snapshot(make(seed=1))), path)
    model = make()
    before = snapshot(model)
    with pytest.raises(WeightsError, match=message):
        load_weights(model, str(path))
    assert same(before, model.state_dict())
    assert model.weights is UNTRAINED


def test_misfit_names_the_models_that_fit_and_what_shapes_hide(tmp_path):
    torch.save(make(MODELS["nano"]).state_dict(), tmp_path / "nano.pth")
    with pytest.raises(WeightsError, match=r"shapes of nano; neither head_dim nor the reach"):
        load_weights(make(), str(tmp_path / "nano.pth"))
    with pytest.raises(WeightsError, match="No model here has these names and shapes"):
        load_state(make(MODELS["nano"]), make().state_dict())


def test_other_number_of_classes_is_told_with_the_cure():
    state = make(seed=1, classes=numbered_classes(21)).state_dict()
    with pytest.raises(WeightsError, match="21 classes and the model 22: pass num_classes=21"):
        load_state(make(), state)


@pytest.mark.parametrize(
    "source", ["absent.pth", "folder/run/absent.pth", "", "https://a.b/c.pth", "x" * 999]
)
def test_missing_file_is_one_sentence_and_asks_no_hub(tmp_path, monkeypatch, source):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights, "hf_hub_download", lambda *a, **k: pytest.fail("asked the Hub"))
    with pytest.raises(WeightsError, match="There is no file"):
        load_weights(make(), source)


# Defaults


def test_bundled_file_is_checked_against_its_card(tmp_path, monkeypatch, trained):
    path, state = trained
    monkeypatch.setattr(weights, "DATA", tmp_path)
    card = path.with_name("trained.safetensors.json")
    config = replace(TINY, bundled=path.name)

    with pytest.raises(WeightsError, match="missing or damaged"):
        load_weights(make(config), "default")

    card.write_text(json.dumps({"sha256": sha256_of(path)}))
    model = make(config)
    load_weights(model, "default")
    assert same(state, model.state_dict())
    assert model.weights.trained
    assert model.weights.source == "bundled trained.safetensors"

    card.write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="not the expected file"):
        load_weights(make(config), "default")


def test_model_without_any_released_weights_stays_untrained():
    model = make()
    load_weights(model, "default")
    assert model.weights is UNTRAINED


def test_model_on_google_drive_only_tells_the_link():
    config = replace(TINY, drive_id="abc", published_miou=46.6)
    with pytest.raises(WeightsError, match=r"download https://drive\.google\.com/file/d/abc in"):
        load_weights(make(config), "default")


def test_official_model_that_was_never_released_says_so():
    config = replace(TINY, published_miou=46.3)
    with pytest.raises(WeightsError, match="never released a checkpoint of tiny"):
        load_weights(make(config), "default")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("fault", ["deleted", "emptied"])
def test_loaded_model_outlives_its_file(tmp_path, name, fault):
    state, file = snapshot(make(seed=1)), tmp_path / name
    torch.save(state, file) if name.endswith(".pth") else save_file(state, file)
    model = make()
    load_weights(model, str(file))
    if fault == "deleted":
        file.unlink()
    else:
        os.truncate(file, 0)
    assert same(state, model.state_dict())
    with pytest.raises(WeightsError, match=r"There is no file|is empty"):
        load_weights(make(), str(file))
