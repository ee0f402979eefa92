"""What keys add, by length and with sign: the same numbers as the exact row, drawn with units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis import QUESTIONS, finish, global_affinity, trace
from analysis.affinity.global_affinity import joint_contribution_norm, normed_input

AT = {"x": 40, "y": 30, "short_side": 64, "stage": 3, "block": 0}
TOKEN = (1, 2)


def drawn(figure):
    return [axes.images[-1].get_array() for axes in figure.axes if axes.get_xlabel()]


@pytest.mark.parametrize("reach", ["global", "window"])
def test_the_joint_length_is_that_of_the_sum_over_heads(tiny, picture, reach):
    traced = trace(tiny(reach), picture())
    row = global_affinity(traced, 3, 0, TOKEN)
    attention, normed = normed_input(traced, 3, 0)
    weight = torch.from_numpy(row.weight).flatten(1)
    with torch.no_grad():
        value = attention.project(normed.flatten(0, 1)[None])[2][0]
        mix = attention.proj.weight.unflatten(1, (attention.heads, -1))
        added = torch.einsum("nl,nld,cnd->lnc", weight, value, mix)
    joint = joint_contribution_norm(traced, row)
    np.testing.assert_allclose(joint.ravel(), added.sum(1).norm(dim=1), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(
        row.contribution_norm.reshape(4, -1), added.norm(dim=2).T, rtol=1e-9, atol=1e-12
    )
    assert (joint <= row.contribution_norm.sum(0) + 1e-12).all()
    outside = row.weight.sum(0) == 0
    assert (joint[outside] == 0).all()
    assert outside.any() == (reach == "window")


def test_signed_shares_are_drawn_for_each_head_and_their_sum(tiny, picture):
    model, image = tiny("window"), picture()
    figure = finish(QUESTIONS["affinity"](model, image, show="share", **AT)).figure()
    row = global_affinity(trace(model, image, short_side=64), 3, 0, TOKEN)
    *heads, together = drawn(figure)
    np.testing.assert_allclose(heads, 100 * row.signed_share)
    np.testing.assert_allclose(together, 100 * row.signed_share.sum(0))
    labels = [axes.get_xlabel() for axes in figure.axes if axes.get_xlabel()]
    assert labels[-1] == "100% of the output"
    first = row.signed_share[0].sum() + row.padding_signed_share[0]
    assert labels[0] == f"{first:.0%} of the output"
    assert "% of the output, signed" in [axes.get_ylabel() for axes in figure.axes]


def test_lengths_are_drawn_beside_that_of_an_average_key(tiny, picture):
    model, image = tiny("window"), picture()
    figure = finish(QUESTIONS["affinity"](model, image, show="length", **AT)).figure()
    row = global_affinity(trace(model, image, short_side=64), 3, 0, TOKEN)
    maps = np.ma.stack(drawn(figure))
    np.testing.assert_array_equal(~maps.mask, np.broadcast_to(row.weight[0] > 0, maps.shape))
    mean = row.contribution_norm.sum() / (4 * row.window.real_tokens)
    np.testing.assert_allclose(mean * 2 ** maps[:4].filled(-np.inf), row.contribution_norm)
    low, high = next(axes.images[-1].get_clim() for axes in figure.axes if axes.get_xlabel())
    assert (-low, high) == (maps.max(), maps.max())
    assert "E · exact" in figure.get_supxlabel()
