"""What cannot be answered is refused in one sentence, by the functions and not by a page alone."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import analysis as a
from analysis.core.progress import finish
from analysis.core.regions import class_region, pixel_region, segment_region
from analysis.core.subject import find_subject
from analysis.faithfulness.infidelity import Squares
from analysis.interventions.tokens import region_tokens
from analysis.receptive_field import (
    effective_fields,
    logit_unit,
    margin_unit,
    receptive_field,
    stage_units,
)
from analysis.representation.block_cka import picture_cka
from analysis.representation.token_similarity import token_similarity
from analysis.rollout import rollout

SIZE = (64, 96)
PIXEL = pixel_region(SIZE, 3, 4)
EMPTY = np.zeros(SIZE, dtype=bool)
INPUT = torch.zeros(1, 3, *SIZE, dtype=torch.float64)
LABELS = np.zeros(SIZE, dtype=np.uint8)
MAP = np.arange(24.0).reshape(4, 6)


def explain(model, x):
    found = finish(a.attribute(model, x, PIXEL, 1, method="hires_cam"))
    return found.map


def score(model, region=PIXEL):
    return a.RegionScore(model, region, 1, score="probability")


def answer(ask):
    found = ask()
    return list(found) if inspect.isgenerator(found) else found


def refused(ask, words: str) -> None:
    with pytest.raises(a.AnalysisError, match=words) as error:
        answer(ask)
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert text.rstrip(".").count(". ") == 0


DAMAGED = {
    "trace": lambda m, p: a.trace(m, p),
    "attribute": lambda m, p: a.attribute(m, p, PIXEL, 1),
    "attribute an input": lambda m, p: a.attribute(m, INPUT, PIXEL, 1, method="layer_cam"),
    "fields": lambda m, p: effective_fields(stage_units(m, {3: (0, 0)}), [INPUT]),
    "field of a margin": lambda m, p: effective_fields(margin_unit(m, (0, 0), 1), [INPUT]),
    "rank_maps": lambda m, p: a.rank_maps(score(m), INPUT, {"a": MAP}),
    "infidelities": lambda m, p: a.infidelities(score(m), INPUT, {"a": MAP}, Squares()),
    "max_sensitivity": lambda m, p: a.max_sensitivity(m, INPUT, explain),
    "parameter_randomisation": lambda m, p: a.parameter_randomisation(m, INPUT, PIXEL, explain),
    "picture_cka": lambda m, p: picture_cka(m, [p] * 4),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_weights_that_are_not_finite(tiny, picture, name):
    def damage(model):
        model.backbone.blocks3[0].mlp.fc1.weight.fill_(torch.nan)

    refused(lambda: DAMAGED[name](tiny(edit=damage), picture()), "not finite")


NOWHERE = {
    "score": lambda t, p, r: score(t.model, r),
    "attribute": lambda t, p, r: a.attribute(t.model, p, r, 1),
    "rollout": lambda t, p, r: rollout(t, r),
    "region_tokens": lambda t, p, r: region_tokens(t, 3, r),
    "hide": lambda t, p, r: a.intervene(t, [a.HideRegion(r)], p),
    "parameter_randomisation": lambda t, p, r: a.parameter_randomisation(
        t.model, INPUT, r, explain
    ),
    "subject": lambda t, p, r: find_subject(
        LABELS, t.model.classes, 0, 0, extent="mask", mask=r
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NOWHERE)
def test_an_empty_region(tiny, picture, name):
    image = picture()
    traced = a.trace(tiny(), image)
    refused(lambda: NOWHERE[name](traced, image, EMPTY), "The region is empty")


OUTSIDE = {
    "token": lambda t: t.grid(3).token_at(96, 0),
    "pixel": lambda t: pixel_region(SIZE, 0, 64),
    "segment": lambda t: segment_region(LABELS, -1, 0),
    "subject": lambda t: find_subject(LABELS, t.model.classes, 96, 0),
    "logit": lambda t: effective_fields(logit_unit(t.model, (64, 0), 1), [INPUT]),
    "margin": lambda t: effective_fields(margin_unit(t.model, (0, 96), 1), [INPUT]),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_pixel_outside_the_picture(tiny, picture, name):
    traced = a.trace(tiny(), picture())
    refused(lambda: OUTSIDE[name](traced), "outside the picture: x runs from 0 to 95, y from 0")


NO_TOKEN = {
    "global": lambda t: a.global_affinity(t, 3, 0, (4, 0)),
    "local": lambda t: a.local_affinity(t, 1, 0, (0, 24)),
    "position": lambda t: a.position_affinity(t, 1, 0, (-1, 0)),
    "jacobian": lambda t: a.token_jacobian(t, 3, 0, (0, 6)),
    "similarity": lambda t: token_similarity(t, 3, (4, 0)),
    "fields": lambda t: effective_fields(stage_units(t.model, {3: (4, 0)}), [INPUT]),
    "theory": lambda t: receptive_field(t.model, SIZE, 3, (4, 0)),
}


@pytest.mark.parametrize("name", NO_TOKEN)
def test_a_token_outside_the_map(tiny, picture, name):
    traced = a.trace(tiny(), picture())
    refused(lambda: NO_TOKEN[name](traced), "There is no token")


SMALL = {
    "score": lambda m, x: score(m)(x),
    "attribute": lambda m, x: a.attribute(m, x, PIXEL, 1),
    "margin": lambda m, x: effective_fields(margin_unit(m, (0, 0), 1), [x]),
    "theory": lambda m, x: receptive_field(m, tuple(x.shape[-2:]), 1, (0, 0)),
}


@pytest.mark.parametrize("name", SMALL)
def test_an_input_without_a_last_token(tiny, name):
    refused(lambda: SMALL[name](tiny(), INPUT[..., :31, :]), "needs sides of 32 pixels, not 31")


@pytest.mark.parametrize("x", [INPUT[0], INPUT[:, :1], INPUT.expand(2, -1, -1, -1)])
def test_an_input_that_is_not_one_picture(tiny, x):
    refused(lambda: a.attribute(tiny(), x, PIXEL, 1), r"one picture \(1, 3, H, W\)")


def test_a_class_that_is_not_there(tiny):
    classes = tiny().classes
    refused(lambda: class_region(LABELS, 4, classes), "No pixel of the picture is labelled")
    refused(lambda: class_region(LABELS, 5, classes), "There is no class 5")


def test_a_map_smaller_than_its_window_is_answered_and_its_padding_told(tiny, picture):
    traced = a.trace(tiny("window", 14), picture())
    row = a.global_affinity(traced, 3, 0, (1, 1))
    assert row.window.padding_tokens == 14 * 14 - 4 * 6
    np.testing.assert_allclose(row.weight.sum((1, 2)) + row.padding_mass, 1)
    profile = finish(a.depth_profile(traced))
    for block in profile.blocks:
        assert np.isfinite(block.heads.distance_picture_px).all()
        assert (block.padding_mass > 0).all() == (block.stage == 3)
