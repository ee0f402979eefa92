"""The backbone under other decoders, with the habits of timm; new classes on trained weights."""

from __future__ import annotations

import pytest
import timm
import torch
import torch.nn.functional as F
from timm.models._features import FeatureInfo
from torch import nn

from uniformer import create_model, list_classifiers, list_models, optimize_for_inference
from uniformer.features import FeatureBackbone, checked_stages

ODD = torch.Size((1, 3, 70, 97))
"""Sides that no stride divides."""


def random_picture(shape=(1, 3, 64, 96)):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def nano():
    return create_model("nano")


@pytest.mark.parametrize("name", ["nano", "xxs-fpn", "xxs-cls", "small-plus-cls"])
def test_maps_have_the_channels_and_strides_that_are_told(name):
    backbone = create_model(name, weights=None, features_only=True)
    x = random_picture()
    with torch.no_grad():
        maps = backbone(x)
    info = backbone.feature_info
    assert isinstance(maps, list)
    assert [found.shape[1] for found in maps] == info.channels()
    assert [x.shape[-1] // found.shape[-1] for found in maps] == info.reduction() == [4, 8, 16, 32]
    modules = dict(backbone.named_modules())
    assert all(name in modules for name in info.module_name())


@pytest.mark.parametrize("name", [*list_models(), *list_classifiers()])
def test_every_model_tells_of_its_maps_in_the_words_of_timm(name):
    """What timm makes of the same entries, it answers as ours does to all that users ask."""
    with torch.device("meta"):
        ours = create_model(name, weights=None, features_only=True, out_indices=(1, 3)).feature_info
    theirs = FeatureInfo([dict(entry) for entry in ours.info], (1, 3))
    for ask in ("channels", "reduction", "module_name"):
        for which in (None, 0, [0, 2]):
            assert getattr(ours, ask)(which) == getattr(theirs, ask)(which)
    for keys in (None, ["num_chs", "reduction"]):
        assert ours.get_dicts(keys) == theirs.get_dicts(keys)
        assert ours.get_dicts(keys, [0, 1]) == theirs.get_dicts(keys, [0, 1])
    assert ours[2] == theirs[2]
    assert len(ours) == len(theirs)


def test_it_is_used_as_a_model_of_timm_is():
    """The same lines on a ResNet of timm and on a UniFormer."""
    for create, name in ((timm.create_model, "resnet10t"), (create_model, "nano")):
        made = {"pretrained": False} if create is timm.create_model else {"weights": None}
        model = create(name, features_only=True, out_indices=(2, 3), **made).eval()
        with torch.no_grad():
            maps = model(random_picture())
        assert len(maps) == 2
        for found, channels, stride in zip(
            maps, model.feature_info.channels(), model.feature_info.reduction(), strict=True
        ):
            assert found.shape == (1, channels, 64 // stride, 96 // stride)


@pytest.mark.parametrize(
    ("asked", "stages"), [((1,), (1,)), ((-1, 0), (3, 0)), (2, (2, 3)), ([0, 2], (0, 2))]
)
def test_the_stages_asked_for_come_in_their_order_and_later_ones_are_not_computed(
    nano, asked, stages
):
    backbone = FeatureBackbone(nano.backbone, asked)
    seen = []
    hooks = [
        nano.backbone.stage(number)[1][0].register_forward_hook(
            lambda *_, number=number: seen.append(number)
        )
        for number in range(1, 5)
    ]
    x = random_picture(ODD)
    with torch.no_grad():
        maps = backbone(x)
        assert seen == list(range(1, max(stages) + 2))
        whole = nano.backbone(x)
    for hook in hooks:
        hook.remove()
    for found, stage in zip(maps, stages, strict=True):
        assert torch.equal(found, whole[stage])


@pytest.mark.parametrize("wrong", [(), (4,), (-5,), 0, 5, -1])
def test_stages_that_there_are_not_are_refused_before_weights_are_read(wrong):
    with pytest.raises(ValueError, match=r"out_indices must be some of 0 to 3"):
        checked_stages(wrong)
    with pytest.raises(ValueError, match="out_indices"):
        create_model("nano", weights="no such file", features_only=True, out_indices=wrong)


class SmallDecoder(nn.Module):
    """A top-down decoder that knows of its encoder only what ``feature_info`` tells."""

    def __init__(self, encoder, classes):
        super().__init__()
        self.encoder = encoder
        self.laterals = nn.ModuleList(
            nn.Conv2d(channels, 16, 1) for channels in encoder.feature_info.channels()
        )
        self.stride = encoder.feature_info.reduction()[0]
        self.head = nn.Conv2d(16, classes, 1)

    def forward(self, x):
        *upper, last = [
            conv(found) for conv, found in zip(self.laterals, self.encoder(x), strict=True)
        ]
        for found in reversed(upper):
            last = found + F.interpolate(last, found.shape[-2:])
        return F.interpolate(self.head(last), scale_factor=self.stride)


def test_another_decoder_learns_on_it():
    torch.manual_seed(0)
    model = SmallDecoder(create_model("nano", features_only=True, out_indices=(0, 2, 3)), 3)
    x = random_picture((2, 3, 64, 64))
    target = (x.mean(dim=1) > 0).long()
    before = model.encoder.backbone.blocks1[0].mlp.fc1.weight.clone()
    step = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(8):
        loss = F.cross_entropy(model(x), target)
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert not torch.equal(model.encoder.backbone.blocks1[0].mlp.fc1.weight, before)


@pytest.mark.parametrize("name", ["nano", "small-upernet", "xxs-cls"])
def test_features_and_head_together_are_the_model(name):
    model = create_model(name, weights=None)
    x = random_picture()
    with torch.no_grad():
        features = model.forward_features(x)
        assert torch.equal(model.forward_head(features), model(x))
    last = features if name == "xxs-cls" else features[-1]
    assert last.shape[1] == model.num_features == model.feature_info.channels()[-1]
    assert set(model.feature_info.module_name()) <= dict(model.named_modules()).keys()
    assert model.get_classifier() in set(model.modules())


def test_a_classifier_gives_the_mean_of_its_features_in_front_of_its_last_layer():
    model = create_model("xxs-cls", weights=None)
    with torch.no_grad():
        features = model.forward_features(random_picture())
        pooled = model.forward_head(features, pre_logits=True)
        assert torch.equal(model.get_classifier()(pooled), model.forward_head(features))
    assert pooled.shape == (1, model.num_features)


@pytest.mark.parametrize("name", ["nano", "small-upernet", "xxs-cls"])
def test_new_classes_change_the_last_layers_and_nothing_else(name):
    model = create_model(name, weights=None).double()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.reset_classifier(7)
    assert model.num_classes == len(model.classes) == 7
    last = ("conv_seg.", "head.weight", "head.bias", "head_cls.")
    for key, value in model.state_dict().items():
        if any(part in key for part in last) and not key.startswith("decode_head.scale"):
            assert value.shape[0] == 7
            assert value.dtype == torch.float64
        else:
            assert torch.equal(value, before[key]), key
    with torch.no_grad():
        assert model(random_picture().double()).shape[1] == 7


def test_new_classes_are_told_and_kept(nano, tmp_path):
    model = create_model("nano")
    assert model.weights.trained
    model.reset_classifier(class_names=["road", "rest"])
    assert model.classes.names == ("road", "rest")
    assert not model.weights.trained
    assert "mean nothing" in model.weights.note
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert again.classes.names == ("road", "rest")
    with torch.no_grad():
        assert torch.equal(again(random_picture()), model(random_picture()))


def test_classes_that_cannot_be_are_refused_and_the_model_stays(nano):
    model = create_model("nano")
    for count, names in ((1, None), (256, None), (None, None), (2, ["a", "b", "c"]), (None, ["a"])):
        with pytest.raises(ValueError, match="classes"):
            model.reset_classifier(count, names)
    assert model.num_classes == 50
    with pytest.raises(ValueError, match="before it is optimized"):
        optimize_for_inference(model).reset_classifier(3)
    classifier = create_model("xxs-cls", weights=None)
    classifier.reset_classifier(300)
    assert classifier.num_classes == 300
