"""Every analysis, by name: the model stays as it was, threads that share it do not meet.

None of them runs the model's own attention, which forms the matrix of all pairs of tokens.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import analysis as a
from analysis.attribution import METHODS, AttributionSettings
from analysis.core.progress import finish
from analysis.evaluation.label_comparison import compare_labels
from analysis.faithfulness.infidelity import Squares
from analysis.faithfulness.ranking import DeletionSettings
from analysis.receptive_field import effective_fields, logit_unit, margin_unit, stage_units
from analysis.receptive_field.networks import uniformer_network
from analysis.representation.block_cka import token_cka
from analysis.representation.query_redundancy import query_redundancy
from analysis.representation.survey import survey
from analysis.representation.token_similarity import token_similarity
from analysis.rollout import rollout
from uniformer.attention import Attention
from uniformer.preprocess import preprocess

SIZE = (64, 96)
REGION = np.zeros(SIZE, dtype=bool)
REGION[20:40, 10:50] = True
TOKENS = {1: (3, 4), 2: (3, 4), 3: (2, 4), 4: (1, 1)}
QUICK = AttributionSettings(steps=2, samples=2, window_px=64, stride_px=64)
CELLS = np.arange(24.0).reshape(4, 6)


def ask(method):
    return lambda m, p, x, t: a.attribute(m, p, REGION, 2, method=method, settings=QUICK)


def explain(model, x):
    found = finish(a.attribute(model, x, REGION, 2, method="hires_cam", stage=3))
    return found.map


def margin(model):
    return a.RegionScore(model, REGION, 2)


def probability(model):
    return a.RegionScore(model, REGION, 2, score="probability")


def changed(*interventions):
    return lambda m, p, x, t: a.effect_report(t, interventions, target=margin(m), picture=p)


ANALYSES = {
    "trace": lambda m, p, x, t: a.trace(m, p).logits,
    "labels": lambda m, p, x, t: t.labels,
    "global affinity": lambda m, p, x, t: a.global_affinity(t, 3, 0, (3, 5)),
    "local affinity": lambda m, p, x, t: a.local_affinity(t, 1, 0, (3, 5)),
    "position affinity": lambda m, p, x, t: a.position_affinity(t, 4, 0, (1, 2)),
    "in-degree": lambda m, p, x, t: a.in_degree(t, 3, 0),
    "token jacobian": lambda m, p, x, t: a.token_jacobian(t, 3, 0, (3, 5)),
    "profile": lambda m, p, x, t: a.profile_with_nulls(t, p),
    "rollout": lambda m, p, x, t: rollout(t, REGION),
    "relevance": lambda m, p, x, t: a.relevance(t, margin(m)),
    "agreement": lambda m, p, x, t: a.agreement(t, p, margin(m), {"map": CELLS}, cells=2),
    "stage fields": lambda m, p, x, t: effective_fields(stage_units(m, TOKENS), [x]),
    "logit field": lambda m, p, x, t: effective_fields(logit_unit(m, (3, 4), 2), [x]),
    "margin field": lambda m, p, x, t: effective_fields(margin_unit(m, (3, 4), 2), [x]),
    "fields": lambda m, p, x, t: a.compare_fields([uniformer_network(m, SIZE, "local")], [x]),
    **{f"attribution: {method}": ask(method) for method in METHODS},
    "ranking": lambda m, p, x, t: a.rank_maps(
        probability(m), x, {"map": CELLS}, deletion=DeletionSettings(steps=1, repeats=1)
    ),
    "infidelity": lambda m, p, x, t: a.infidelities(
        margin(m), x, {"map": CELLS}, Squares(), samples=2
    ),
    "max-sensitivity": lambda m, p, x, t: a.max_sensitivity(m, x, explain, samples=1),
    "weight check": lambda m, p, x, t: a.parameter_randomisation(m, x, REGION, explain),
    "window": changed(a.SetWindow(3, None, 2)),
    "neighbourhood": changed(a.Neighbourhood(3, None, 1)),
    "head gate": changed(a.HeadGate(4, 0, 1)),
    "position encoding": changed(a.PositionEncoding(3, None, "off")),
    "local kernel": changed(a.LocalKernel(1, None, "centre")),
    "drop block": changed(a.DropBlock(2, 0)),
    "hide region": changed(a.HideRegion(REGION)),
    "head sweep": lambda m, p, x, t: a.head_sweep(t, margin(m)),
    "radius curve": lambda m, p, x, t: a.radius_curve(t, (4,), target=margin(m)),
    "reach cost": lambda m, p, x, t: a.reach_cost(t, [2], target=margin(m)),
    "token similarity": lambda m, p, x, t: token_similarity(t, 3, (3, 5)),
    "query redundancy": lambda m, p, x, t: query_redundancy(t, 3, 0),
    "survey": lambda m, p, x, t: survey(t),
    "token CKA": lambda m, p, x, t: token_cka(t),
    "label comparison": lambda m, p, x, t: compare_labels(t, a.trace(m, p[::-1])),
}


def numbers(result) -> Iterator[np.ndarray]:
    """All arrays and numbers of a result, but for how long things took."""
    if inspect.isgenerator(result):
        result = finish(result)
    if dataclasses.is_dataclass(result):
        for field in dataclasses.fields(result):
            if field.name not in ("seconds", "model", "classes"):
                yield from numbers(getattr(result, field.name))
    elif isinstance(result, dict):
        yield from numbers(tuple(result.values()))
    elif isinstance(result, tuple | list):
        for each in result:
            yield from numbers(each)
    elif isinstance(result, np.ndarray | torch.Tensor | int | float):
        yield np.asarray(result)


@pytest.fixture
def watched(tiny):
    """A watched model in an odd state: some weights frozen, one with a gradient, hybrid reach."""

    def odd(model):
        for parameter in list(model.parameters())[::2]:
            parameter.requires_grad_(False)
        model.backbone.norm4.bias.grad = torch.ones_like(model.backbone.norm4.bias)

    return tiny("hybrid", edit=odd)


@pytest.mark.parametrize("name", ANALYSES)
def test_the_model_is_left_as_found_and_shared_between_threads(watched, picture, name, monkeypatch):
    monkeypatch.delattr(Attention, "forward")
    image, analyse = picture(*SIZE), ANALYSES[name]
    x, traced = preprocess(image, 64).double(), a.trace(watched, image)

    def run(_=None):
        return list(numbers(analyse(watched, image, x, traced)))

    alone = run()
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(run, range(2)))
    assert alone
    for found in together:
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    assert torch.is_grad_enabled()
    assert not x.requires_grad
    grad = watched.backbone.norm4.bias.grad
    assert torch.equal(grad, torch.ones_like(grad))
