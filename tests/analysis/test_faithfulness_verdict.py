"""What a trial of maps says in words follows from what it found, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.faithfulness.deletion_insertion import Curve
from analysis.faithfulness.lead import Lead
from analysis.faithfulness.parameter_randomisation import ParameterRandomisation, ScrambledLevel
from analysis.faithfulness.rank_correlation import RankCorrelation
from analysis.faithfulness.ranking import Curves, DeletionSettings, RankedMap, Ranking
from analysis.faithfulness.second_opinion import SecondOpinion
from analysis.questions.faithfulness_verdict import Verdict, sentence

NAMES = ("layer-cam", "occlusion")
CURVES = Curves(Curve(np.array([0, 1]), np.array([1.0, 0.0])), *[Curve(*np.zeros((2, 2)))] * 2)
KNOWN, UNKNOWN = Lead(np.array([0.1, 0.12, 0.09, 0.11])), Lead(np.array([0.3, 0.2, 0.1, -0.3]))


def row(method, insertion, **more):
    told = {
        "context_auc": 0.2, "against_random": 0.1, "against_distance": 0.1, "infidelity": None,
        "context_against_random": 0.1, "context_against_distance": 0.1,
        "standing": "better", "context_standing": "better", **more,
    }  # fmt: skip
    return RankedMap(method, 0.2, insertion, **told)


def verdict(best=None, *, lead=KNOWN, second=NAMES[0], **more):
    """Return one in which the first map leads, and all goes well for it unless told otherwise."""
    rows = row(NAMES[0], 0.8, **(best or {})), row(NAMES[1], 0.7)
    ranking = Ranking(rows, {}, (CURVES,) * 6, CURVES, 0.3, DeletionSettings())
    apart = {name: 0.5 if name == second else 0.4 for name in NAMES}
    told = {
        "maps": {name: np.eye(3) for name in NAMES}, "grades": {}, "salience": {}, "errors": {},
        "moved": {}, "noisy": 0, "check": None, **more,
    }  # fmt: skip
    return Verdict(ranking=ranking, lead=lead, second=SecondOpinion("mean", apart), **told)


@pytest.mark.parametrize(
    ("lead", "second", "sure"),
    [
        (KNOWN, NAMES[0], True),
        (UNKNOWN, NAMES[0], False),
        (KNOWN, NAMES[1], False),
        (UNKNOWN, NAMES[1], False),
    ],
)
def test_a_map_is_surely_the_best_only_with_a_known_lead_and_both_replacements(lead, second, sure):
    found = verdict(lead=lead, second=second)
    assert found.sure == sure
    assert ("cannot be told" in sentence(found)) == (not sure)
    low, high = lead.interval
    assert f"95 %: {low:+.3f} to {high:+.3f}" in sentence(found)


@pytest.mark.parametrize(
    ("best", "words"),
    [
        ({"standing": "worse"}, "Its deletion is worse than that of random orders."),
        ({"standing": "cannot be told apart"}, "Its deletion cannot be told apart from that of"),
        ({"standing": None}, "Its deletion was compared with too few random orders to say."),
        ({"context_standing": "worse"}, "so it may only outline it"),
        ({"context_standing": "cannot be told apart"}, "so it may only outline it"),
        ({"against_distance": 0.0}, "Going outwards from the region lowers the probability as"),
        ({"against_distance": -0.1}, "Going outwards from the region lowers the probability as"),
    ],
)
def test_what_speaks_against_the_best_map_is_said_where_it_was_found_and_only_there(best, words):
    assert words not in sentence(verdict())
    assert words in sentence(verdict(best))
    assert len(sentence(verdict(best))) > len(sentence(verdict()))


def test_nothing_is_outside_a_region_that_is_the_whole_picture():
    whole = {"context_standing": None, "context_auc": np.nan}
    assert sentence(verdict(whole)) == sentence(verdict())


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ((0.01, 0.02, 0.0), "is no more like itself than moved elsewhere"),
        ((0.80, 0.82, 0.81), "so part of it does not come from what was learned"),
        ((0.1, 0.9, 0.5), "it cannot be told"),
        ((np.nan,) * 3, "leaves no map to compare"),
    ],
)
def test_scrambled_weights_are_told_by_how_alike_the_map_stays(kept, words):
    level = tuple(RankCorrelation(one, 0.0, one) for one in kept)
    check = ParameterRandomisation((ScrambledLevel("all", level, level),), 0.1, 0.2, 9, 0)
    text = sentence(verdict(check=check))
    assert words in text
    assert ("95 % of them" in text) == np.isfinite(kept).all()


def test_blank_maps_and_what_is_favoured_are_told():
    maps = {NAMES[0]: np.eye(3), "grad-cam": np.zeros((3, 3)), "integrated-gradients": np.eye(3)}
    text = sentence(verdict(maps=maps))
    assert "Left out, since their maps are blank: grad-cam." in text
    assert "which favours them" in text
    assert "favours" not in sentence(verdict())
    moved = replace(verdict(), moved={NAMES[0]: 0.25}, noisy=3)
    assert "In 3 noisy pictures its map moves by up to 0.25 of its length" in sentence(moved)
