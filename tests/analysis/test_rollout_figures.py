"""Figures of rollout and relevance say what is lost, in which units, and how far to trust them."""

import numpy as np
from matplotlib.text import Text

from analysis import trace
from analysis.core.progress import finish
from analysis.core.regions import pixel_region
from analysis.core.targets import RegionScore
from analysis.figures.rollout import relevance_figure, rollout_figure
from analysis.rollout.agreement import agreement
from analysis.rollout.relevance import relevance
from analysis.rollout.rollout import rollout


def texts(figure):
    figure.draw_without_rendering()
    cells = [
        cell
        for axes in figure.axes
        for table in axes.tables
        for cell in table.properties()["children"]
    ]
    written = [*figure.findobj(Text), *(cell.get_text() for cell in cells)]
    return " | ".join(text.get_text() for text in written)


def test_rollout_shows_map_shares_loss_and_comparison(tiny, picture):
    model, image = tiny("window"), picture()
    traced, region = trace(model, image), pixel_region((64, 96), 40, 20)
    found = rollout(traced, region)
    target = RegionScore(model, region, 1)
    compared = finish(agreement(traced, image, target, {"rollout": found.pixels}, cells=4))
    figure = rollout_figure(found, image, region, agreement=compared)
    words = texts(figure)
    assert f"Lost to the padding of windows: {found.total_lost_mass:.1%}" in words
    for word in (
        "H · heuristic",
        "times the even share",
        "3.1",
        "nearness to the region",
        "24 cells",
    ):
        assert word in words
    first = compared.comparisons[0].correlation
    assert f"{first.spearman:+.2f} ({first.corrected:+.2f}" in words
    bars = [bar.get_height() for bar in figure.axes[1].patches]
    shares = [*np.concatenate(found.affinity_share), *np.concatenate(found.position_share)]
    np.testing.assert_allclose(bars, shares)


def test_relevance_shows_its_seeds_and_says_when_nothing_was_compared(tiny, picture):
    model, image = tiny(), picture()
    traced, region = trace(model, image), pixel_region((64, 96), 40, 20)
    found = relevance(traced, RegionScore(model, region, 1))
    figure = relevance_figure(found, image, region, "sky")
    words = texts(figure)
    assert "What speaks for sky" in words
    assert "Not compared" in words
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    total = sum(seed.sum() for seed in found.seeds)
    np.testing.assert_allclose(heights, [100 * seed.sum() / total for seed in found.seeds])
