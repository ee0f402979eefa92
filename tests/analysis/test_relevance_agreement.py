"""Agreement of maps with gradient and occlusion, whose cells can be checked one by one."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from steps import told

from analysis import AnalysisError, trace
from analysis.core.progress import Progress, finish
from analysis.core.regions import pixel_region
from analysis.core.targets import RegionScore
from analysis.rollout.agreement import NEARNESS, Agreement, agreement
from uniformer.preprocess import preprocess


def brushed(size=(64, 96)):
    region = np.zeros(size, dtype=bool)
    region[16:40, 30:70] = True
    return region


def network_input(image, short_side=64):
    return preprocess(image, short_side).double()


@torch.no_grad()
def fall_without(target, x, *cell):
    hidden = x.clone()
    hidden[(..., *cell)] = x.mean(dim=(2, 3), keepdim=True)
    return (target(x) - target(hidden)).item()


def compared(model, image, maps, label=1, **settings):
    target = RegionScore(model, brushed(), label)
    steps, result = told(agreement(trace(model, image), image, target, maps, **settings))
    assert isinstance(result, Agreement)
    assert all(isinstance(step, Progress) for step in steps)
    return steps, result


def found(result, name, reference):
    (one,) = (c for c in result.comparisons if (c.map, c.reference) == (name, reference))
    return one


def test_cells_hold_the_fall_of_the_score_and_the_energy_of_its_gradient(tiny, picture):
    model, image = tiny(), picture()
    steps, result = compared(model, image, {}, cells=4)
    target, x = RegionScore(model, brushed(), 1), network_input(image)
    assert (steps[-1].done, steps[-1].total) == (24, 24)
    assert result.cell_px == 16
    assert result.score == pytest.approx(target(x).item(), rel=1e-9)
    fall = fall_without(target, x, slice(16, 32), slice(48, 64))
    assert result.fall[1, 3] == pytest.approx(fall, rel=1e-6)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(target(x).sum(), x)
    energy = gradient[0].square().sum(0)[16:32, 48:64].mean().item()
    assert result.gradient_energy[1, 3] == pytest.approx(energy, rel=1e-9)


def test_a_map_agrees_fully_with_itself_and_a_flat_one_not_at_all(tiny, picture):
    model, image = tiny(), picture()
    _, first = compared(model, image, {}, cells=4)
    maps = {"itself": first.fall, "reversed": -first.fall, "flat": np.ones((4, 6))}
    _, result = compared(model, image, maps, cells=4)
    assert found(result, "itself", "fall").correlation.spearman == pytest.approx(1)
    assert found(result, "itself", "fall").correlation.corrected == pytest.approx(1)
    assert found(result, "reversed", "fall").correlation.spearman == pytest.approx(-1)
    assert np.isnan(found(result, "flat", "fall").correlation.spearman)
    assert np.isnan(found(result, "flat", "fall").chance)
    assert [one.map for one in result.comparisons][-1] == NEARNESS
    assert len(result.comparisons) == 4 * 3


def test_chance_is_that_of_the_map_in_the_wrong_place(tiny, picture):
    values = np.random.default_rng(0).random((4, 6))
    _, result = compared(tiny(), picture(), {"noise": values}, cells=4)
    moved = [
        abs(spearmanr(np.roll(values, step, (0, 1)).ravel(), result.fall.ravel()).statistic)
        for step in np.ndindex(4, 6)
    ]
    one = found(result, "noise", "fall")
    assert abs(one.correlation.spearman) == pytest.approx(moved[0])
    assert one.chance == pytest.approx(np.quantile(moved[1:], 0.95))


def test_answers_are_for_the_reach_traced(tiny, picture):
    model, image = tiny("hybrid"), picture()
    _, wanted = compared(model, image, {}, cells=2)
    traced = trace(model, image)
    model.set_reach("window", 1)
    result = finish(agreement(traced, image, RegionScore(model, brushed(), 1), {}, cells=2))
    model.set_reach("hybrid", 3)
    np.testing.assert_array_equal(result.fall, wanted.fall)
    np.testing.assert_array_equal(result.gradient_energy, wanted.gradient_energy)


def test_cells_at_the_far_edges_may_be_smaller(tiny, picture):
    model, image = tiny(), picture(70, 99)
    target = RegionScore(model, pixel_region((70, 99), 3, 3), 1)
    result = finish(agreement(trace(model, image, short_side=70), image, target, {}, cells=4))
    assert result.cell_px == 17
    assert result.fall.shape == result.gradient_energy.shape == (5, 6)
    x = network_input(image, 70)
    for row, column in ((0, 5), (4, 0), (4, 5)):
        cell = (slice(17 * index, 17 * index + 17) for index in (row, column))
        assert result.fall[row, column] == pytest.approx(fall_without(target, x, *cell), rel=1e-6)


def test_it_can_be_stopped_between_two_steps(tiny, picture):
    model, image = tiny(), picture()
    steps = agreement(trace(model, image), image, RegionScore(model, brushed(), 1), {})
    assert isinstance(next(steps), Progress)
    steps.close()


def test_questions_without_an_answer_are_refused_in_one_sentence(tiny, picture):
    model, image = tiny(), picture()
    traced, target = trace(model, image), RegionScore(model, brushed(), 1)
    other = RegionScore(model, pixel_region((64, 95), 0, 0), 1)
    for picture_, target_, maps, cells, words in (
        (picture(seed=1), target, {}, 4, "not the picture that was traced"),
        (picture(64, 80), target, {}, 4, "not the picture that was traced"),
        (image, other, {}, 4, "another model or picture"),
        (image, target, {}, 1, "2 to 16 cells, not 1"),
        (image, target, {}, 17, "2 to 16 cells, not 17"),
        (image, target, {"mine": np.full((4, 6), np.nan)}, 4, "The mine must be finite"),
    ):
        with pytest.raises(AnalysisError, match=words):
            next(agreement(traced, picture_, target_, maps, cells=cells))
