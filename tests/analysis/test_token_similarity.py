from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis import AnalysisError, trace
from analysis.core.progress import finish
from analysis.figures.token_similarity import component_colors
from analysis.questions import QUESTIONS
from analysis.representation.token_similarity import principal_components, token_similarity


@pytest.fixture
def traced(tiny, picture):
    return trace(tiny(), picture())


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_a_token_is_itself_and_alike_both_ways(traced, stage):
    rows, columns = traced.grid(stage).shape
    first, last = (0, 0), (rows - 1, columns - 1)
    one, other = token_similarity(traced, stage, first), token_similarity(traced, stage, last)
    for name in ("raw", "centered"):
        values = getattr(one, name)
        assert values.shape == (rows, columns)
        assert values[first] == pytest.approx(1, abs=1e-12)
        assert np.abs(values).max() <= 1 + 1e-12
        assert values[last] == pytest.approx(getattr(other, name)[first], abs=1e-12)


def test_the_cosine_is_that_of_the_features_and_scale_does_not_count(traced):
    found = token_similarity(traced, 3, (1, 2))
    features = traced.stage_outputs[2][0]
    for values, x in (
        (found.raw, features),
        (found.centered, features - features.mean((1, 2), keepdim=True)),
    ):
        a, b = x[:, 1, 2], x[:, 3, 4]
        assert values[3, 4] == pytest.approx(float(a @ b / (a.norm() * b.norm())), abs=1e-12)


def test_components_are_those_of_a_map_made_from_three_directions():
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(8, 3, generator=generator, dtype=torch.float64))[0]
    made = torch.randn(30, 3, generator=generator, dtype=torch.float64)
    made = torch.linalg.qr(made - made.mean(0))[0] * torch.tensor([3.0, 2.0, 1.0])
    features = (basis @ made.T).reshape(8, 5, 6) + 7
    components, explained = principal_components(features)
    np.testing.assert_allclose(np.abs(components.reshape(30, 3)), made.abs(), atol=1e-10)
    np.testing.assert_allclose(explained, [9 / 14, 4 / 14, 1 / 14], atol=1e-12)


def test_a_map_without_variation_has_no_components_and_is_drawn_grey():
    components, explained = principal_components(torch.ones(4, 3, 3))
    assert not components.any()
    assert not explained.any()
    np.testing.assert_array_equal(component_colors(components), 0.5)


def test_a_token_outside_the_map_is_refused(traced):
    with pytest.raises(AnalysisError):
        token_similarity(traced, 4, (99, 0))


def test_the_answer_sums_up_the_map_by_predicted_class(tiny, picture):
    answer = finish(QUESTIONS["similarity"](tiny(), picture(), x=50, y=20))
    for stage in range(1, 5):
        rows = [row for row in answer.tables["classes"] if row["stage"] == stage]
        assert sum(row["area_share"] for row in rows) == pytest.approx(1)
        mean = sum(row["area_share"] * row["mean_cosine"] for row in rows)
        assert mean == pytest.approx(answer.arrays[f"stage{stage}_centered"].mean(), abs=1e-6)
        cosines = [row["mean_cosine"] for row in rows]
        assert cosines == sorted(cosines, reverse=True)
    figure = answer.figure()
    assert any(axes.get_ylabel() == "cosine" for axes in figure.axes)
    assert answer.grade == "statistic"
