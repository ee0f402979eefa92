"""Scrambled weights and the likeness of maps beyond their envelope."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from steps import told

from analysis import AnalysisError
from analysis.core.progress import Progress, finish
from analysis.core.targets import RegionScore
from analysis.core.uncertainty import FEWEST
from analysis.faithfulness.parameter_randomisation import (
    SCRAMBLES,
    ParameterRandomisation,
    ScrambledLevel,
    parameter_randomisation,
)
from analysis.faithfulness.rank_correlation import RankCorrelation, rank_correlation
from analysis.faithfulness.region_grid import signed_distance
from uniformer.preprocess import preprocess

NAMES = ("decoder", "stage 4", "stage 3", "stage 2", "stage 1")


def region_of(size):
    region = np.zeros(size, dtype=bool)
    region[20:44, 30:70] = True
    return region


def gradient(model, x):
    x = x.clone().requires_grad_()
    score = RegionScore(model, region_of((64, 96)), 1)
    return torch.autograd.grad(score(x).sum(), x)[0][0].abs().sum(0).numpy()


def edges(model, x):
    return np.hypot(*np.gradient(x[0].mean(0).numpy()))


@pytest.fixture
def x(picture):
    return preprocess(picture(), 64).double()


def faded(seed, distance):
    """Noise under an envelope that falls with the distance, as the maps for one region."""
    noise = np.random.default_rng(seed).random(distance.shape)
    return noise * np.exp(-distance / 20)


def test_likeness_is_spearman_and_splits_into_envelope_and_rest():
    distance = signed_distance(region_of((64, 96)))
    a, b = faded(0, distance), faded(1, distance) + 0.3 * faded(0, distance)
    found = rank_correlation(a, b, distance)
    assert found.spearman == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic)
    assert found.envelope < found.spearman < 1
    assert 0 < found.corrected < 1


def test_a_shared_envelope_looks_alike_until_it_is_taken_out():
    distance = signed_distance(region_of((64, 96)))
    found = [rank_correlation(faded(2 * i, distance), faded(2 * i + 1, distance), distance)
             for i in range(5)]  # fmt: skip
    assert min(one.spearman for one in found) > 0.25
    assert max(abs(one.spearman - one.envelope) for one in found) < 0.03
    assert max(abs(one.corrected) for one in found) < 0.05


def test_envelope_is_what_is_left_after_shuffling_within_rings():
    # Four distances make four rings, so a shuffle within rings can be done by hand.
    distance = np.repeat([-1.0, 1.0, 2.0, 3.0], 250).reshape(40, 25)
    a, b = faded(0, 10 * distance), faded(0, 10 * distance) + faded(1, 10 * distance)
    rng = np.random.default_rng(0)
    shuffled = [
        spearmanr(a.ravel(), rng.permuted(b.reshape(4, 250), axis=1).ravel()).statistic
        for _ in range(40)
    ]
    found = rank_correlation(a, b, distance)
    assert found.spearman > found.envelope + 0.05
    assert np.mean(shuffled) == pytest.approx(found.envelope, abs=0.01)


def test_a_map_that_is_only_nearness_has_no_likeness_besides():
    distance = signed_distance(region_of((64, 96)))
    found = rank_correlation(faded(0, distance), -distance, distance)
    assert found.spearman > 0.5
    assert abs(found.corrected) < 0.15


@pytest.mark.parametrize("sign", [1, -1])
def test_a_map_and_itself_are_alike_in_every_respect(sign):
    distance = signed_distance(region_of((64, 96)))
    found = rank_correlation(faded(0, distance), sign * faded(0, distance), distance)
    assert found.spearman == pytest.approx(sign)
    assert found.corrected == pytest.approx(sign)


def test_likeness_of_too_little_is_not_a_number():
    few = np.array([1.0, 2.0])
    assert np.isnan(rank_correlation(few, few, few).spearman)
    blank, ramp = np.ones(50), np.arange(50.0)
    assert np.isnan(rank_correlation(blank, ramp, ramp).corrected)
    assert np.isnan(rank_correlation(ramp * np.nan, ramp, ramp).spearman)


def test_an_edge_detector_fails(tiny, x):
    check = finish(parameter_randomisation(tiny(), x, region_of((64, 96)), edges))
    assert tuple(level.name for level in check.levels) == NAMES
    for level in check.levels:
        assert len(level.pictures) == len(level.regions) == SCRAMBLES >= FEWEST
        assert [one.spearman for one in level.pictures] == pytest.approx([1] * SCRAMBLES)
        assert [one.corrected for one in level.regions] == pytest.approx([1] * SCRAMBLES)
    assert check.standing == "kept"
    assert check.chance < 0.1  # of edges of noise, moved


def test_a_gradient_changes_with_the_weights(tiny, x):
    check = finish(parameter_randomisation(tiny(), x, region_of((64, 96)), gradient))
    last_level = [one.corrected for one in check.levels[-1].pictures]
    assert len(set(last_level)) == SCRAMBLES  # every draw is another
    assert max(last_level) < 0.5
    assert (check.kept.mean, check.region_cells) == (pytest.approx(np.mean(last_level)), 24 * 40)


def test_what_is_kept_is_told_by_the_spread_of_draws_and_by_what_chance_gives():
    def standing(corrected, chance):
        likeness = tuple(RankCorrelation(value, 0.0, value) for value in corrected)
        level = ScrambledLevel("stage 1", likeness, likeness)
        return ParameterRandomisation((level,), 0.0, chance, 9, 0).standing

    assert standing([0.6, 0.62, 0.61], 0.3) == "kept"
    assert standing([0.1, 0.12, 0.11], 0.3) == "lost"
    assert standing([0.2, 0.5, 0.4], 0.3) == "cannot be told"
    assert standing([0.6, 0.62, 0.61], 0.9) == "lost"
    assert standing([0.6, np.nan, 0.61], 0.3) is None


def test_chance_is_what_moving_the_map_leaves(tiny, x):
    smooth = np.add.outer(np.sin(np.arange(64) / 9), np.cos(np.arange(96) / 11))
    rough = np.random.default_rng(0).random((64, 96))
    chances = [
        finish(parameter_randomisation(tiny(), x, region_of((64, 96)), explain)).chance
        for explain in (lambda model, x: smooth, lambda model, x: rough)
    ]
    assert chances[1] < 0.05 < 0.3 < chances[0] < 1


def test_a_map_of_the_distance_is_unmasked_by_the_null(tiny, x):
    """Nothing but nearness keeps a correlation of 1, and the null says that nearness is all."""
    nearness = -signed_distance(region_of((64, 96)))
    check = finish(
        parameter_randomisation(tiny(), x, region_of((64, 96)), lambda model, x: nearness)
    )
    assert check.distance_spearman == pytest.approx(1)
    assert check.levels[-1].pictures[0].envelope > 0.95
    assert check.standing != "lost"


def test_scrambling_is_cumulative_from_the_output_down_and_keeps_the_values(tiny, x):
    seen = []

    def explain(model, x):
        seen.append({name: p.detach().clone() for name, p in model.named_parameters()})
        return np.random.default_rng(len(seen)).random((4, 6))

    list(parameter_randomisation(tiny(), x, region_of((64, 96)), explain))
    original, *scrambled = seen
    assert len(scrambled) == SCRAMBLES * len(NAMES)
    again = scrambled[len(NAMES) :]
    name = "decode_head.conv_seg.weight"
    assert not torch.equal(again[0][name], scrambled[0][name])
    scrambled = scrambled[: len(NAMES)]
    parts = {
        "stage 1": "1.", "stage 2": "2.", "stage 3": "3.", "stage 4": "4.",
    }  # fmt: skip

    def level_of(name):
        if not name.startswith("backbone."):
            return 0
        digit = int(name.split(".")[1][-1])
        return NAMES.index(next(key for key, end in parts.items() if end == f"{digit}."))

    for reached, weights in enumerate(scrambled):
        for name, values in weights.items():
            assert torch.equal(values.flatten().sort()[0], original[name].flatten().sort()[0])
            if level_of(name) > reached:
                assert torch.equal(values, original[name]), name
            elif values.unique().numel() > 10:
                assert not torch.equal(values, original[name]), name


def test_the_seed_decides_and_the_global_random_state_is_left_alone(tiny, x):
    model, region = tiny(), region_of((64, 96))
    before = torch.get_rng_state()
    runs = [
        finish(parameter_randomisation(model, x, region, gradient, seed=seed)) for seed in (1, 1, 2)
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert runs[0] == runs[1]
    assert runs[0].levels != runs[2].levels


def test_a_copy_without_a_map_has_no_likeness_and_counts_as_changed(tiny, x):
    model = tiny()

    def explain(asked, x):
        if asked is not model:
            raise AnalysisError("The class map is blank.")
        return np.random.default_rng(0).random((4, 6))

    check = finish(parameter_randomisation(model, x, region_of((64, 96)), explain))
    assert np.isnan([one.corrected for one in check.levels[-1].pictures]).all()
    assert check.standing is None


def test_every_explanation_is_counted_and_closing_stops(tiny, x):
    calls = []

    def explain(model, x):
        calls.append(model)
        return np.random.default_rng(0).random((4, 6))

    steps, found = told(parameter_randomisation(tiny(), x, region_of((64, 96)), explain))
    total = 1 + 5 * SCRAMBLES
    assert steps == [Progress(done, total) for done in range(1, total + 1)]
    assert isinstance(found, ParameterRandomisation)
    assert len(calls) == total
    run = parameter_randomisation(tiny(), x, region_of((64, 96)), explain)
    next(run)
    run.close()
    assert len(calls) == total + 1


@pytest.mark.parametrize(
    ("region", "explain", "words"),
    [
        (np.zeros((64, 96), dtype=bool), edges, "empty"),
        (np.ones((64, 96)), edges, "boolean"),
        (np.ones((64, 96), dtype=bool), lambda model, x: np.ones((4, 6)), "not all the same"),
        (np.ones((64, 96), dtype=bool), lambda model, x: np.full((4, 6), np.nan), "finite"),
    ],
)
def test_a_check_of_nothing_is_refused_in_one_sentence(tiny, x, region, explain, words):
    with pytest.raises(AnalysisError, match=words) as error:
        list(parameter_randomisation(tiny(), x, region, explain))
    assert str(error.value).count(".") <= 2


def test_a_model_in_training_mode_is_refused(tiny, x):
    model = tiny(edit=lambda model: model.train())
    with pytest.raises(AnalysisError, match=r"model\.eval"):
        list(parameter_randomisation(model, x, region_of((64, 96)), edges))
