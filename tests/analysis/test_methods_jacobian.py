"""Token Jacobians as a question: norm and energy side by side, for a block and its parts apart."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import QUESTIONS, AnalysisError, finish, trace
from analysis.affinity.jacobian import PARTS, token_jacobian

AT = {"x": 40, "y": 30, "short_side": 64}


def words_of(figure):
    return [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]


def test_the_answer_has_the_norms_of_all_parts_and_how_near_they_are(tiny, picture):
    model, image = tiny(), picture()
    answer = finish(QUESTIONS["jacobian"](model, image, stage=2, **AT))
    traced = trace(model, image, short_side=64)
    rows = answer.tables["parts"]
    assert [row["part"] for row in rows] == list(PARTS)
    for row in rows:
        direct = token_jacobian(traced, 2, 0, (3, 5), row["part"])
        np.testing.assert_array_equal(answer.arrays[f"{row['part']}_norm"], direct.norm)
        assert row["tokens"] == direct.support.sum()
        assert row["self_share"] == direct.self_share
        assert row["mass_3x3"] == direct.others_by_norm.mass_3x3[0]
        assert row["energy_mass_3x3"] == direct.others_by_energy.mass_3x3[0]
    assert rows[2]["mass_3x3"] == pytest.approx(1)
    near = rows[0]["mass_5x5"], rows[0]["energy_mass_5x5"]
    assert near[0] < near[1]
    figure = answer.figure()
    text = words_of(figure)[0]
    assert f"{near[0]:.0%} by norm, {near[1]:.0%} by energy" in text
    assert "log10 of the share among other tokens" in [a.get_ylabel() for a in figure.axes]
    assert "E · exact" in figure.get_supxlabel()


def test_the_query_and_what_cannot_move_it_are_left_clear(tiny, picture):
    answer = finish(QUESTIONS["jacobian"](tiny(), picture(), stage=1, **AT))
    drawn = [axes.images[-1].get_array() for axes in answer.figure().axes if axes.get_xlabel()]
    for values, side in zip(drawn, (7, 5, 3), strict=True):
        assert values.mask[7, 10]
        assert (~values.mask).sum() == side**2 - 1
        assert (10 ** values.compressed()).sum() == pytest.approx(1)


def test_a_window_of_one_token_has_no_others(tiny, picture):
    model = tiny("window", 1)
    traced = trace(model, picture())
    alone = token_jacobian(traced, 3, 0, (2, 2), "affinity")
    assert alone.self_share == 1
    assert np.isnan(alone.others_by_norm.distance_picture_px).all()
    assert np.isnan(alone.others_by_energy.mass_3x3).all()
    figure = finish(QUESTIONS["jacobian"](model, picture(), stage=3, **AT)).figure()
    assert words_of(figure)[1] == "no other token moves it"


def test_blocks_that_do_not_exist_are_refused(tiny, picture):
    with pytest.raises(AnalysisError, match="no block 9 in stage 3"):
        finish(QUESTIONS["jacobian"](tiny(), picture(), block=9, **AT))
    with pytest.raises(AnalysisError, match="no stage 5"):
        finish(QUESTIONS["jacobian"](tiny(), picture(), stage=5, **AT))
