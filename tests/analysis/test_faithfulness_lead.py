"""The lead of one map over another: known only where it does not hang on the squares' cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from steps import told

from analysis.core.progress import finish
from analysis.faithfulness import lead as module
from analysis.faithfulness.deletion_insertion import (
    deletion_order,
    exchange_curve,
    replacement_of,
)
from analysis.faithfulness.lead import CUTS, Lead, lead_over
from analysis.faithfulness.ranking import DeletionSettings

SETTINGS = DeletionSettings(replacement="mean", steps=4, cell_px=3)


def score(x):
    """The mean of the left half, which the picture's mean colour lowers."""
    return x[..., :16].mean(dim=(1, 2, 3))


def lead_of(x, best, second):
    """Return the lead in all cuts; that of the ranking's own cut is found here."""
    ends = x, replacement_of(x, SETTINGS.replacement)
    separations = []
    for values in (best, second):
        order = deletion_order(values, np.ones((16, 32), bool), cell_px=3, seed=0)
        deletion, insertion = (
            finish(exchange_curve(score, *each, order, steps=4, batch_size=4)).auc
            for each in (ends, ends[::-1])
        )
        separations.append(insertion - deletion)
    return lead_over(score, x, best, second, SETTINGS, separations[0] - separations[1])


@pytest.fixture
def x():
    generator = torch.Generator().manual_seed(0)
    picture = torch.zeros(1, 3, 16, 32, dtype=torch.float64)
    picture[..., :16] = 1 + torch.rand(16, 16, dtype=torch.float64, generator=generator)
    return picture


def test_a_map_of_what_the_score_rests_on_is_ahead_in_every_cut(x):
    columns = np.tile(np.arange(32.0), (16, 1))
    steps, lead = told(lead_of(x, -columns, columns))
    assert (lead.leads > 0).all()
    assert lead.known
    assert steps[-1].done == steps[-1].total == (CUTS - 1) * 4 * 5  # the ranking made its own


def test_the_interval_of_few_cuts_holds_the_mean_of_all(x, monkeypatch):
    held = 0
    for seed in range(10):
        noise = np.random.default_rng(seed).random((2, 16, 32))
        few = finish(lead_of(x, *noise))
        assert len(set(few.leads)) == CUTS
        assert few.error == pytest.approx(few.leads.std(ddof=1) / np.sqrt(CUTS))
        with monkeypatch.context() as patch:
            patch.setattr(module, "CUTS", 9)  # all there are of squares of 3 pixels
            every = finish(lead_of(x, *noise))
        assert (every.leads[:CUTS] == few.leads).all()
        held += few.interval[0] <= every.mean <= few.interval[1]
    assert held >= 8


def test_a_lead_is_known_only_where_all_of_its_interval_is_above_0():
    for leads, known in (([0.1, 0.11, 0.09, 0.1], True), ([0.3, 0.2, 0.1, -0.3], False)):
        lead = Lead(np.array(leads))
        assert lead.mean > 0
        assert lead.known == known
    assert not Lead(np.array([-0.1, -0.11, -0.09, -0.1])).known


def test_a_map_beside_itself_has_no_lead(x):
    noise = np.random.default_rng(0).random((16, 32))
    lead = finish(lead_of(x, noise, noise))
    assert (lead.leads == 0).all()
    assert not lead.known
