"""Figures of attributions: colour bars with units, honest limits, and the words that belong."""

from dataclasses import replace

import numpy as np
import pytest

from analysis import AnalysisError
from analysis.attribution.attribute import Attribution
from analysis.attribution.methods import METHODS, AttributionSettings
from analysis.figures.attribution import attribution_comparison, attribution_figure
from uniformer.classes import numbered_classes

CLASSES = numbered_classes(5)


def found(**changes) -> Attribution:
    region = np.zeros((40, 60), dtype=bool)
    region[5:20, 10:30] = True
    result = Attribution(
        map=np.linspace(-1, 2, 6).reshape(2, 3),
        unit="nats per input pixel",
        signed=True,
        grade="exact",
        method="integrated_gradients",
        stage=None,
        region=region,
        label=2,
        against=None,
        score="margin",
        score_value=1.25,
        baseline_score=-3.5,
        completeness_gap=0.0123,
        points=16,
        note="Look here first.",
        settings=AttributionSettings(),
        seconds=0.1,
    )
    return replace(result, **changes)


@pytest.fixture
def photo(picture):
    return picture(40, 60)


def text_of(figure) -> str:
    texts = [figure.get_suptitle(), figure.get_supxlabel()]
    for axes in figure.axes:
        texts += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
    return " ".join(texts)


def test_a_signed_map_is_drawn_symmetric_with_its_unit_and_completeness(photo):
    figure = attribution_figure(found(), photo, CLASSES)
    image = figure.axes[0].get_images()[-1]
    assert image.get_clim()[0] == -image.get_clim()[1]
    assert image.get_clim()[1] == pytest.approx(np.percentile(np.abs(found().map), 99))
    words = text_of(figure)
    for expected in ("nats per input pixel", "1.2 % off", "1.25 nats", "Look here first.", "exact"):
        assert expected in words
    assert CLASSES.names[2] in words
    assert METHODS["integrated_gradients"].misleads in words


def test_the_picture_under_a_map_is_grey(photo):
    under = attribution_figure(found(), photo, CLASSES).axes[0].get_images()[0].get_array()
    assert (under == under[..., :1]).all()


def test_a_comparison_has_a_panel_a_unit_and_a_grade_for_each_method(photo):
    cam = found(
        method="grad_cam", stage=3, signed=False, grade="heuristic", unit="nats per token",
        completeness_gap=None, baseline_score=None, note=None, against=None,
    )  # fmt: skip
    figure = attribution_comparison([found(), cam, cam, cam], photo, CLASSES)
    words = text_of(figure)
    assert words.count("Grad-CAM, stage 3 [H]") == 3
    assert words.count("nats per token") == 3
    assert "Integrated gradients [E]" in words
    assert "heuristic: check it" in words
    figure.canvas.draw()


@pytest.mark.parametrize("change", [{"label": 3}, {"against": 1}, {"score": "logit"}])
def test_answers_to_different_questions_are_not_compared(photo, change):
    with pytest.raises(AnalysisError, match="one region"):
        attribution_comparison([found(), found(**change)], photo, CLASSES)
    with pytest.raises(AnalysisError, match="at least one"):
        attribution_comparison([], photo, CLASSES)
