"""Peers of UniFormer: what their units can see, where they lie, and which weights they have."""

from __future__ import annotations

import copy
import sys

import numpy as np
import pytest
import timm
import torch

from analysis.core.errors import AnalysisError
from analysis.receptive_field.effective import effective_fields
from analysis.receptive_field.networks import (
    PEERS,
    hub,
    peer_network,
    timm_networks,
    uniformer_network,
)
from analysis.receptive_field.networks.swin_windows import window_spans
from analysis.receptive_field.networks.timm_networks import TIMM_NETWORKS, as_network, timm_network
from analysis.receptive_field.theoretical import ReceptiveField
from uniformer import create_model


def on_meta(name, size_px=(224, 224)):
    with torch.device("meta"):
        return timm_network(name, size_px, weights=None)


def lively(name, size_px):
    """Return a peer in float64 whose every branch and channel passes on what it gets."""
    torch.manual_seed(0)
    recipe = timm_networks._RECIPES[name]
    sized = {"img_size": size_px} if recipe.sized else {}
    model = timm.create_model(recipe.timm_name, **recipe.arguments, **sized)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
            if hasattr(module, "gamma") and isinstance(module.gamma, torch.nn.Parameter):
                module.gamma.fill_(1)
    return as_network(name, model.double(), size_px, trained=False, weights="random")


def seen(network, level, unit):
    """Return the box of pixels with a gradient; masks of -100 let through less than 1e-80."""
    picture = torch.randn(1, 3, *network.size_px, dtype=torch.float64)
    field = effective_fields(network.readout({level.name: unit}), [picture])[level.name]
    support = field.energy > 1e-60 * field.energy.max()
    rows, columns = (np.flatnonzero(support.any(axis=1 - axis)) for axis in (0, 1))
    return ReceptiveField(*(int(i) for i in (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)))


@pytest.mark.parametrize(
    ("name", "sides"),
    [
        ("resnet50", [35, 91, 267, 427]),
        ("convnext-t", [76, 224, 1096, 1688]),
        ("swin-t", [None] * 4),
        ("deit-s", [None] * 4),
    ],
)
def test_theoretical_fields_have_the_known_sides(name, sides):
    assert [level.theoretical_px for level in on_meta(name).levels] == sides


@pytest.mark.parametrize(
    ("name", "reach", "sides"),
    [
        ("small-fpn", "global", [76, 272, None, None]),
        ("base-fpn", "global", [124, 512, None, None]),
        ("small-fpn", "local", [76, 272, 536, 744]),
        ("base-fpn", "local", [124, 512, 1160, 1624]),
    ],
)
def test_uniformers_without_attention_see_what_position_encodings_carry(name, reach, sides):
    with torch.device("meta"):
        network = uniformer_network(create_model(name, weights=None), (64, 64), reach)
    assert [level.theoretical_px for level in network.levels] == sides


@pytest.mark.parametrize("name", TIMM_NETWORKS)
def test_levels_have_the_strides_and_sizes_of_the_maps(name):
    network = lively(name, (64, 96))
    whole = {level.name: (0, 0) for level in network.levels}
    for level in network.levels:
        last = level.unit_at((63, 95), (64, 96))
        assert last == (64 // level.stride_px - 1, 96 // level.stride_px - 1)
        units = network.readout({**whole, level.name: last})(torch.zeros(1, 3, 64, 96).double())
        assert list(units) == list(whole)
        values = network.maps(torch.zeros(1, 3, 64, 96).double())[level.name]
        torch.testing.assert_close(values[:, :, -1, -1], units[level.name])
        beyond = network.readout({level.name: (last[0] + 1, last[1])})
        with pytest.raises(IndexError):
            beyond(torch.zeros(1, 3, 64, 96).double())


CASES = [
    ("resnet50", (128, 160), {0: (13, 20), 1: (8, 0)}),
    ("convnext-t", (128, 96), {0: (16, 12), 1: (0, 11)}),
    ("swin-t", (224, 224), {0: (16, 40), 1: (15, 0), 2: (4, 9)}),
    ("swin-t", (128, 160), {0: (31, 20), 1: (9, 1), 2: (2, 5)}),
    ("deit-s", (64, 96), {0: (1, 2), 3: (0, 0)}),
]


@pytest.mark.parametrize(("name", "size_px", "units"), CASES)
def test_the_theoretical_field_is_the_support_of_the_gradient(name, size_px, units):
    network = lively(name, size_px)
    for number, unit in units.items():
        level = network.levels[number]
        assert level.field(size_px, unit) == seen(network, level, unit), level.name


@pytest.mark.parametrize("reach", ["global", "window", "local"])
def test_uniformers_see_what_the_interval_says_in_every_reach(tiny, reach):
    network = uniformer_network(tiny(window_size=2), (128, 160), reach)
    for number, unit in ((0, (9, 30)), (1, (8, 9)), (2, (4, 4)), (3, (0, 2))):
        level = network.levels[number]
        assert level.field((128, 160), unit) == seen(network, level, unit), level.name


def test_deit_sees_the_whole_picture_from_its_first_block():
    network = on_meta("deit-s", (64, 96))
    assert network.levels[0].field((64, 96), (3, 0)) == ReceptiveField(0, 64, 0, 96)


def test_shifted_windows_start_half_a_window_later_and_end_at_the_borders():
    assert window_spans(14, 7, 0).spans == ((0, 6),) * 7 + ((7, 13),) * 7
    assert window_spans(14, 7, 3).spans == ((0, 2),) * 3 + ((3, 9),) * 7 + ((10, 13),) * 4
    assert window_spans(14, 7, 3).reads(2, 3) == (0, 9)
    assert window_spans(7, 7, 0).spans == ((0, 6),) * 7


@pytest.mark.parametrize(("name", "offset"), [("resnet50", 0), ("convnext-t", 3.5)])
def test_the_mass_of_a_field_lies_about_the_analytic_center(name, offset):
    network = lively(name, (96, 96))
    level = network.levels[1]
    unit = level.unit_at((48, 48), (96, 96))
    assert level.center_px(unit) == tuple(8 * index + offset for index in unit)
    picture = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    field = effective_fields(network.readout({level.name: unit}), [picture], probes=8)
    energy = field[level.name].energy
    rows, columns = np.mgrid[:96, :96]
    center = (energy * rows).sum() / energy.sum(), (energy * columns).sum() / energy.sum()
    assert center == pytest.approx(level.center_px(unit), abs=1.0)


def test_the_nearest_unit_is_the_one_whose_center_is_nearest():
    for name in ("resnet50", "convnext-t", "deit-s"):
        network = on_meta(name)
        for level in network.levels:
            for pixel in ((0, 223), (111, 112), (37, 90)):
                unit = level.unit_at(pixel, (224, 224))
                centers = [level.center_px((i, i))[0] for i in range(224 // level.stride_px)]
                for at, index in zip(pixel, unit, strict=True):
                    distance = abs(np.array(centers) - at)
                    assert distance[index] == distance.min()


def test_random_weights_are_named_so_and_are_the_same_every_time():
    before = torch.get_rng_state()
    first, second = (peer_network("deit-s", (32, 32), weights=None) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert not first.trained
    assert first.weights.startswith("random: timm's initialisation")
    x = torch.zeros(1, 3, 32, 32)
    for one, other in zip(first.levels, second.levels, strict=True):
        a = first.readout({one.name: (0, 0)})(x)[one.name]
        assert torch.equal(a, second.readout({other.name: (0, 0)})(x)[other.name])


def test_residual_branches_of_a_random_resnet_are_alive_and_said_to_be():
    assert "zero_init_last=False" in on_meta("resnet50").weights
    network = peer_network("resnet50", (64, 64), weights=None)
    level = network.levels[3]
    field = effective_fields(network.readout({level.name: (1, 1)}), [torch.randn(1, 3, 64, 64)])
    edge = field[level.name].energy[[0, -1]].sum()
    assert edge > 1e-3 * field[level.name].energy.sum()


def test_without_the_hub_weights_are_random_and_say_why(monkeypatch):
    def refuse(repo_id, filename):
        raise AnalysisError(f"{repo_id} is not in the cache")

    monkeypatch.setattr(timm_networks, "hub_file", refuse)
    with torch.device("meta"):
        network = peer_network("swin-t", (64, 64))
    assert not network.trained
    assert network.weights.startswith("random: ")
    assert network.weights.endswith("timm/swin_tiny_patch4_window7_224.ms_in1k is not in the cache")


def test_the_hub_is_asked_once_where_there_is_no_network(monkeypatch, tmp_path):
    asked = []

    def no_network(api, repo_id, timeout):
        asked.append(timeout)
        raise OSError("no network")

    monkeypatch.setattr(hub.HfApi, "model_info", no_network)
    with pytest.raises(AnalysisError, match="owner/none is not in the cache and could not be"):
        hub.hub_file("owner/none", "model.safetensors")
    assert asked == [hub.TIMEOUT_SECONDS]


def test_weights_of_a_file_are_loaded_and_named(tmp_path):
    model = timm.create_model("deit_small_patch16_224")
    file = tmp_path / "mine.pth"
    torch.save(model.state_dict(), file)
    network = peer_network("deit-s", (224, 224), weights=str(file))
    assert network.trained
    assert network.weights == "trained: mine.pth"
    x = torch.randn(1, 3, 224, 224)
    expected = model.eval().forward_features(x)[:, 1 + 14 * 3 + 5]
    torch.testing.assert_close(network.readout({"block 11": (3, 5)})(x)["block 11"], expected)


def test_uniformers_are_copied_named_and_say_whether_they_are_trained(tiny):
    model = tiny()
    network = uniformer_network(model, (64, 64), "hybrid")
    assert (network.name, network.trained) == ("tiny (hybrid 3)", False)
    assert network.weights.startswith("random")
    bundled = uniformer_network(create_model("nano"), (64, 64), "local")
    assert (bundled.name, bundled.trained) == ("nano (local)", True)
    assert bundled.weights.startswith("trained: bundled")
    assert model.reach == "global"


def test_a_reach_is_that_of_the_switched_model(tiny):
    model = tiny()
    x = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    unit = uniformer_network(model, (96, 96), "window").readout({"stage 3": (4, 4)})(x)["stage 3"]
    switched = copy.deepcopy(model)
    switched.set_reach("window")
    torch.testing.assert_close(unit, switched.backbone(x)[2][:, :, 4, 4])
    assert not torch.allclose(unit, model.backbone(x)[2][:, :, 4, 4])


def test_what_cannot_be_made_is_refused_in_one_sentence(tiny, tmp_path, monkeypatch):
    with pytest.raises(AnalysisError, match="no network 'vgg': choose one of resnet50"):
        peer_network("vgg", (64, 64))
    for name in PEERS:
        with pytest.raises(AnalysisError, match="multiples of 32 pixels, not 64 x 100"):
            peer_network(name, (64, 100))
    with pytest.raises(AnalysisError, match="multiples of 32"):
        uniformer_network(tiny(), (0, 64))
    with pytest.raises(AnalysisError, match="no reach 'far': choose one of global"):
        uniformer_network(tiny(), (64, 64), "far")
    with pytest.raises(AnalysisError, match=r"There is no file none\.pth"):
        peer_network("resnet50", (64, 64), weights="none.pth")
    damaged = tmp_path / "damaged.pth"
    torch.save({"conv1.weight": torch.zeros(1)}, damaged)
    with pytest.raises(AnalysisError, match=r"damaged\.pth does not hold weights of resnet50"):
        peer_network("resnet50", (64, 64), weights=str(damaged))
    for library, name in (("timm", "resnet50"), ("transformers", "segformer-b0")):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(AnalysisError, match=f"run `pip install {library}`"):
            peer_network(name, (64, 64))


def test_segformer_sees_the_whole_picture_about_padded_centers(monkeypatch):
    pytest.importorskip("transformers")
    network = peer_network("segformer-b0", (64, 96), weights=None)
    assert not network.trained
    picture = torch.randn(1, 3, 64, 96)
    for level, stride in zip(network.levels, (4, 8, 16, 32), strict=True):
        assert level.stride_px == stride
        assert level.center_px((1, 2)) == (stride, 2 * stride)
        assert level.field((64, 96), (1, 1)) == ReceptiveField(0, 64, 0, 96)
        assert network.readout({level.name: (1, 1)})(picture)[level.name].shape[0] == 1
    monkeypatch.setattr(
        "analysis.receptive_field.networks.segformer.hub_file",
        lambda *_: (_ for _ in ()).throw(AnalysisError("away")),
    )
    assert peer_network("segformer-b0", (64, 64)).weights.endswith("0.02; away")
