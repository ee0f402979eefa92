"""The theoretical receptive field is the support of the gradient, pixel for pixel."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from analysis.core.grid import Grid
from analysis.receptive_field.theoretical import (
    ReceptiveField,
    Sliding,
    Whole,
    Windowed,
    input_interval,
    receptive_field,
    receptive_field_size,
    uniformer_steps,
)
from uniformer.classes import numbered_classes
from uniformer.config import MODELS, STRIDES, BackboneConfig, FPNConfig, ModelConfig
from uniformer.engines import optimize_for_inference
from uniformer.segmenter import Segmenter

TINY = ModelConfig(
    "tiny",
    BackboneConfig(depths=(1, 2, 4, 1), dims=(4, 6, 8, 8), head_dim=4, mlp_ratio=2),
    FPNConfig(neck_channels=4, channels=4),
)
ODD_SIZE = (250, 335)  # stage 3 is 15 x 20 tokens; every stage drops pixels or tokens
WINDOW = 4


@pytest.fixture(scope="module")
def rf_model():
    torch.manual_seed(0)
    model = Segmenter(TINY, numbered_classes(5)).double().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return model


@pytest.fixture(scope="module")
def rf_model_without_encoding(rf_model):
    model = copy.deepcopy(rf_model)
    for name, parameter in model.named_parameters():
        if ".pos_embed." in name:
            parameter.data.zero_()
    return model


def on_meta(name, **changes):
    with torch.device("meta"):
        return Segmenter(replace(MODELS[name], **changes), numbered_classes(5))


def token_at(size, stage, row, column):
    return Grid(size, size, STRIDES[stage - 1]).token_at(column, row)


def gradient_support(model, size, stage, token, block):
    """The pixels with a gradient, which must fill their bounding box."""
    x = torch.randn(1, 3, *size, dtype=torch.float64, requires_grad=True)
    out = x
    for number in range(1, stage + 1):
        embed, blocks, norm = model.backbone.stage(number)
        out = embed(out)
        for each in blocks[:block] if number == stage else blocks:
            out = each(out)
    unit = (norm(out) if block is None else out)[0, :, token[0], token[1]]
    (gradient,) = torch.autograd.grad((unit * torch.randn_like(unit)).sum(), x)
    support = gradient[0].ne(0).any(dim=0)
    rows, columns = (support.any(dim=1 - axis).nonzero().flatten() for axis in (0, 1))
    box = ReceptiveField(*(int(i) for i in (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)))
    assert support[box.top_px : box.bottom_px, box.left_px : box.right_px].all()
    return box


UNITS = [
    (1, (0, 0), None),
    (1, (30, 40), 0),
    (1, (30, 40), 1),
    (1, (61, 82), None),
    (2, (0, 40), 1),
    (2, (15, 20), None),
    (2, (30, 40), 2),
    (3, (0, 0), 1),
    (3, (7, 9), 0),
    (3, (7, 9), 1),
    (3, (7, 9), 2),
    (3, (14, 19), 1),
    (3, (14, 19), 3),
    (3, (4, 11), 4),
    (3, (4, 11), None),
    (4, (3, 5), 0),
    (4, (0, 9), None),
]


@pytest.mark.parametrize("unit", UNITS, ids=str)
@pytest.mark.parametrize("reach", ["global", "hybrid", "window"])
@pytest.mark.parametrize("encoding", [True, False], ids=["dpe", "no-dpe"])
def test_the_interval_is_the_support_of_the_gradient(
    rf_model, rf_model_without_encoding, unit, reach, encoding
):
    model = rf_model if encoding else rf_model_without_encoding
    model.set_reach(reach, WINDOW)
    stage, token, block = unit
    field = receptive_field(model, ODD_SIZE, stage, token, block, position_encoding=encoding)
    assert field == gradient_support(model, ODD_SIZE, stage, token, block)


@pytest.mark.parametrize(
    ("name", "sides"), [("small-fpn", [76, 272, None, None]), ("base-fpn", [124, 512, None, None])]
)
def test_published_sizes_see_these_pixels_and_everything_from_stage_3_on(name, sides):
    model = on_meta(name)
    assert [receptive_field_size(model, stage) for stage in (1, 2, 3, 4)] == sides
    for stage, side in ((1, sides[0]), (2, sides[1])):
        field = receptive_field(
            model, (2048, 1536), stage, token_at((2048, 1536), stage, 1024, 768)
        )
        assert (field.height_px, field.width_px) == (side, side)


@pytest.mark.parametrize(("name", "side"), [("small-fpn", 536), ("base-fpn", 1160)])
def test_windows_of_one_token_leave_stage_3_to_its_position_encoding(name, side):
    assert receptive_field_size(on_meta(name, reach="window", window_size=1), 3) == side


@pytest.mark.parametrize("token", [(0, 0), (7, 3), (15, 11)])
def test_the_first_global_block_sees_the_whole_picture_and_its_embedding_does_not(rf_model, token):
    rf_model.set_reach("global")
    size = (256, 192)
    assert receptive_field(rf_model, size, 3, token, block=1) == ReceptiveField(0, 256, 0, 192)
    embedded = receptive_field(rf_model, size, 3, token, block=0)
    assert embedded.height_px < 256
    assert embedded.width_px < 192


def test_windows_grow_by_one_ring_per_block_and_only_by_position_encoding(rf_model):
    rf_model.set_reach("window", WINDOW)

    def tokens_seen(block, encoding):
        arguments = (rf_model.backbone, 3)
        below = len(uniformer_steps(*arguments, 0, encoding))
        steps = uniformer_steps(*arguments, block, encoding)[below:]
        return input_interval(steps, side=40, index=17)

    assert tokens_seen(1, encoding=True) == (15, 21)  # window 16 to 19 and one ring of tokens
    assert tokens_seen(2, encoding=True) == (11, 25)
    assert tokens_seen(3, encoding=True) == (7, 29)
    assert {tokens_seen(block, encoding=False) for block in (1, 2, 3, 4)} == {(16, 20)}


def test_the_size_with_windows_is_the_largest_over_tokens(rf_model):
    rf_model.set_reach("window", 3)
    for stage, block, count in ((3, 2, 300), (4, 0, 150)):
        fields = [
            receptive_field(rf_model, (4800, 4800), stage, (token, token), block).height_px
            for token in range(count // 3, 2 * count // 3)
        ]
        assert receptive_field_size(rf_model, stage, block) == max(fields)
        assert stage == 3 or min(fields) < max(fields)


def test_the_size_without_position_encoding_counts_patches_and_kernels_only(rf_model):
    # 4 px patch, one 5x5 at stride 4; a 2x2 patch of stride 4, two 5x5 at stride 8.
    assert receptive_field_size(rf_model, 1, position_encoding=False) == 4 + 4 * 4
    assert receptive_field_size(rf_model, 2, position_encoding=False) == 20 + 4 + 2 * 4 * 8


def test_steps_of_other_networks_fit_behind_the_same_protocol():
    stem = [Sliding(7, 2, 3), Sliding(3, 2, 1)]  # ResNet: convolution and max-pooling
    assert input_interval(stem, 224, 20) == (80 - 2 - 3, 80 + 2 + 3 + 1)
    assert input_interval(stem, 224, 0) == (0, 6)
    assert input_interval([*stem, Windowed(7)], 224, 8) == (7 * 4 - 5, 13 * 4 + 6)
    assert input_interval([*stem, Whole(), Windowed(7)], 224, 8) == (0, 224)


def test_fields_are_centered_on_the_center_of_the_token(rf_model):
    for stage in (1, 2):
        token = token_at(ODD_SIZE, stage, 120, 168)
        field = receptive_field(rf_model, ODD_SIZE, stage, token)
        middle = (
            (field.top_px + field.bottom_px - 1) / 2,
            (field.left_px + field.right_px - 1) / 2,
        )
        assert middle == Grid(ODD_SIZE, ODD_SIZE, STRIDES[stage - 1]).center_px(token)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (((250, 335), 3, (15, 0)), "no token 15: the map has 15"),
        (((250, 335), 3, (0, -1)), "no token -1: the map has 20"),
        (((250, 335), 0, (0, 0)), "no stage 0"),
        (((250, 335), 5, (0, 0)), "no stage 5"),
        (((250, 335), 3, (0, 0), 5), "Stage 3 has no block 5"),
        (((250, 335), 3, (0, 0), -1), "Stage 3 has no block -1"),
        (((250, 31), 1, (0, 0)), "needs sides of 32 pixels, not 31"),
    ],
)
def test_what_does_not_exist_is_refused_in_one_sentence(rf_model, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        receptive_field(rf_model, *arguments)


def test_optimized_models_are_refused_in_one_sentence(rf_model):
    fast = optimize_for_inference(copy.deepcopy(rf_model).float())
    with pytest.raises(ValueError, match="optimized model can only predict"):
        receptive_field(fast, ODD_SIZE, 1, (0, 0))
    with pytest.raises(ValueError, match="optimized model can only predict"):
        receptive_field_size(fast, 1)
