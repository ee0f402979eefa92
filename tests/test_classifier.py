"""The ImageNet classifiers, against what the official code answered, and what is done with them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import fill, recorded_input, relative_error, sample
from test_matching import CLASSIFIERS, classifier_shapes
from toy import recorded_picture

from analysis import trace
from uniformer import classify, create_model, list_classifiers, optimize_for_inference, segment
from uniformer.classes import class_set, numbered_classes
from uniformer.classifier import make_model
from uniformer.classify import center_crop
from uniformer.cli import main
from uniformer.config import CLASSIFIERS as CONFIGS
from uniformer.config import BackboneConfig
from uniformer.layers import to_tokens
from uniformer.light import PrunedBlock, shorten
from uniformer.preprocess import MEAN, STD, preprocess
from uniformer.weights import WeightsError, load_state, load_weights

RECORDS = Path(__file__).parent / "data" / "golden"
TOLERANCE = {"f32": 2e-5, "f64": 1e-9}
ATTENTION_TOLERANCE = {"f32": 5e-5, "f64": 1e-9}
DTYPES = {"f32": torch.float32, "f64": torch.float64}


def official_state(recorded):
    """The recorded weights under the official names."""
    return {
        key: torch.from_numpy(np.asarray(fill(key, tuple(shape))))
        for key, shape in classifier_shapes(recorded).items()
    }


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow) if name == "cls_base" else name  # as cls_base_ls
        for name in CLASSIFIERS
    ],
)
def loaded(request):
    """A classifier filled from an official state dict, and its record."""
    model = create_model(CLASSIFIERS[request.param], weights=None)
    load_state(model, official_state(request.param))
    with np.load(RECORDS / f"{request.param}.golden.npz") as record:
        return model, dict(record)


@pytest.mark.parametrize("precision", DTYPES)
def test_maps_rows_and_logits_equal_the_official_ones(loaded, precision):
    model, record = loaded
    model.to(DTYPES[precision])
    inputs = {}
    hooks = [
        block.register_forward_pre_hook(lambda _, args, name=name: inputs.update({name: args}))
        for name, block in model.backbone.named_modules()
        if re.fullmatch(r"blocks[34]\.\d+", name)
    ]
    with torch.inference_mode():
        maps = model.backbone(recorded_input(224, 224).to(DTYPES[precision]))
        logits = model.decode(maps)[0, :, 0, 0]
    for hook in hooks:
        hook.remove()
    for stage, tensor in enumerate(maps, start=1):
        recorded = record[f"224x224.stage{stage}_raw.sample.{precision}"]
        assert relative_error(sample(tensor), recorded) < TOLERANCE[precision], stage
    recorded = record[f"224x224.logits.{precision}"].reshape(-1)
    assert relative_error(logits.double().numpy(), recorded) < TOLERANCE[precision]
    rows = [key for key in record if key.endswith(precision) and ".query" in key]
    assert rows
    for key in rows:
        place, head, query = re.search(r"attn\.(\S+)\.head(\d+)\.win0\.query(\d+)", key).groups()
        row = attention(model.backbone.get_submodule(place), *inputs[place])[
            0, int(head), int(query)
        ]
        assert relative_error(row.double().numpy(), record[key]) < ATTENTION_TOLERANCE[precision]
    model.float()


def attention(block, x, *focus):
    with torch.inference_mode():
        tokens = to_tokens(x + block.pos_embed(x))
        if isinstance(block, PrunedBlock):
            tokens, _ = shorten(tokens, *focus)
        query, key, _ = block.attn.project(block.norm1(tokens))
        return block.attn.affinity(query, key)


def test_the_fast_form_answers_the_same(loaded):
    model, _ = loaded
    fast, x = optimize_for_inference(model.float()), recorded_input(224, 224)
    with torch.inference_mode():
        expected, ours = model(x), fast(x)
    assert ours.shape == expected.shape == (1, 1000)
    assert (ours - expected).abs().max() < 2e-5 * expected.abs().max()
    assert not any(tensor.is_meta for tensor in [*fast.parameters(), *fast.buffers()])


def test_classes_are_the_thousand_of_imagenet_each_told_apart():
    names = class_set("imagenet1k").names
    assert len({name.casefold() for name in names}) == 1000
    known = {0: "tench", 1: "goldfish", 207: "golden retriever", 281: "tabby", 504: "coffee mug"}
    assert {index: names[index] for index in known} == known
    assert names[999] == "toilet tissue"


def tiny(light=False, seed=0, classes=1000):
    backbone = BackboneConfig(
        (1, 1, 1, 1), (8, 8, 16, 16), head_dim=8, pruned=light, layer_scale=not light,
        output_norms=False,
    )  # fmt: skip
    config = replace(CONFIGS["small-cls"], name="tiny-cls", backbone=backbone)
    torch.manual_seed(seed)
    known = class_set("imagenet1k") if classes == 1000 else numbered_classes(classes)
    return make_model(config, known).eval()


def test_the_crop_is_that_of_torchvision():
    from torchvision.transforms import v2

    for height, width in ((300, 451), (90, 60), (256, 256), (1200, 700)):
        picture = recorded_picture(height, width)
        theirs = v2.Compose([
            v2.ToPILImage(), v2.Resize(256, v2.InterpolationMode.BICUBIC), v2.CenterCrop(224),
            v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([m / 255 for m in MEAN], [s / 255 for s in STD]),
        ])(torch.from_numpy(picture).permute(2, 0, 1))  # fmt: skip
        assert torch.allclose(center_crop(picture, 224)[0], theirs, atol=1e-5)


@pytest.mark.parametrize("light", [False, True])
def test_ranked_classes_are_those_of_the_logits(light):
    model, picture = tiny(light), recorded_picture(90, 120)
    found = classify(picture, model)
    with torch.inference_mode():
        logits = model(center_crop(picture, 224))[0]
    assert [row.index for row in found.top(5)] == logits.topk(5).indices.tolist()
    assert [row.rank for row in found.top(3)] == [1, 2, 3]
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert [row.name for row in found.top(5)] == [
        class_set("imagenet1k").names[row.index] for row in found.top(5)
    ]
    described = json.loads(json.dumps(found.describe(2)))
    assert [row["rank"] for row in described["top"]] == [1, 2]
    assert not described["weights"]["trained"]


def test_a_whole_picture_is_shown_uncut_as_analyses_show_it(monkeypatch):
    torch.manual_seed(0)
    model, picture = tiny(), recorded_picture(90, 200)
    found = classify(picture, model, whole=True, short_side=64)
    with torch.inference_mode():
        logits = model(preprocess(picture, 64, model.config.size_divisor))[0]
    np.testing.assert_allclose(found.probabilities, logits.softmax(0).numpy(), rtol=1e-5)
    traced = trace(model, picture, short_side=64)
    np.testing.assert_allclose(found.probabilities, traced.probabilities(3, 5), rtol=1e-4)
    assert found.settings["network_sizes"] == [list(traced.network_size_px)]
    assert not np.allclose(found.probabilities, classify(picture, model).probabilities, rtol=1e-3)
    labels = found.as_labels()
    np.testing.assert_array_equal(labels.labels, traced.labels)
    assert labels.labels.dtype == traced.labels.dtype == np.uint16
    (row,) = labels.table()
    first, second = found.top(2)
    assert (row.index, row.share) == (first.index, 1)
    assert row.mean_confidence == pytest.approx(first.probability, rel=1e-5)
    assert labels.margin[7, 8] == pytest.approx(first.probability - second.probability, rel=1e-4)
    even = replace(found, probabilities=np.full(1000, 1e-3, np.float32)).as_labels()
    assert even.entropy[0, 0] == pytest.approx(1, rel=1e-5)
    for wrong, words in (
        ({"short_side": 64}, "whole pictures"),
        ({"whole": True, "short_side": 8}, "64 to 2048"),
    ):
        with pytest.raises(ValueError, match=words):
            classify(picture, model, **wrong)


def test_what_is_no_classifier_and_what_is_no_segmenter_is_refused(monkeypatch):
    picture = recorded_picture(64, 64)
    with pytest.raises(ValueError, match="nano labels pixels"):
        classify(picture, create_model("nano", weights=None))
    with pytest.raises(ValueError, match="tiny-cls names whole pictures"):
        segment(picture, tiny())
    with pytest.raises(ValueError, match="training mode"):
        classify(picture, tiny().train())
    broken = tiny()
    broken.head.bias.data[3] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        classify(picture, broken)


def test_files_load_under_official_and_own_names_and_misfits_leave_the_model_alone(tmp_path):
    source, model = tiny(seed=1), tiny()
    official = {key.removeprefix("backbone."): value for key, value in source.state_dict().items()}
    torch.save({"model": official}, tmp_path / "in1k.pth")
    load_weights(model, str(tmp_path / "in1k.pth"))
    assert model.weights.trained
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in source.state_dict().items())
    load_state(tiny(), source.state_dict())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(WeightsError, match="has 7 classes and the model 1000: pass num_classes=7"):
        load_state(model, seven(official))
    with pytest.raises(WeightsError, match=r"1 missing: backbone\.blocks3\.0\.gamma_1"):
        load_state(model, {k: v for k, v in official.items() if k != "blocks3.0.gamma_1"})
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in before.items())


def seven(state):
    head = {"head.weight": torch.zeros(7, 16), "head.bias": torch.zeros(7)}
    return {**state, **head}


def test_layer_scale_multiplied_in_is_the_same_block():
    block = tiny().backbone.blocks3[0].double()
    torch.nn.init.normal_(block.gamma_1)
    torch.nn.init.normal_(block.gamma_2)
    x = torch.randn(1, 16, 5, 6, dtype=torch.float64)
    plain = block.without_layer_scale()
    assert plain.gamma_1 is None
    assert torch.allclose(plain(x), block(x), atol=1e-12)
    assert plain.without_layer_scale() is plain


def test_the_command_names_photos_and_tells_of_those_it_cannot_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(CONFIGS, "small-cls", tiny().config)
    photo, broken = tmp_path / "photo.png", tmp_path / "broken.png"
    from PIL import Image

    Image.fromarray(recorded_picture(40, 60)).save(photo)
    broken.write_bytes(b"no picture")
    torch.manual_seed(0)
    assert main(["classify", str(photo), "--weights", "none", "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(photo)
    assert [line.split()[0] for line in lines[1:]] == ["1.", "2."]
    assert main(["classify", str(photo), "--weights", "none", "--whole", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["crop_px"] is None
    assert main(["classify", str(broken), str(photo), "--weights", "none", "--json"]) == 1
    said = capsys.readouterr()
    assert str(broken) in said.err
    assert [row["rank"] for row in json.loads(said.out)["top"]] == [1, 2, 3, 4, 5]
    assert main(["classify", str(photo), "--weights", "none", "--top", "0"]) == 1


def test_every_official_name_is_listed():
    assert list_classifiers() == [
        "xxs-cls",
        "small-cls",
        "small-plus-cls",
        "base-cls",
        "base-ls-cls",
    ]
