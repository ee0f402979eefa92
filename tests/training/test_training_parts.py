import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.augment import LABEL_STRIDE, random_crop
from training.batches import Batches
from training.calibrate import fit_bias, fit_temperature
from training.config import RunConfig
from training.data import Sample
from training.losses import partial_cross_entropy
from training.sampling import Sampler, class_weights
from training.trainer import trusted
from training.validate import compared
from uniformer.classes import class_set
from uniformer.dataset import DatasetError
from uniformer.factory import find_config

PLAIN = RunConfig(scale=(1.0, 1.0), aspect=1.0, rotation=0.0, color=0.0)


def loss(
    logits, labels, negative, weights=None, negative_weight=0.5, smoothing=0.0, sure=1.0, groups=()
):
    classes = logits.shape[1]
    members = torch.zeros(256, classes, dtype=torch.bool)
    for index, row in groups:
        members[index, list(row)] = True
    labels = torch.tensor(labels, dtype=torch.uint8)
    return partial_cross_entropy(
        logits,
        labels,
        torch.as_tensor(sure).expand(labels.shape),
        torch.tensor([negative]),
        members,
        torch.ones(classes) if weights is None else torch.tensor(weights),
        negative_weight,
        smoothing,
    ).item()


def test_known_pixels_give_weighted_cross_entropy_and_unknown_ones_nothing():
    logits = torch.log(torch.tensor([[0.5, 0.2], [0.25, 0.7], [0.25, 0.1]])).reshape(1, 3, 1, 2)
    wanted = (1 * -math.log(0.5) + 3 * -math.log(0.7)) / 4
    assert loss(logits, [[[0, 1]]], -1, [1.0, 3.0, 1.0]) == pytest.approx(wanted, rel=1e-6)
    assert loss(logits, [[[0, 255]]], -1) == pytest.approx(-math.log(0.5), rel=1e-6)
    assert loss(logits, [[[255, 255]]], -1) == 0


def test_unknown_pixels_push_their_negative_class_down_by_its_closed_form():
    logits = torch.log(torch.tensor([[0.5, 0.2], [0.25, 0.7], [0.25, 0.1]])).reshape(1, 3, 1, 2)
    wanted = (-math.log(0.5) + 0.5 * -math.log(1 - 0.7)) / 1.5
    assert loss(logits, [[[0, 255]]], 1) == pytest.approx(wanted, rel=1e-5)


def test_smoothing_spreads_a_share_of_the_target_over_all_classes():
    logits = torch.randn(1, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    labels = [[[0, 1], [2, 3]]]
    wanted = torch.nn.functional.cross_entropy(
        logits, torch.tensor(labels), label_smoothing=0.1
    ).item()
    assert loss(logits, labels, -1, smoothing=0.1) == pytest.approx(wanted, rel=1e-6)


def test_labels_count_as_much_as_their_confidence():
    logits = torch.log(torch.tensor([[0.5, 0.2], [0.25, 0.7], [0.25, 0.1]])).reshape(1, 3, 1, 2)
    sure = torch.tensor([[[0.9, 0.3]]])
    wanted = (0.9 * -math.log(0.5) + 0.3 * -math.log(0.7)) / 1.2
    assert loss(logits, [[[0, 1]]], -1, sure=sure) == pytest.approx(wanted, rel=1e-6)


def test_a_group_is_met_by_any_of_its_members():
    logits = torch.log(torch.tensor([[0.5, 0.2], [0.25, 0.7], [0.25, 0.1]])).reshape(1, 3, 1, 2)
    found = loss(logits, [[[128, 0]]], -1, [1.0, 3.0, 5.0], groups=[(128, (1, 2))])
    wanted = (4 * -math.log(0.5) + 1 * -math.log(0.2)) / 5
    assert found == pytest.approx(wanted, rel=1e-5)
    alone = loss(logits, [[[129, 0]]], -1, groups=[(129, (1,))])
    assert alone == pytest.approx(loss(logits, [[[1, 0]]], -1), rel=1e-6)


def example(name, label, height=30, width=40):
    labels = np.full((height, width), label, dtype=np.uint8)
    return certain(name, np.zeros((height, width, 3), dtype=np.uint8), labels)


def certain(name, picture, labels):
    return Sample(name, picture, labels, np.full_like(labels, 255))


def test_sampler_draws_classes_alike_and_sources_by_the_root_of_their_size():
    examples = [example(f"many_{i}", 0) for i in range(81)] + [
        example(f"few_{i}", 1) for i in range(9)
    ]
    sampler = Sampler(examples, 3, {})
    rng = np.random.default_rng(0)
    by_class = np.mean([sampler.draw(True, rng)[1] == 1 for _ in range(4000)])
    by_source = np.mean([sampler.draw(False, rng)[0] >= 81 for _ in range(4000)])
    assert by_class == pytest.approx(1 / 2, abs=0.03)
    assert by_source == pytest.approx(3 / 12, abs=0.03)


def test_a_source_is_drawn_as_much_more_often_as_its_weight_says():
    examples = [example(f"many_{i}", 0) for i in range(81)] + [
        example(f"few_{i}", i % 2) for i in range(9)
    ]
    sampler = Sampler(examples, 2, {"few": 6.0})
    rng = np.random.default_rng(0)
    by_source = np.mean([sampler.draw(False, rng)[0] >= 81 for _ in range(4000)])
    assert by_source == pytest.approx(18 / 27, abs=0.03)
    # Of the pictures that show class 0, 81 of the one source and 5 of the other, chances are kept.
    drawn = np.array([sampler.draw(True, rng) for _ in range(8000)])
    of_class_0 = drawn[drawn[:, 1] == 0, 0]
    few = 5 * 6 * 3 / 9
    assert (of_class_0 >= 81).mean() == pytest.approx(few / (few + 9), abs=0.03)


def test_rare_classes_weigh_more_within_bounds_and_1_on_average():
    weights = class_weights(np.array([[10_000, 100, 1, 0]]))
    assert weights[0] < weights[1] < weights[2]
    assert weights[2] / weights[0] <= 9 + 1e-5
    assert weights[:3].mean() == pytest.approx(1)
    assert weights[3] == 1


def test_labels_of_a_crop_lie_where_its_picture_has_them():
    rows, columns = np.mgrid[:80, :96]
    labels = ((rows // 16 + columns // 16) % 2).astype(np.uint8)
    picture = np.repeat(labels[:, :, None] * 200, 3, axis=2)
    rng = np.random.default_rng(1)
    config = replace(PLAIN, scale=(0.8, 1.5), rotation=8.0, aspect=1.3)
    for _ in range(20):
        crop, found = random_crop(certain("x", picture, labels), 64, None, config, rng)[:2]
        small = crop.reshape(32, LABEL_STRIDE, 32, LABEL_STRIDE, 3).mean((1, 3, 4))
        sure = (found != 255) & ((small < 20) | (small > 180))
        assert sure.mean() > 0.5
        assert ((small > 100) == found)[sure].mean() > 0.98


def test_focused_crop_shows_its_class_and_all_crops_stay_on_the_picture():
    labels = np.zeros((200, 260), dtype=np.uint8)
    labels[150:154, 200:204] = 7
    rng = np.random.default_rng(0)
    picture = np.zeros((200, 260, 3), dtype=np.uint8)
    found = [random_crop(certain("x", picture, labels), 64, 7, PLAIN, rng)[1] for _ in range(30)]
    assert all((crop == 7).any() for crop in found)
    assert all((crop != 255).all() for crop in found)


def test_batch_depends_on_its_step_alone():
    rng = np.random.default_rng(0)
    shape = (60, 70)
    examples = [
        certain(
            f"s_{i}",
            rng.integers(0, 256, (*shape, 3), np.uint8),
            rng.integers(0, 4, shape, np.uint8),
        )
        for i in range(6)
    ]
    config = RunConfig(crops=(32, 64), batch_pixels=4 * 64 * 64, negatives={"s": "animal"})
    first, second = (Batches(examples, class_set("everyday22"), config) for _ in range(2))
    for step in (3, 0):
        one, other = first[step], second[step]
        assert torch.equal(one.pictures, other.pictures)
        assert torch.equal(one.labels, other.labels)
        assert one.negatives.tolist() == [9] * len(one.pictures)
    assert not torch.equal(first[5].pictures[:1, :, :9, :9], first[6].pictures[:1, :, :9, :9])


def test_a_weight_for_a_source_without_pictures_is_refused():
    config = RunConfig(source_weights={"many": 2.0, "none": 2.0})
    with pytest.raises(DatasetError, match="weighs the source 'none', which no picture is from"):
        Batches([example("many_0", 0)], class_set("everyday22"), config)


class Undecided(torch.nn.Module):
    """Says every class as loud as any other."""

    config = find_config("nano")

    def forward(self, x):
        return torch.zeros(1, 3, x.shape[2] // 4, x.shape[3] // 4)


def test_bias_of_a_model_that_sees_nothing_is_the_log_of_the_natural_shares():
    labels = np.full((64, 64), 255, np.uint8)
    labels[:32], labels[32:48] = 0, 1  # two pixels of class 0 for one of class 1, none of class 2
    examples = [certain("s_0", np.zeros((64, 64, 3), np.uint8), labels)] * 30
    found = fit_bias(Undecided(), examples)
    assert (found[0] - found[1]).item() == pytest.approx(np.log(2), abs=0.1)
    assert found[2] < found[1] - 2
    assert found.mean().item() == pytest.approx(0, abs=1e-6)
    assert torch.equal(found, fit_bias(Undecided(), examples))


def test_pictures_without_a_certain_label_are_no_ground_to_calibrate_on():
    nothing = example("s_0", 255)
    with pytest.raises(DatasetError, match="certain"):
        fit_bias(Undecided(), [nothing])
    with pytest.raises(DatasetError, match="certain"):
        fit_temperature(Undecided(), [nothing], torch.zeros(3))


class Overconfident(Undecided):
    """Says one class everywhere, with odds of e^4 to 1 to each of the two others."""

    def forward(self, x):
        logits = super().forward(x)
        logits[:, 0] = 4.0
        return logits


@pytest.mark.parametrize("coarse", [False, True])
def test_calibrated_probabilities_are_the_shares_that_come_true(coarse):
    labels = np.zeros((64, 64), np.uint8)
    labels[48:] = 1
    table = np.uint8([0, 1, 1]) if coarse else None
    one = replace(certain("s_0", np.zeros((64, 64, 3), np.uint8), labels), coarse=table)
    found = fit_temperature(Overconfident(), [one] * 10, torch.zeros(3))
    p = (torch.tensor([4.0, 0, 0]) / found).softmax(0)
    assert p[0].item() == pytest.approx(0.75, abs=0.01)
    assert found > 1


def test_uncertain_labels_and_groups_take_no_part_in_a_fit():
    labels = np.zeros((64, 64), np.uint8)
    labels[:32] = 1
    one = certain("s_0", np.zeros((64, 64, 3), np.uint8), labels)
    unsure = replace(one, labels=labels + 1, confidence=np.full_like(labels, 127))
    grouped = replace(one, labels=np.full_like(labels, 130))
    wanted = fit_bias(Undecided(), [one] * 5)
    assert torch.allclose(fit_bias(Undecided(), [*[one] * 5, unsure, grouped]), wanted, atol=0.02)


def test_what_a_teacher_hardly_believes_is_not_learned():
    found = trusted(torch.tensor([0, 51, 102, 255], dtype=torch.uint8), least=0.35)
    assert found.tolist() == pytest.approx([0, 0, 0.4, 1])


def test_a_coarse_label_is_that_of_the_likeliest_class_and_as_sure_as_all_its_members():
    p = torch.tensor([0.4, 0.35, 0.25]).reshape(3, 1, 1)
    labels, confidence = compared(p, np.uint8([0, 1, 1]))
    assert (labels.item(), confidence.item()) == (0, pytest.approx(0.4))
    labels, confidence = compared(p, np.uint8([1, 1, 0]))
    assert (labels.item(), confidence.item()) == (1, pytest.approx(0.75))
    labels, confidence = compared(p, None)
    assert (labels.item(), confidence.item()) == (0, pytest.approx(0.4))


def test_confidence_stays_with_its_labels_in_a_crop_and_is_none_outside():
    labels = np.random.default_rng(0).integers(0, 9, (60, 60)).astype(np.uint8)
    one = Sample("x", np.zeros((60, 60, 3), np.uint8), labels, labels * 20)
    config = replace(PLAIN, scale=(0.5, 0.8), rotation=8.0)
    _, found, sure = random_crop(one, 64, None, config, np.random.default_rng(1))
    outside = found == 255
    assert outside.any()
    assert (sure[outside] == 0).all()
    assert (sure[~outside] == found[~outside] * 20).all()
