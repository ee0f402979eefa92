"""Figures of two predictions: what was watched and hidden is marked, every class has its colour."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from analysis import trace
from analysis.core.progress import finish
from analysis.evaluation.label_comparison import compare_labels
from analysis.figures.comparison import comparison_figure
from analysis.figures.what_if import effect_figure
from analysis.interventions import HideRegion
from analysis.interventions.effect import effect_report
from analysis.questions import QUESTIONS


@pytest.fixture
def region():
    found = np.zeros((64, 96), dtype=bool)
    found[10:30, 20:50] = True
    return found


def test_the_watched_region_is_outlined_and_the_hidden_one_hatched(tiny, picture, region):
    image = picture()
    report = effect_report(trace(tiny(), image), [HideRegion(region)], picture=image)
    plain = effect_figure(report)
    assert not any(axes.collections for axes in plain.axes)
    assert "Hatched" not in plain.get_supxlabel()
    marked = effect_figure(report, watched=~region, hidden=region)
    before, after, changed, *_ = marked.axes
    assert len(before.collections) == 1 + len(after.collections)
    assert any(drawn.hatches == ["////"] for drawn in before.collections if drawn.filled)
    assert not changed.collections
    for words in ("Outlined: the region that is watched.", "Hatched: what was hidden."):
        assert words in marked.get_supxlabel()
    marked.draw_without_rendering()


def test_the_question_marks_what_it_hides_and_watches(tiny, picture):
    answer = finish(QUESTIONS["what-if"](tiny(), picture(), kind="hide-region", x=5, y=5, size=10))
    caption = answer.figure().get_supxlabel()
    assert "Outlined" in caption
    assert "Hatched" in caption
    answer = finish(QUESTIONS["what-if"](tiny(), picture(), kind="drop-position"))
    caption = answer.figure().get_supxlabel()
    assert "Outlined" not in caption
    assert "Hatched" not in caption


def test_classes_without_agreement_keep_their_colour_and_divergence_starts_at_0(tiny, picture):
    image = picture()
    found = compare_labels(trace(tiny(), image), trace(tiny("window", 2), image))
    _, _, divergence, bars, *_ = comparison_figure(found, ("one", "other")).axes
    assert divergence.images[0].get_clim()[0] == 0
    rows = found.rows()[:10]
    behind, agreed = bars.patches[: len(rows)], bars.patches[len(rows) :]
    np.testing.assert_allclose([bar.get_width() for bar in agreed], [row["iou"] for row in rows])
    for bar, row in zip(behind, rows, strict=True):
        color = found.classes.colors[found.classes.names.index(row["class"])]
        assert bar.get_width() == 1
        assert bar.get_facecolor()[:3] == to_rgba(color)[:3]
