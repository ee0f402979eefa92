"""Sentences say which way a number went, and how far it is known, as the numbers have it."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.interventions.effect import Effect, EffectReport
from analysis.questions.effect_words import effect_sentence
from analysis.questions.jacobian import _sentence as jacobian_sentence
from analysis.questions.representation import _sentence as representation_sentence
from analysis.representation.block_cka import CLOSE, BlockCka
from uniformer.classes import named_classes

CLASSES = named_classes(["sky", "tree", "road"])


def effect_on(before, after):
    """Return the report of a change from one row of 100 labels to another, without controls."""
    before, after = (np.repeat(range(3), counts)[None] for counts in (before, after))
    effect = Effect(
        interventions=("a change",), labels_after=after, changed=before != after,
        flipped_share=float((before != after).mean()), area_change=np.zeros(3), iou=np.zeros(3),
        kl_nats=0.2, margin_change_nats=None, seconds=0.0, sizes={None: 0.1},
    )  # fmt: skip
    return EffectReport(CLASSES, before, effect, (), 0.0)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ((30, 30, 40), (40, 0, 60), "; tree vanishes from 30 % of the picture"),
        ((60, 0, 40), (45, 10, 45), "; sky goes from 60 to 45 % of the picture"),
        ((30, 30, 40), (70, 10, 20), "; sky goes from 30 to 70 % of the picture"),
        ((0, 50, 50), (20, 40, 40), "; sky appears on 20 % of the picture"),
    ],
)
def test_the_class_that_changed_most_is_told_with_the_way_it_went(before, after, words):
    assert words in effect_sentence(effect_on(before, after), compared=False)


@pytest.mark.parametrize(
    ("errors", "guess", "known"),
    [
        ([CLOSE / 2, CLOSE], False, f"is up to {CLOSE:.2g}"),
        ([CLOSE / 2, 1.1 * CLOSE], True, f"is up to {1.1 * CLOSE:.2g}"),
        ([CLOSE / 2, np.nan], True, "is not known"),
    ],
)
def test_a_similarity_is_a_guess_as_soon_as_one_of_its_errors_is_large(errors, guess, known):
    pairs = [
        BlockCka(("1.0",), ("1.0",), np.ones((1, 1)), "tokens", 64, 1, np.full((1, 1), error))
        for error in errors
    ]
    text = representation_sentence(pairs)
    assert ("take it for a guess" in text) == guess
    assert known in text


def test_where_no_other_token_moves_a_unit_that_is_said():
    rows = [{"tokens": 30, "mass_5x5": 0.7, "energy_mass_5x5": 0.9}, {"tokens": 1}]
    assert "70% lies within" in jacobian_sentence(rows)
    assert "90% by energy" in jacobian_sentence(rows)
    assert jacobian_sentence(rows).endswith("through its affinity alone, nothing is left.")
    assert jacobian_sentence([{"tokens": 1}, {"tokens": 1}]) == "No other token moves it."
