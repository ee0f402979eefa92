"""Effective receptive fields against Jacobians that are known."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from analysis.core.grid import Grid
from analysis.receptive_field import units as units_module
from analysis.receptive_field.effective import effective_fields
from analysis.receptive_field.theoretical import receptive_field
from analysis.receptive_field.units import logit_unit, margin_unit, stage_units
from uniformer.classes import numbered_classes
from uniformer.config import STRIDES, BackboneConfig, FPNConfig, ModelConfig, UPerConfig
from uniformer.engines import optimize_for_inference
from uniformer.heads import resize_bilinear
from uniformer.segmenter import Segmenter

TINY = BackboneConfig(depths=(1, 1, 4, 1), dims=(4, 6, 8, 8), head_dim=4, mlp_ratio=2)
HEADS = {"fpn": FPNConfig(4, 4), "upernet": UPerConfig(4, auxiliary_channels=4)}
SIZE = (140, 198)


def tokens_at(row, column):
    return {
        stage: Grid(SIZE, SIZE, stride).token_at(column, row)
        for stage, stride in enumerate(STRIDES, start=1)
    }


def make_tiny(head="fpn"):
    torch.manual_seed(1)
    model = Segmenter(ModelConfig("tiny", TINY, HEADS[head]), numbered_classes(5))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return model.double().eval()


@pytest.fixture(scope="module")
def erf_model():
    return make_tiny()


@pytest.fixture(scope="module")
def pictures():
    return torch.randn(5, 1, 3, *SIZE, dtype=torch.float64, generator=torch.manual_seed(2))


def linear_readout(channels, size, colours=3):
    matrix = torch.randn(
        channels, colours, *size, dtype=torch.float64, generator=torch.manual_seed(3)
    )
    return (
        lambda x: {"unit": torch.einsum("bdhw,cdhw->bc", x, matrix)},
        matrix.square().sum(dim=(0, 1)).numpy(),
    )


def relative_error(energy, expected):
    return np.sqrt(((energy - expected) ** 2).sum() / (expected**2).sum())


def test_probes_converge_to_the_frobenius_norm_of_a_linear_map():
    readout, exact = linear_readout(16, (6, 7))
    picture = torch.zeros(1, 3, 6, 7, dtype=torch.float64)
    errors = [
        relative_error(effective_fields(readout, [picture], probes=probes)["unit"].energy, exact)
        for probes in (20, 2000)
    ]
    assert errors[1] < 0.03
    assert 4 < errors[0] / errors[1] < 25  # 10 for an error that falls as 1 / sqrt(probes)


def test_pictures_average_over_probes_as_well():
    readout, exact = linear_readout(16, (6, 7))
    pictures = torch.zeros(1000, 1, 3, 6, 7, dtype=torch.float64)
    field = effective_fields(readout, pictures, probes=2, batch_size=100)["unit"]
    assert relative_error(field.energy, exact) < 0.03
    assert (field.pictures, field.probes) == (1000, 2)


def test_a_unit_of_one_channel_is_exact_without_probes():
    readout, exact = linear_readout(1, (6, 7))
    field = effective_fields(readout, torch.zeros(2, 1, 3, 6, 7).double(), probes=5)["unit"]
    np.testing.assert_allclose(field.energy, exact, rtol=1e-12)
    assert field.probes == 1


@pytest.mark.parametrize("reach", ["global", "hybrid", "window"])
def test_the_effective_field_lies_inside_the_theoretical_one_and_fills_it(
    erf_model, pictures, reach
):
    erf_model.set_reach(reach, 3)
    for tokens in (tokens_at(70, 99), tokens_at(0, 190)):
        for stage, field in effective_fields(stage_units(erf_model, tokens), pictures[:1]).items():
            box = receptive_field(erf_model, SIZE, stage, tokens[stage])
            inside = np.zeros(SIZE, dtype=bool)
            inside[box.top_px : box.bottom_px, box.left_px : box.right_px] = True
            assert np.array_equal(field.energy > 0, inside)


def test_the_energy_of_a_stage_is_that_of_its_jacobian(erf_model, pictures):
    erf_model.set_reach("hybrid", 2)
    picture = pictures[0, :, :, :64, :64]
    jacobian = torch.autograd.functional.jacobian(
        lambda x: erf_model.backbone(x)[2][0, :, 1, 2], picture
    )
    exact = jacobian[:, 0].square().sum(dim=(0, 1)).numpy()
    field = effective_fields(stage_units(erf_model, {3: (1, 2)}), [picture], probes=400)[3]
    assert relative_error(field.energy, exact) < 0.1
    assert field.energy.sum() == pytest.approx(exact.sum(), rel=0.1)


@pytest.mark.parametrize("share", [0, 1])
@pytest.mark.parametrize("pixel", [(0, 0), (70, 99), (75, 190), (127, 3), (127, 191)])
def test_tokens_of_local_stages_are_cut_out_without_loss(
    erf_model, pictures, pixel, share, monkeypatch
):
    monkeypatch.setattr(units_module, "SMALL_SHARE", share)
    erf_model.set_reach("hybrid", 3)
    tokens = tokens_at(*pixel)
    cut = stage_units(erf_model, tokens)

    def whole(x):
        maps = erf_model.backbone(x)
        return {
            stage: maps[stage - 1][:, :, row, column] for stage, (row, column) in tokens.items()
        }

    for stage, unit in whole(pictures[0]).items():
        torch.testing.assert_close(cut(pictures[0])[stage], unit)
    assert set(cut(pictures[0])) == set(tokens)
    expected = effective_fields(whole, pictures[:2])
    for stage, field in effective_fields(cut, pictures[:2]).items():
        np.testing.assert_allclose(field.energy, expected[stage].energy, rtol=1e-8, atol=1e-25)


def test_summed_channels_of_a_normed_output_see_nothing_and_probes_do(erf_model, pictures):
    units = stage_units(erf_model, tokens_at(70, 99))
    summed = effective_fields(
        lambda x: {stage: unit.sum(dim=1, keepdim=True) for stage, unit in units(x).items()},
        pictures[:1],
    )
    probed = effective_fields(units, pictures[:1])
    for stage in (1, 2, 3, 4):
        assert summed[stage].energy.sum() < 1e-20 * probed[stage].energy.sum()
        assert probed[stage].energy.sum() > 0


def test_batches_change_nothing_but_speed(erf_model, pictures):
    erf_model.set_reach("hybrid", 3)
    units = stage_units(erf_model, tokens_at(70, 99))
    alone = effective_fields(units, pictures, batch_size=1, seed=4)
    for batch_size in (2, 5):
        together = effective_fields(units, pictures, batch_size=batch_size, seed=4)
        for stage in (1, 2, 3, 4):
            np.testing.assert_allclose(
                together[stage].energy, alone[stage].energy, rtol=1e-9, atol=1e-25
            )
            assert together[stage].pictures == 5


def test_a_folder_is_the_mean_of_its_pictures():
    readout, exact = linear_readout(1, (6, 7))
    pictures = [torch.full((1, 3, 6, 7), float(i), dtype=torch.float64) for i in (1, 2, 6)]
    field = effective_fields(
        lambda x: {"scaled": readout(x)["unit"] * x[:, 0, :1, 0].detach()}, pictures, batch_size=2
    )["scaled"]
    np.testing.assert_allclose(field.energy, exact * (1 + 4 + 36) / 3, rtol=1e-12)


def test_the_seed_decides_the_probes(erf_model, pictures):
    units = stage_units(erf_model, {2: (8, 12)})
    first, again, other = (
        effective_fields(units, pictures[:1], seed=seed)[2].energy for seed in (7, 7, 8)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("pixel", [(0, 0), (33, 48), (69, 100)])
def test_the_logit_is_that_of_the_bilinear_map_at_the_pixel(head, pixel):
    model = make_tiny(head)
    x = torch.randn(1, 3, 70, 101, dtype=torch.float64)
    z = logit_unit(model, pixel, 2)(x)["logit"]
    full = resize_bilinear(model(x), (70, 101))[:, :, pixel[0], pixel[1]]
    torch.testing.assert_close(z, full[:, 2, None])
    others = full[:, [0, 1, 3, 4]].exp().sum(dim=1, keepdim=True).log()
    torch.testing.assert_close(margin_unit(model, pixel, 2)(x)["margin"], full[:, 2, None] - others)


def test_the_margin_ignores_what_all_classes_share_and_the_logit_does_not(erf_model, pictures):
    shifted = copy.deepcopy(erf_model)
    shifted.decode_head.conv_seg.weight.data += torch.randn(1, 4, 1, 1, dtype=torch.float64)
    for unit, same in ((margin_unit, True), (logit_unit, False)):
        before, after = (
            next(iter(effective_fields(unit(model, (70, 99), 1), pictures[:2]).values())).energy
            for model in (erf_model, shifted)
        )
        assert np.allclose(before, after, rtol=1e-6, atol=1e-9 * before.max()) == same


def snapshot(model):
    return {
        "state": [value.clone() for value in model.state_dict().values()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "grads": [p.grad for p in model.parameters()],
        "training": [m.training for m in model.modules()],
        "hooks": [
            len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks)
            for m in model.modules()
        ],
        "random": torch.get_rng_state(),
        "grad_mode": torch.is_grad_enabled(),
    }


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_everything_is_left_as_it_was(erf_model, pictures, mode):
    model = copy.deepcopy(erf_model)
    parameters = list(model.parameters())
    for parameter in parameters[::2]:
        parameter.requires_grad_(False)
    parameters[1].grad = torch.ones_like(parameters[1])
    picture = pictures[:1].clone()
    with mode():
        before = snapshot(model)
        effective_fields(stage_units(model, tokens_at(70, 99)), picture)
        effective_fields(margin_unit(model, (70, 99), 1), picture)
        effective_fields(logit_unit(model, (70, 99), 1), picture)
        after = snapshot(model)
    for key in ("requires_grad", "training", "hooks", "grad_mode"):
        assert before[key] == after[key], key
    assert all(a is b for a, b in zip(before["grads"], after["grads"], strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before["state"], after["state"], strict=True))
    assert torch.equal(before["random"], after["random"])
    assert torch.equal(picture, pictures[:1])
    assert not picture.requires_grad


def test_a_picture_that_asks_for_gradients_gets_none(erf_model, pictures):
    picture = pictures[0].clone().requires_grad_()
    effective_fields(stage_units(erf_model, {1: (3, 3)}), [picture])
    assert picture.grad is None


@pytest.mark.parametrize(
    ("unit", "sentence"),
    [
        (lambda model: stage_units(model, {5: (0, 0)}), "no stage 5"),
        (lambda model: stage_units(model, {}), "at least one stage"),
        (
            lambda model: stage_units(model, {3: (8, 0)}),
            "no token in row 8, column 0: this stage has 8 x 12",
        ),
        (lambda model: stage_units(model, {3: (0, -1)}), "no token in row 0, column -1"),
        (lambda model: logit_unit(model, (140, 0), 0), "Pixel x=0, y=140 is outside"),
        (lambda model: margin_unit(model, (0, -1), 0), "Pixel x=-1, y=0 is outside"),
        (lambda model: logit_unit(model, (0, 0), 5), "no class 5: choose 0 to 4"),
        (lambda model: margin_unit(model, (0, 0), -1), "no class -1"),
    ],
)
def test_units_that_do_not_exist_are_refused_in_one_sentence(erf_model, pictures, unit, sentence):
    with pytest.raises(ValueError, match=sentence):
        effective_fields(unit(erf_model), pictures[:1])


def test_unusable_pictures_and_counts_are_refused_in_one_sentence(erf_model, pictures):
    units = stage_units(erf_model, {1: (0, 0)})
    with pytest.raises(ValueError, match="no pictures"):
        effective_fields(units, [])
    with pytest.raises(ValueError, match="of one size"):
        effective_fields(units, [pictures[0], pictures[0, :, :, :64]])
    for wrong in (pictures[0, 0], pictures[0, :, 0], pictures[:2, 0]):
        with pytest.raises(ValueError, match=r"\(1, 3, H, W\)"):
            effective_fields(units, [wrong])
    with pytest.raises(ValueError, match="NaN"):
        effective_fields(units, [pictures[0] * float("nan")])
    for wrong in ({"probes": 0}, {"batch_size": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            effective_fields(units, pictures[:1], **wrong)


@pytest.mark.parametrize(
    "unit", [lambda m: stage_units(m, {1: (0, 0)}), lambda m: margin_unit(m, (0, 0), 0)]
)
def test_models_whose_pictures_mix_or_without_gradients_are_refused(erf_model, unit):
    training = copy.deepcopy(erf_model)
    training.backbone.blocks1.train()
    with pytest.raises(ValueError, match="eval"):
        unit(training)
    with pytest.raises(ValueError, match="optimized model can only predict"):
        unit(optimize_for_inference(copy.deepcopy(erf_model).float()))
