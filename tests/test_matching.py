"""Which models the names and shapes in a checkpoint fit."""

import json
from pathlib import Path

import pytest
import torch

from uniformer.config import MODELS
from uniformer.factory import create_model
from uniformer.matching import compare, find_kind, guess_configs, skeleton

OFFICIAL = json.loads((Path(__file__).parent / "data" / "official_keys.json").read_text())

# Recorded official configuration: the model here, and the reach it is tested with.
RECORDED = {
    "fpn_global_small": ("small-fpn", {}),
    "fpn_hybrid32_small": ("small-fpn", {"reach": "hybrid"}),
    "fpn_windows32_small": ("small-fpn", {"reach": "window"}),
    "fpn_hybrid_small": ("small-fpn-h14", {}),
    "fpn_hybrid_base": ("base-fpn-h14", {}),
    "upernet_global_small": ("small-upernet", {}),
    "upernet_global_base": ("base-upernet", {}),
    "upernet_hybrid32_small": ("small-upernet", {"reach": "hybrid"}),
    "upernet_windows32_small": ("small-upernet", {"reach": "window"}),
    "upernet_hybrid_small": ("small-upernet-h14", {}),
    "fpn_light_xxs": ("xxs-fpn", {}),
    "fpn_light_xs": ("xs-fpn", {}),
}
CLASSIFIERS = {
    "cls_small": "small-cls",
    "cls_small_plus": "small-plus-cls",
    "cls_base": "base-cls",
    "cls_base_ls": "base-ls-cls",
    "cls_light_xxs": "xxs-cls",
}


def official_shapes(recorded: str) -> dict[str, list[int]]:
    """Names and shapes of an official segmentation state dict."""
    if recorded in OFFICIAL:
        return OFFICIAL[recorded]
    head, _, size = recorded.split("_")
    backbone = {f"backbone.{key}": shape for key, shape in OFFICIAL[f"backbone-{size}"].items()}
    return backbone | OFFICIAL[head]


def classifier_shapes(recorded: str) -> dict[str, list[int]]:
    """Names and shapes of an official ImageNet state dict."""
    if recorded in OFFICIAL:
        return OFFICIAL[recorded]
    size = recorded.split("_")[1]
    shapes = OFFICIAL[f"backbone-{size}"] | OFFICIAL["classifier"]
    if recorded.endswith("_ls"):
        shapes = shapes | OFFICIAL["layer-scale-base"]
    output_norms = ("norm1.", "norm2.", "norm3.", "norm4.")
    return {key: shape for key, shape in shapes.items() if not key.startswith(output_norms)}


def zeros(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    dtypes = {key: torch.int64 if key.endswith("tracked") else torch.float32 for key in shapes}
    return {
        key: torch.zeros(shape, dtype=dtypes[key], device="meta") for key, shape in shapes.items()
    }


@pytest.mark.parametrize("recorded", RECORDED)
def test_model_has_exactly_the_official_names_and_shapes(recorded):
    name, reach = RECORDED[recorded]
    with torch.device("meta"):
        model = create_model(name, weights=None, **reach)
    ours = {key: list(value.shape) for key, value in model.state_dict().items()}
    assert ours == official_shapes(recorded)


@pytest.mark.parametrize("recorded", RECORDED)
def test_official_shapes_name_the_models_that_fit(recorded):
    name, _ = RECORDED[recorded]
    trained_global = name.removesuffix("-h14")
    state = zeros(official_shapes(recorded))
    expected = [trained_global, f"{trained_global}-h14"]
    assert guess_configs(state) == [name for name in expected if name in MODELS]


def test_guess_ignores_class_count_and_batch_counters():
    state = zeros(official_shapes("fpn_global_small"))
    state["decode_head.conv_seg.weight"] = torch.zeros(21, 128, 1, 1, device="meta")
    state["decode_head.conv_seg.bias"] = torch.zeros(21, device="meta")
    state = {key: value for key, value in state.items() if "num_batches_tracked" not in key}
    assert guess_configs(state) == ["small-fpn", "small-fpn-h14"]
    # As of {key: value.half() for key, value in ...}, which makes no difference between them.
    state = {key: torch.empty_like(value, dtype=torch.half) for key, value in state.items()}
    counter = "backbone.blocks1.0.norm1.num_batches_tracked"
    state[counter] = torch.zeros((), dtype=torch.half, device="meta")
    assert guess_configs(state) == ["small-fpn", "small-fpn-h14"]


@pytest.mark.parametrize("recorded", CLASSIFIERS)
def test_classifier_has_exactly_the_official_names_and_shapes(recorded):
    with torch.device("meta"):
        model = create_model(CLASSIFIERS[recorded], weights=None)
    ours = {
        key.removeprefix("backbone."): list(value.shape)
        for key, value in model.state_dict().items()
    }
    assert ours == classifier_shapes(recorded)


@pytest.mark.parametrize("recorded", CLASSIFIERS)
def test_classifier_file_fits_its_classifier_and_every_segmenter_of_its_size(recorded):
    state = zeros(classifier_shapes(recorded))
    assert find_kind(state) == "backbone"
    size = {"cls_small": "small", "cls_base": "base", "cls_light_xxs": "xxs"}.get(recorded, "none")
    segmenters = [name for name in MODELS if name.startswith(size)]
    assert guess_configs(state) == [*segmenters, CLASSIFIERS[recorded]]


def test_layer_scale_checkpoint_fits_no_segmenter_and_its_keys_are_listed():
    state = zeros(classifier_shapes("cls_base_ls"))
    difference = compare(state, skeleton("base-fpn"))
    assert len(difference.unexpected) == 54
    assert not difference.missing
    assert "backbone.blocks3.0.gamma_1" in str(difference)


def test_bundled_models_keys_fit_only_itself():
    assert guess_configs(skeleton("nano")) == ["nano"]


def test_difference_counts_and_names_keys_of_each_group():
    state = dict(skeleton("small-fpn"))
    del state["neck.fpn_convs.0.conv.bias"]
    state["backbone.extra"] = torch.zeros(1)
    state["backbone.norm1.weight"] = torch.zeros(32)
    state["backbone.norm2.weight"] = torch.zeros(128, dtype=torch.int8)
    assert str(compare(state, skeleton("small-fpn"))) == (
        "1 missing: neck.fpn_convs.0.conv.bias; 1 unexpected: backbone.extra; 2 wrong: "
        "backbone.norm1.weight is 32 instead of 64, "
        "backbone.norm2.weight is 128 (torch.int8) instead of 128"
    )
