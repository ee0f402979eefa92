"""What the question `affinity` says beside weights: effective keys, and the position encoding."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import (
    QUESTIONS,
    finish,
    global_affinity,
    position_affinity,
    row_statistics,
    trace,
)

AT = {"x": 40, "y": 30, "short_side": 64, "stage": 3, "block": 0}


def test_uniform_weights_use_all_keys_and_a_single_key_is_one(tiny, picture, silent_queries):
    def loud(model):
        model.backbone.blocks3[0].attn.qkv.weight[:64].mul_(1e4)

    traced = trace(tiny("window", 3, edit=silent_queries), picture())
    even = row_statistics(global_affinity(traced, 3, 0, (3, 0)))
    assert even.keys == 3
    np.testing.assert_allclose(even.effective_keys, 3)
    traced = trace(tiny(edit=loud), picture())
    single = row_statistics(global_affinity(traced, 3, 0, (1, 2)))
    np.testing.assert_allclose(single.effective_keys, 1, atol=1e-6)


def test_the_number_in_an_answer_is_the_exponential_of_the_entropy(tiny, picture):
    model, image = tiny(), picture()
    row = global_affinity(trace(model, image, short_side=64), 3, 0, (1, 2))
    weight = row.weight.reshape(4, -1)
    perplexity = np.exp(-(weight * np.log(weight)).sum(1))
    answer = finish(QUESTIONS["affinity"](model, image, **AT))
    assert answer.numbers["effective_keys"] == pytest.approx(perplexity.mean())
    heads = [each["effective_keys"] for each in answer.tables["heads"]]
    np.testing.assert_allclose(heads, perplexity)


@pytest.mark.parametrize("stage", [1, 3])
def test_the_nine_terms_of_the_position_encoding_stand_beside(tiny, picture, stage):
    model, image = tiny(), picture()
    answer = finish(QUESTIONS["affinity"](model, image, **AT | {"stage": stage}))
    traced = trace(model, image, short_side=64)
    terms = position_affinity(traced, stage, 0, traced.grid(stage).token_at(40, 30))
    rows = answer.tables["position_encoding"]
    steps = [(row["step_down"], row["step_right"]) for row in rows]
    assert steps == [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert [row["norm_share"] for row in rows] == list(terms.norm_share.ravel())
    assert sum(row["signed_share"] for row in rows) == pytest.approx(1)
    assert ("input_norm" in answer.arrays) == (stage == 3)
