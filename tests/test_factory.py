"""Making models by name."""

import json
from dataclasses import replace

import pytest
import torch

from uniformer import create_model, list_models
from uniformer.classes import class_set
from uniformer.config import MODELS, BackboneConfig
from uniformer.weights import WeightsError

NAMES = [
    "nano",
    "xxs-fpn",
    "xs-fpn",
    "small-fpn",
    "base-fpn",
    "small-upernet",
    "base-upernet",
    "small-fpn-h14",
    "base-fpn-h14",
    "small-upernet-h14",
    "base-upernet-h14",
]


@pytest.fixture
def tiny(monkeypatch):
    """A name for a model that is made in no time."""
    backbone = BackboneConfig((1, 1, 4, 1), (8, 8, 16, 16), head_dim=8)
    config = replace(MODELS["nano"], name="tiny", backbone=backbone, bundled=None)
    monkeypatch.setitem(MODELS, "tiny", config)
    return "tiny"


def test_every_official_name_is_listed():
    assert list_models() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_model_has_the_reach_and_classes_it_was_trained_with(name):
    with torch.device("meta"):
        model = create_model(name, weights=None)
    trained = ("hybrid", 14) if name.endswith("-h14") else ("global", 8 if name == "nano" else 32)
    assert (model.reach, model.window_size) == trained
    assert len(model.classes) == (50 if name == "nano" else 150)
    assert not model.training


def test_model_without_weights_says_so(tiny):
    model = create_model(tiny, weights=None)
    assert not model.weights.trained
    assert "untrained" in model.weights.note


def test_reach_and_window_can_be_chosen(tiny):
    model = create_model(tiny, weights=None, reach="hybrid", window_size=7)
    assert (model.reach, model.window_size) == ("hybrid", 7)
    assert (model.config.reach, model.config.window_size) == ("hybrid", 7)
    assert [block.window_size for block in model.backbone.blocks3] == [7, 7, 7, None]


def test_other_number_of_classes_gets_numbered_names(tiny):
    model = create_model(tiny, weights=None, num_classes=5)
    assert model.classes.names == tuple(f"class {index}" for index in range(5))
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 5, 8, 8)
    named = create_model(tiny, weights=None, num_classes=50)
    assert named.classes == class_set("everyday50")


def test_device_is_where_the_weights_are(tiny):
    assert create_model(tiny, weights=None, device="meta").device.type == "meta"


def test_fine_tuned_file_loads_with_its_own_number_of_classes(tiny, tmp_path):
    path = tmp_path / "tuned.pth"
    torch.save(create_model(tiny, weights=None, num_classes=5).state_dict(), path)
    assert create_model(tiny, weights=str(path), num_classes=5).weights.trained
    with pytest.raises(WeightsError, match="pass num_classes=5"):
        create_model(tiny, weights=str(path))


@pytest.fixture
def tuned(tiny, tmp_path):
    """A file of weights for the classes "cup" and "spoon", and its card."""
    file = tmp_path / "tuned.pth"
    torch.save(create_model(tiny, weights=None, num_classes=2).state_dict(), file)
    rows = [{"name": "cup", "color": "#ff0000"}, {"name": "spoon", "color": "#00ff00"}]
    card = tmp_path / "tuned.pth.json"
    card.write_text(json.dumps({"classes": rows}))
    return file, card


def test_file_brings_the_classes_of_the_card_beside_it(tiny, tuned):
    model = create_model(tiny, weights=str(tuned[0]))
    assert model.classes.names == ("cup", "spoon")
    assert model.classes.palette.tolist() == [[255, 0, 0], [0, 255, 0]]
    assert create_model(tiny, weights=str(tuned[0]), num_classes=2).classes == model.classes
    with pytest.raises(WeightsError, match="2 classes and the model 3"):
        create_model(tiny, weights=str(tuned[0]), num_classes=3)


def test_card_with_the_known_names_means_the_known_classes(tiny, tmp_path):
    known = class_set("everyday50")
    file = tmp_path / "tuned.pth"
    torch.save(create_model(tiny, weights=None).state_dict(), file)
    rows = [{"name": name, "color": "#000000"} for name in known.names]
    (tmp_path / "tuned.pth.json").write_text(json.dumps({"classes": rows}))
    assert create_model(tiny, weights=str(file)).classes is known


@pytest.mark.parametrize(
    "content", ["", "[]", '{"classes": 3}', '{"classes": [{"name": "a", "color": "red"}]}']
)
def test_damaged_card_is_named_in_one_sentence(tiny, tuned, content):
    tuned[1].write_text(content)
    with pytest.raises(ValueError, match=r"tuned\.pth\.json cannot be used") as caught:
        create_model(tiny, weights=str(tuned[0]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("large", {}, "no model called 'large': choose one of nano"),
        ("nano", {"reach": "wide"}, "Unknown reach 'wide'"),
        ("nano", {"window_size": 0}, "1 to 256"),
        ("nano", {"num_classes": 1}, "2 to 255 classes"),
        ("nano", {"num_classes": 256}, "2 to 255 classes"),
    ],
)
def test_bad_request_is_refused_in_one_sentence(name, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        create_model(name, weights=None, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in NAMES if not MODELS[name].hub][1:])
def test_default_of_a_model_without_hub_copy_says_where_weights_are(name):
    message = pytest.raises(WeightsError, match=r"drive\.google\.com|never released")
    with torch.device("meta"), message:
        create_model(name)


def test_hub_and_drive_are_named_for_every_released_model():
    unreleased = {"small-fpn-h14", "small-upernet-h14", "base-upernet-h14"}
    for name in NAMES[1:]:
        assert (MODELS[name].drive_id is None) == (name in unreleased)
