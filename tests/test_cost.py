import pytest
import torch

from uniformer import create_model
from uniformer.config import MODELS
from uniformer.cost import count_macs, count_parameters

# Official code, torch's counter on meta tensors, halved: 10^9 multiply-accumulates of each
# backbone with each head, for (reach, window), at 512x512 and at 512x2048 (height x width).
REFERENCE_GMAC = {
    ("small-fpn", "global", 32): (44.92, 246.5),
    ("small-fpn", "hybrid", 32): (44.92, 198.2),
    ("small-fpn", "window", 32): (44.92, 182.1),
    ("small-fpn", "hybrid", 14): (44.04, 190.9),
    ("small-fpn", "window", 14): (43.75, 172.4),
    ("base-fpn", "global", 32): (75.77, 469.8),
    ("base-fpn", "hybrid", 32): (75.77, 349.0),
    ("base-fpn", "window", 32): (75.77, 308.7),
    ("base-fpn", "hybrid", 14): (73.57, 330.8),
    ("base-fpn", "window", 14): (72.84, 284.4),
    ("small-upernet", "global", 32): (234.09, 1003.2),
    ("small-upernet", "hybrid", 32): (234.09, 954.9),
    ("small-upernet", "window", 32): (234.09, 938.7),
    ("small-upernet", "hybrid", 14): (233.21, 947.6),
    ("small-upernet", "window", 14): (232.92, 929.0),
    ("base-upernet", "global", 32): (264.94, 1226.4),
    ("base-upernet", "hybrid", 32): (264.94, 1105.6),
    ("base-upernet", "window", 32): (264.94, 1065.4),
    ("base-upernet", "hybrid", 14): (262.74, 1087.4),
    ("base-upernet", "window", 14): (262.01, 1041.1),
    ("xxs-fpn", "global", 32): (29.16, 132.5),
    ("xs-fpn", "global", 32): (32.77, 150.9),
}

REFERENCE_PARAMETERS = {
    "small-fpn": 25_299_926,
    "base-fpn": 53_531_222,
    "small-upernet": 51_521_132,
    "base-upernet": 79_752_428,
    "xxs-fpn": 13_536_710,
    "xs-fpn": 19_733_398,
}

# The same of the official classifiers: parameters, and 10^9 multiply-accumulates at 224 x 224.
REFERENCE_CLASSIFIERS = {
    "xxs-cls": (10_215_280, 1.299),
    "small-cls": (21_545_256, 3.632),
    "small-plus-cls": (24_032_552, 4.201),
    "base-cls": (49_776_552, 8.249),
    "base-ls-cls": (49_796_520, 8.249),
}


def shapes_of(name, **options):
    with torch.device("meta"):
        return create_model(name, weights=None, **options)


@pytest.mark.parametrize(("name", "count"), REFERENCE_PARAMETERS.items())
def test_parameters_match_the_official_models(name, count):
    assert count_parameters(shapes_of(name)) == count
    if f"{name}-h14" in MODELS:
        assert count_parameters(shapes_of(f"{name}-h14")) == count


@pytest.mark.parametrize("name", REFERENCE_PARAMETERS)
def test_multiply_accumulates_match_the_official_models(name):
    model = shapes_of(name)
    for (family, reach, window), (square, long) in REFERENCE_GMAC.items():
        if family == name:
            model.set_reach(reach, window)
            assert round(count_macs(model, 512, 512) / 1e9, 2) == square, (reach, window)
            assert round(count_macs(model, 512, 2048) / 1e9, 1) == long, (reach, window)


@pytest.mark.parametrize("name", REFERENCE_CLASSIFIERS)
def test_classifiers_cost_what_the_official_ones_do(name):
    parameters, gmac = REFERENCE_CLASSIFIERS[name]
    model = shapes_of(name)
    assert count_parameters(model) == parameters
    assert round(count_macs(model, 224, 224) / 1e9, 3) == gmac


def test_counting_leaves_the_model_as_it_was():
    model = create_model("nano", weights=None)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert count_macs(model, 64, 96) > 0
    for name, tensor in model.state_dict().items():
        assert tensor.device.type == "cpu"
        assert torch.equal(tensor, before[name])


def test_counting_on_meta_equals_counting_a_loaded_model():
    assert count_macs(shapes_of("nano"), 64, 64) == count_macs(
        create_model("nano", weights=None), 64, 64
    )


def test_a_picture_too_small_for_the_model_is_refused():
    with pytest.raises(ValueError, match="32, not"):
        count_macs(shapes_of("nano"), 16, 64)
