"""Deletion and insertion curves with known areas, and the ranking made of them."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from steps import told

from analysis import AnalysisError
from analysis.core.progress import Progress, finish, relay
from analysis.core.targets import RegionScore
from analysis.faithfulness.deletion_insertion import (
    Curve,
    deletion_order,
    exchange_curve,
    replacement_of,
)
from analysis.faithfulness.ranking import DeletionSettings, Ranking, rank_maps
from analysis.faithfulness.second_opinion import (
    SecondOpinion,
    coefficient,
    salience_coefficients,
    second_opinion,
)
from uniformer.preprocess import preprocess

SIZE = (40, 60)
PIXELS = 40 * 60


class Additive:
    """A score that is a sum over pixels, 1 for the picture and 0 for its mean colour.

    ``parts`` (h, w), which sum to 1, are what the pixels contribute.
    """

    score = "probability"

    def __init__(self, parts: np.ndarray, region: np.ndarray) -> None:
        torch.manual_seed(0)
        self.region = region
        self.x = torch.randn(1, 3, *parts.shape, dtype=torch.float64)
        parts = torch.from_numpy(parts)
        self.weights = parts / (self.x - replacement_of(self.x, "mean"))[0, 0]
        self.offset = (self.weights * replacement_of(self.x, "mean")[0, 0]).sum()
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return (self.weights * x[:, 0]).sum(dim=(1, 2)) - self.offset


def ramp(seed=0):
    """Contributions 1/2, 3/2, ... in random places, normed to the sum 1."""
    values = np.random.default_rng(seed).permutation(PIXELS).reshape(SIZE) + 0.5
    return values / values.sum()


def somewhere():
    region = np.zeros(SIZE, dtype=bool)
    region[8:24, 16:48] = True
    return region


def deletion(parts, importance, *, steps=20, seed=0, cell_px=1, batch_size=4, insert=False):
    model = Additive(parts, somewhere())
    ends = model.x, replacement_of(model.x, "mean")
    order = deletion_order(importance, np.ones(SIZE, dtype=bool), cell_px=cell_px, seed=seed)
    return finish(
        exchange_curve(
            model, *(ends[::-1] if insert else ends), order, steps=steps, batch_size=batch_size
        )
    )


@pytest.mark.parametrize(("scores", "auc"), [([1, 0.5, 0], 0.5), ([1, 1, 0], 0.75), ([0, 1], 0.5)])
def test_area_is_that_of_the_trapezoids(scores, auc):
    share = np.linspace(0, 1, len(scores))
    assert Curve(share, np.array(scores, dtype=float)).auc == auc


def test_best_order_of_an_additive_model_has_the_area_of_theory():
    # After a share q of the largest contributions has gone, (1 - q)^2 is left; the second term is
    # the error of 20 trapezoids.
    curve = deletion(ramp(), ramp())
    np.testing.assert_allclose(curve.score, (1 - curve.share) ** 2, atol=1e-10)
    assert curve.auc == pytest.approx(1 / 3 + 1 / (6 * 20**2))


def test_best_and_worst_areas_of_an_additive_model_sum_to_one():
    best, worst = (deletion(ramp(), sign * ramp()).auc for sign in (1, -1))
    assert best < 0.5 < worst
    assert best + worst == pytest.approx(1)


def test_random_orders_of_an_additive_model_have_area_one_half():
    areas = [deletion(ramp(), np.zeros(SIZE), seed=seed).auc for seed in range(30)]
    assert np.mean(areas) == pytest.approx(0.5, abs=3 * np.std(areas) / math.sqrt(30))
    assert np.std(areas) > 0


def test_insertion_is_deletion_in_the_opposite_order_backwards():
    importance = np.random.default_rng(1).random(SIZE)
    inserted = deletion(ramp(), importance, insert=True)
    np.testing.assert_allclose(
        inserted.score, deletion(ramp(), -importance).score[::-1], atol=1e-10
    )


def test_curve_of_a_model_that_ignores_the_picture_is_flat():
    x = torch.zeros(1, 3, *SIZE)
    order = deletion_order(ramp(), np.ones(SIZE, dtype=bool), cell_px=1, seed=0)
    curve = finish(
        exchange_curve(lambda x: torch.full((len(x),), 0.7), x, x + 1, order, steps=5, batch_size=2)
    )
    np.testing.assert_allclose(curve.score, 0.7)
    assert curve.auc == pytest.approx(0.7)


def test_squares_go_whole_by_their_mean_and_each_pixel_once():
    importance = np.random.default_rng(0).random(SIZE)
    order = deletion_order(importance, np.ones(SIZE, dtype=bool), cell_px=10, seed=0)
    assert sorted(order) == list(range(PIXELS))
    squares = importance.reshape(4, 10, 6, 10).mean(axis=(1, 3)).ravel()
    places = (order // 60 // 10) * 6 + order % 60 // 10
    np.testing.assert_array_equal(places, np.argsort(-squares).repeat(100))


def test_order_outside_a_region_has_no_pixel_of_it_and_ignores_what_it_holds():
    outside = ~somewhere()
    importance = np.random.default_rng(0).random(SIZE)
    order = deletion_order(importance, outside, cell_px=7, seed=0)
    assert sorted(order) == list(np.flatnonzero(outside))
    changed = np.where(outside, importance, 1e6)
    np.testing.assert_array_equal(order, deletion_order(changed, outside, cell_px=7, seed=0))


def test_ties_are_broken_by_the_seed_and_by_nothing_else():
    def order(seed):
        return deletion_order(np.zeros(SIZE), np.ones(SIZE, dtype=bool), cell_px=10, seed=seed)

    np.testing.assert_array_equal(order(3), order(3))
    assert (order(3) != order(4)).any()


def test_mean_replacement_is_one_colour_and_blur_keeps_a_flat_picture():
    x = torch.randn(1, 3, *SIZE, dtype=torch.float64)
    mean = replacement_of(x, "mean")
    torch.testing.assert_close(mean[0, :, 5, 7], x[0].mean(dim=(1, 2)))
    assert (mean == mean[..., :1, :1]).all()
    blurred = replacement_of(x, "blur")
    assert blurred.std() < 0.3 * x.std()
    torch.testing.assert_close(replacement_of(mean, "blur"), mean)


def ranked(parts, maps, region=None, **settings):
    score = Additive(parts, somewhere() if region is None else region)
    deletion = DeletionSettings(**{"replacement": "mean", "cell_px": 1, **settings})
    return finish(rank_maps(score, score.x, maps, deletion=deletion))


def test_ranking_puts_the_true_contributions_first_and_their_opposite_last():
    parts = ramp()
    noise = np.random.default_rng(7).random(SIZE)
    maps = {"noise": noise, "worst": -parts, "best": parts}
    ranking = ranked(parts, maps, repeats=20)
    assert [row.method for row in ranking.rows] == ["best", "noise", "worst"]
    best, _, worst = ranking.rows
    assert best.against_random > 0.1
    assert best.against_distance > 0.1
    assert worst.against_random < -0.1
    assert worst.context_against_random < -0.1
    assert best.context_against_random > 0.1
    assert best.context_against_distance > 0.1
    assert best.separation == pytest.approx(1 - 2 * best.deletion_auc)
    assert ranking.curves["best"].deletion.auc == best.deletion_auc
    assert ranking.region_share == pytest.approx(somewhere().mean())


def test_only_what_leaves_the_spread_of_random_orders_is_better_or_worse_than_chance():
    parts = ramp(seed=77)  # no random order is that of the parts
    maps = {"best": parts, "worst": -parts}
    maps |= {f"noise {seed}": np.random.default_rng(seed).random(SIZE) for seed in range(12)}
    found = {row.method: row for row in ranked(parts, maps).rows}
    assert (found["best"].standing, found["best"].context_standing) == ("better", "better")
    assert (found["worst"].standing, found["worst"].context_standing) == ("worse", "worse")
    told_apart = [
        row for name, row in found.items() if "noise" in name and "not" not in row.standing
    ]
    assert len(told_apart) <= 2  # 5 % of 12, and room for chance
    assert ranked(parts, {"best": parts}, repeats=2).rows[0].standing is None
    ranking = ranked(parts, {"best": parts, "worst": -parts})
    assert ranking.lead == ranking.rows[0].separation - ranking.rows[1].separation
    assert math.isnan(ranked(parts, {"best": parts}).lead)


def test_the_second_opinion_is_the_separation_with_the_other_replacement():
    parts, score = ramp(), Additive(ramp(), somewhere())
    maps = {"best": parts, "worst": -parts, "noise": np.random.default_rng(1).random(SIZE)}
    deletion = DeletionSettings("blur", cell_px=1, steps=5)
    found = finish(second_opinion(score, score.x, maps, deletion))
    assert found.replacement == "mean"
    wanted = finish(
        rank_maps(score, score.x, maps, deletion=DeletionSettings("mean", cell_px=1, steps=5))
    )
    for row in wanted.rows:
        assert found.separations[row.method] == pytest.approx(row.separation)
    assert found.best == "best"
    assert found.agreement(wanted) == 1
    opposite = {name: -value for name, value in found.separations.items()}
    assert SecondOpinion("blur", opposite).agreement(wanted) == -1


def test_salience_that_orders_what_parts_are_worth_has_a_coefficient_of_one():
    worth = np.array([5.0, 3.0, 2.0, 0.0])
    assert coefficient(worth, worth) == 1
    assert coefficient(-worth, worth) == -1
    # Of six pairs, weighed 2 3 5 1 3 2, the one between the first two (2) is wrong.
    assert coefficient(worth, np.array([3.0, 5.0, 2.0, 0.0])) == pytest.approx((16 - 4) / 16)
    assert math.isnan(coefficient(np.ones(4), worth))


def test_coefficients_of_maps_are_those_of_their_equal_parts():
    parts, score = ramp(), Additive(ramp(), somewhere())
    maps = {"best": parts, "worst": -parts, "noise": np.random.default_rng(1).random(SIZE)}
    steps, found = told(
        salience_coefficients(score, score.x, maps, DeletionSettings("mean", cell_px=1))
    )
    assert steps[-1] == Progress(30, 30)
    assert found["best"] == pytest.approx(1)
    assert found["worst"] == pytest.approx(-1)
    assert abs(found["noise"]) < 0.8


def test_random_baseline_separates_nothing():
    for curves in ranked(ramp(), {"a": ramp()}).random:
        assert curves.insertion.auc == pytest.approx(curves.deletion.auc)


def test_random_baseline_is_the_same_whichever_maps_are_ranked():
    parts = ramp()
    few, many = ranked(parts, {"a": parts}), ranked(parts, {"b": -parts, "a": parts, "c": parts**2})
    for one, other in zip(few.random, many.random, strict=True):
        np.testing.assert_array_equal(one.deletion.score, other.deletion.score)
        np.testing.assert_array_equal(one.context.score, other.context.score)
    scores = {tuple(one.deletion.score) for one in few.random}
    assert len(scores) == len(few.random)
    assert few.rows[0] == next(row for row in many.rows if row.method == "a")


def test_distance_order_is_best_when_only_the_region_counts_and_context_is_then_flat():
    region = somewhere()
    ranking = ranked(region / region.sum(), {"outline": region.astype(float)})
    (row,) = ranking.rows
    gone = np.minimum(np.linspace(0, 1, 21) / region.mean(), 1)
    np.testing.assert_allclose(ranking.distance.deletion.score, 1 - gone, atol=2e-3)
    assert row.against_distance == pytest.approx(0, abs=2e-3)
    assert row.context_auc == pytest.approx(1)


def test_context_falls_when_only_the_surroundings_count():
    around = ~somewhere()
    parts = around / around.sum()
    (row,) = ranked(parts, {"around": parts}).rows
    assert row.context_auc == pytest.approx(0.5, abs=1e-3)


def test_region_that_is_everything_has_no_context():
    ranking = ranked(ramp(), {"a": ramp()}, region=np.ones(SIZE, dtype=bool))
    assert ranking.distance.context is None
    assert math.isnan(ranking.rows[0].context_auc)


def test_infidelity_only_fills_its_column():
    score = Additive(ramp(), somewhere())
    ranking = finish(
        rank_maps(score, score.x, {"a": ramp(), "b": -ramp()}, infidelities={"a": 0.2})
    )
    assert {row.method: row.infidelity for row in ranking.rows} == {"a": 0.2, "b": None}


@pytest.fixture
def scored(tiny, picture):
    """A watched model's probability of a region, and the network's input."""
    model = tiny()
    score = RegionScore(model, np.pad(np.ones((24, 24), bool), 20)[:, :96], 1, score="probability")
    return score, preprocess(picture(), 64).double()


SMALL = DeletionSettings(steps=3, repeats=1, batch_size=2)


def test_every_forward_pass_is_counted_and_the_caller_keeps_its_gradients(scored):
    score, x = scored
    score = RegionScore(score.model, np.ones((64, 96), bool), 1, score="probability")
    progress = []

    def noted(step):
        assert torch.is_grad_enabled()
        progress.append(step)

    maps = {"a": np.random.default_rng(0).random((4, 6))}
    assert isinstance(finish(relay(rank_maps(score, x, maps, deletion=SMALL), noted)), Ranking)
    assert progress[-1].done == progress[-1].total == 4 * (2 + 2 + 1)
    assert [item.done for item in progress] == sorted(item.done for item in progress)


def test_batches_change_nothing_and_probabilities_stay_in_their_range(scored):
    score, x = scored
    maps = {"a": np.random.default_rng(0).random((4, 6))}
    one, three = (
        finish(
            rank_maps(
                score, x, maps, deletion=DeletionSettings(steps=4, repeats=1, batch_size=size)
            )
        )
        for size in (1, 3)
    )
    for name in ("deletion", "insertion", "context"):
        curve, other = (getattr(found.curves["a"], name).score for found in (one, three))
        np.testing.assert_allclose(curve, other, atol=1e-12)
        assert ((curve >= 0) & (curve <= 1)).all()
    with torch.no_grad():
        assert one.curves["a"].deletion.score[0] == pytest.approx(score(x).item())
        assert one.curves["a"].insertion.score[-1] == pytest.approx(score(x).item())


def test_closing_the_generator_stops_the_work():
    score = Additive(ramp(), somewhere())
    run = rank_maps(score, score.x, {"a": ramp()}, deletion=SMALL)
    next(run)
    run.close()
    assert score.calls == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda score, x: rank_maps(score, x, {}), "nothing to rank"),
        (lambda score, x: rank_maps(score, x, {"CAM": np.ones((4, 6))}), "CAM is the same"),
        (lambda score, x: rank_maps(score, x, {"CAM": np.full((4, 6), np.nan)}), "CAM must be"),
        (lambda score, x: rank_maps(score, x, {"CAM": np.ones(6)}), "rows and columns"),
        (
            lambda score, x: rank_maps(SimpleNamespace(score="margin"), x, {"a": ramp()}),
            "use probability",
        ),
        (lambda score, x: iter([replacement_of(x, "black")]), "blur or mean"),
        (lambda score, x: iter([DeletionSettings(steps=0)]), "at least 1"),
    ],
)
def test_a_comparison_that_means_nothing_is_refused_in_one_sentence(scored, call, words):
    with pytest.raises(AnalysisError, match=words) as error:
        list(call(*scored))
    assert str(error.value).count(".") <= 2


def test_damaged_weights_are_refused(tiny, picture):
    def damage(model):
        next(model.decode_head.parameters()).fill_(float("nan"))

    model = tiny(edit=damage)
    score = RegionScore(model, np.ones((64, 96), bool), 1, score="probability")
    with pytest.raises(AnalysisError, match="not finite"):
        list(rank_maps(score, preprocess(picture(), 64).double(), {"a": np.eye(4, 6)}))
