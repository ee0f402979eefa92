"""Figures of faithfulness say their grade, their baselines and the areas they show."""

import numpy as np
import pytest

from analysis.faithfulness.deletion_insertion import Curve
from analysis.faithfulness.parameter_randomisation import ParameterRandomisation, ScrambledLevel
from analysis.faithfulness.rank_correlation import NO_CORRELATION, RankCorrelation
from analysis.faithfulness.ranking import Curves, DeletionSettings, RankedMap, Ranking
from analysis.figures.faithfulness import (
    curves_figure,
    parameter_randomisation_figure,
    ranking_figure,
)


def curves(end: float, context: bool = True) -> Curves:
    share = np.linspace(0, 1, 5)
    falling = Curve(share, np.linspace(1, end, 5))
    return Curves(falling, Curve(share, falling.score[::-1]), falling if context else None)


def ranking(maps: int, context: bool = True) -> Ranking:
    names = [f"method {number}" for number in range(maps)]
    rows = tuple(RankedMap(name, *([0.5] * 7), None, None, None) for name in names)
    return Ranking(
        rows=rows,
        curves={name: curves(0.1 * i, context) for i, name in enumerate(names)},
        random=(curves(0.5, context), curves(0.7, context)),
        distance=curves(0.2, context),
        region_share=0.3,
        deletion=DeletionSettings(),
    )


def texts(axes) -> str:
    return " ".join(text.get_text() for text in axes.get_legend().get_texts())


def test_curves_name_both_baselines_and_every_area():
    figure = curves_figure(ranking(2))
    assert "[C · causal" in figure.get_supxlabel()
    assert "squares of 16 pixels of the network's input" in figure.get_supxlabel()
    for axes in figure.axes:
        legend = texts(axes)
        assert legend.count("AUC") == 4
        assert "random order, mean of 2 · AUC 0.800" in legend
        assert "outwards from the region · AUC 0.600" in legend
        assert "method 1 · AUC 0.550" in legend


def test_at_most_as_many_maps_are_drawn_as_there_are_colours():
    assert texts(curves_figure(ranking(9)).axes[0]).count("method") == 6


@pytest.mark.parametrize("draw", [curves_figure, ranking_figure])
def test_a_region_that_is_the_whole_picture_is_drawn_without_a_context(draw, tmp_path):
    figure = draw(ranking(2, context=False))
    figure.savefig(tmp_path / "figure.png", dpi=30)
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert said == ["The region is the whole picture."]


def test_ranking_lists_the_best_map_at_the_top():
    axes = ranking_figure(ranking(3)).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["method 0", "method 1", "method 2"]
    low, high = axes.get_ylim()
    assert low > high
    (dots,) = [line for line in axes.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots.get_xdata(), [0.5, 0.55, 0.6])


def test_parameter_randomisation_draws_its_nulls_and_leaves_gaps_where_there_was_no_map(tmp_path):
    level, other = RankCorrelation(0.6, 0.2, 0.4), RankCorrelation(0.8, 0.2, 0.6)
    check = ParameterRandomisation(
        (
            ScrambledLevel("decoder", (level, other), (level, other)),
            ScrambledLevel("stage 4", (level, level), (NO_CORRELATION, level)),
        ),
        distance_spearman=0.54,
        chance=0.3,
        region_cells=42,
        seed=0,
    )
    figure = parameter_randomisation_figure(check)
    figure.savefig(tmp_path / "figure.png", dpi=30)
    assert "[S · statistic" in figure.get_supxlabel()
    assert "42 cells" in figure.get_supxlabel()
    (axes,) = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(lines["picture"], [1, 0.7, 0.6])  # means of the draws
    np.testing.assert_allclose(lines["picture, envelope taken out"], [1, 0.5, 0.4])
    np.testing.assert_allclose(lines["inside the region, envelope taken out"], [1, 0.5, np.nan])
    bars = axes.collections[0].get_segments()
    np.testing.assert_allclose(bars[0], [[1, 0.6], [1, 0.8]])
    assert "2 draws" in figure.get_supxlabel()
    np.testing.assert_allclose(lines["null: shared envelope alone"], [0.2, 0.2])
    assert 0.54 in lines["null: nearness to the region"]
