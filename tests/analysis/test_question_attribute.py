"""Attribution and faithfulness as questions: the numbers of the functions they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from steps import told

from analysis.attribution.attribute import attribute as attribution
from analysis.attribution.methods import AttributionSettings
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, finish, part_of
from analysis.core.targets import RegionScore
from analysis.faithfulness.lead import lead_over
from analysis.faithfulness.ranking import DeletionSettings, rank_maps
from analysis.faithfulness.region_grid import distance_from
from analysis.questions import QUESTIONS
from analysis.questions.parameters import parameters_of
from uniformer.preprocess import preprocess

MASK = np.zeros((64, 96), dtype=bool)
MASK[8:30, 20:60] = True
PAINTED = {"x": 30, "y": 20, "region": "mask", "label": "1"}


@pytest.mark.parametrize("method", ["integrated-gradients", "layer-cam"])
def test_an_attribution_answer_has_the_map_and_numbers_of_the_method(tiny, picture, method):
    model, photo = tiny(), picture()
    answer = finish(
        QUESTIONS["attribute"](model, photo, MASK, method=method, stage=3, steps=3, **PAINTED)
    )
    found = finish(
        attribution(
            model,
            photo,
            MASK,
            1,
            method=method.replace("-", "_"),
            stage=3,
            settings=AttributionSettings(steps=3),
        )
    )
    np.testing.assert_allclose(answer.arrays["map"], found.map)
    assert answer.numbers["score_value"] == pytest.approx(found.score_value)
    assert answer.numbers["completeness_gap_share"] == found.completeness_gap
    assert answer.numbers["class"] == "class 1"
    assert answer.grade == found.grade
    assert 0 <= answer.numbers["positive_share_in_region"] <= 1
    evidence, distance = np.maximum(found.map, 0), distance_from(MASK, found.map.shape)
    numbers = answer.numbers
    if evidence.any():
        far = np.average(distance, weights=evidence)
        assert numbers["evidence_distance_picture_px"] == pytest.approx(far)
    assert numbers["uniform_evidence_distance_picture_px"] == pytest.approx(distance.mean())
    answer.figure().draw_without_rendering()
    assert answer.settings["parameters"]["method"] == method


@pytest.mark.parametrize("question", ["attributions", "faithfulness"])
def test_maps_that_are_drawn_are_those_of_the_seed_wherever_they_are_asked_for(
    tiny, picture, question
):
    model, photo = tiny(), picture()
    drawn = []
    for seed in (3, 4):
        asked = {"steps": 1, "seed": seed, **PAINTED}
        alone = finish(QUESTIONS["attribute"](model, photo, MASK, method="smooth-grad", **asked))
        steps = QUESTIONS[question](model, photo, MASK, methods="smooth-grad", **asked)
        drawn.append(finish(steps).arrays["smooth-grad"])
        np.testing.assert_allclose(drawn[-1], alone.arrays["map"], rtol=1e-4)
    assert not np.allclose(*drawn)


def test_several_attributions_are_those_of_each_method_and_each_comes_once(tiny, picture):
    model, photo = tiny(), picture()
    methods = "layer-cam, gradient-x-activation,layer-cam"
    steps, answer = told(QUESTIONS["attributions"](model, photo, MASK, methods=methods, **PAINTED))
    assert [step.done / step.total for step in steps] == [0.5, 1]
    assert answer.numbers["methods"] == len(answer.tables["methods"]) == 2
    for method in ("layer_cam", "gradient_x_activation"):
        found = finish(attribution(model, photo, MASK, 1, method=method))
        np.testing.assert_array_equal(answer.arrays[method.replace("_", "-")], found.map)
    assert answer.grade == "heuristic"
    with pytest.raises(AnalysisError, match="no method 'magic'"):
        next(QUESTIONS["attributions"](model, photo, MASK, methods="magic", **PAINTED))


def test_every_method_can_be_chosen_by_its_name():
    choices = {p.name: p.choices for p in parameters_of(QUESTIONS["attribute"])}["method"]
    assert {"integrated-gradients", "occlusion", "grad-cam", "eigen-cam"} <= set(choices)


def test_faithfulness_ranks_as_the_functions_do_and_tells_blank_maps(tiny, picture):
    model, photo = tiny(), picture()
    methods = "gradient-x-activation,eigen-cam"
    answer = finish(
        QUESTIONS["faithfulness"](
            model, photo, MASK, methods=methods, steps=2, noisy=1, show="areas", **PAINTED
        )
    )
    maps = {name: answer.arrays[name] for name in methods.split(",")}
    score = RegionScore(model, MASK, 1, score="probability")
    x = preprocess(photo, 64, 1).double()
    ranking = finish(rank_maps(score, x, maps, deletion=DeletionSettings(steps=2)))
    rows = answer.tables["methods"]
    assert [row["method"] for row in rows] == [row.method for row in ranking.rows]
    for row, wanted in zip(rows, ranking.rows, strict=True):
        assert row["deletion_auc"] == pytest.approx(wanted.deletion_auc)
        assert row["context_against_random"] == pytest.approx(wanted.context_against_random)
        assert 0 <= row["infidelity_unexplained_share"] <= 1
        assert row["max_sensitivity_at_least"] > 0
        assert row["standing"] == wanted.standing
        assert -1 <= row["saco"] <= 1
        assert row["grade"] == "heuristic"
    assert answer.numbers["best_method"] == ranking.rows[0].method
    assert answer.numbers["best_lead_over_second"] == pytest.approx(ranking.lead)
    assert answer.numbers["random_orders"] == 6
    assert f"{ranking.lead:.3f} ahead of" in answer.sentence
    sure, both = (answer.numbers[f"best_{name}"] for name in ("is_sure", "with_both_replacements"))
    low, high = (answer.numbers[f"best_lead_{end}"] for end in ("low", "high"))
    first, other = (maps[row.method] for row in ranking.rows)
    lead = finish(lead_over(score, x, first, other, DeletionSettings(steps=2), ranking.lead))
    assert (low, high) == pytest.approx(lead.interval)
    assert f"95 %: {low:+.3f} to {high:+.3f}" in answer.sentence
    assert sure == (both and low > 0)
    assert ("best cannot be told" in answer.sentence) != sure
    assert "a lower bound" in answer.sentence
    answer.figure().draw_without_rendering()
    assert answer.to_json()


def test_what_favours_integrated_gradients_is_said_and_their_grade_is_that_of_their_map(
    tiny, picture
):
    answer = finish(
        QUESTIONS["faithfulness"](
            tiny(), picture(), MASK, methods="integrated-gradients", steps=1, **PAINTED
        )
    )
    assert "which favours them" in answer.sentence
    found = finish(
        attribution(
            tiny(),
            picture(),
            MASK,
            1,
            method="integrated_gradients",
            settings=AttributionSettings(steps=1),
        )
    )
    assert answer.tables["methods"][0]["grade"] == found.grade


def test_a_method_whose_map_is_blank_is_named_and_the_others_are_ranked(tiny, picture):
    def deaf(model):
        """Let the decoder hear nothing of stage 4."""
        model.neck.lateral_convs[3].conv.weight.zero_()

    model = tiny(edit=deaf)

    def ask(methods):
        return finish(
            QUESTIONS["faithfulness"](model, picture(), MASK, methods=methods, steps=1, **PAINTED)
        )

    answer = ask("gradient-x-activation,eigen-cam")
    assert not answer.arrays["gradient-x-activation"].any()
    assert [row["method"] for row in answer.tables["methods"]] == ["eigen-cam"]
    assert "maps are blank: gradient-x-activation." in answer.sentence
    with pytest.raises(AnalysisError, match="Every map is blank: choose other methods"):
        ask("gradient-x-activation")


def test_the_best_map_can_be_checked_against_scrambled_weights(tiny, picture):
    answer = finish(
        QUESTIONS["faithfulness"](
            tiny(), picture(), MASK, methods="gradient-x-activation", steps=2, show="weights",
            **PAINTED,
        )
    )  # fmt: skip
    assert answer.tables["weights"][0]["scrambled"] == "decoder"
    assert "scrambled" in answer.sentence
    assert {row["draw"] for row in answer.tables["weights"]} == {0, 1, 2}
    last = [
        row["spearman_corrected"]
        for row in answer.tables["weights"]
        if row["scrambled"] == "stage 1"
    ]
    assert answer.numbers["best_scrambled_spearman_corrected"] == pytest.approx(np.mean(last))
    assert f"{np.mean(last):+.2f}" in answer.sentence
    assert f"moved up to {answer.numbers['best_scrambled_chance']:.2f}" in answer.sentence


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"methods": "magic"}, "no method 'magic'"),
        ({"methods": " , "}, "name some"),
        ({"methods": "grad-cam", "x": 999}, "outside the picture"),
    ],
)
def test_faithfulness_refuses_what_makes_no_sense(tiny, picture, question, words):
    with pytest.raises(AnalysisError, match=words):
        finish(QUESTIONS["faithfulness"](tiny(), picture(), **{"x": 3, "y": 3} | question))


def test_the_progress_of_parts_climbs_to_the_end():
    def work():
        yield Progress(1, 2)
        yield Progress(2, 2)
        return "result"

    def both():
        for part in range(2):
            assert (yield from part_of(work(), part, 2)) == "result"

    shares = [step.done / step.total for step in both()]
    assert shares == [0.25, 0.5, 0.75, 1]
