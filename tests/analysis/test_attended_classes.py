from __future__ import annotations

import numpy as np
import pytest

from analysis import AnalysisError, global_affinity, local_affinity, trace
from analysis.affinity.attended_classes import AttendedClasses, attended_classes
from analysis.core.token_classes import token_classes
from uniformer.classes import numbered_classes


@pytest.fixture
def labelled(tiny, picture):
    """Return a function that traces a picture of 64 x 96 whose labels change within tokens.

    Borders lie at even pixels, where the points at which labels are read miss nothing.
    """
    labels = np.zeros((64, 96), dtype=np.uint8)
    labels[:, 38:] = 3
    labels[30:, 50:] = 4

    def make(reach="global", window_size=3):
        return trace(tiny(reach, window_size), picture()), labels

    return make


def brute_force(weight, labels, stride) -> dict[int, float]:
    """Spread each token's weight evenly over its pixels and add them up by label."""
    pixels = np.kron(weight, np.ones((stride, stride))) / stride**2
    return {label: pixels[labels == label].sum() for label in np.unique(labels)}


@pytest.mark.parametrize("head", [None, 0, 3])
@pytest.mark.parametrize(("reach", "size"), [("global", 3), ("window", 3), ("window", 5)])
def test_composition_of_a_row_is_what_its_pixels_are_labelled(labelled, reach, size, head):
    traced, labels = labelled(reach, size)
    row = global_affinity(traced, 3, 1, (2, 5))
    found = attended_classes(row, token_classes(labels, traced.grid(3)), head)
    assert found.share.sum() + found.padding_mass == pytest.approx(1)
    weight = row.weight.mean(0) if head is None else row.weight[head]
    wanted = brute_force(weight, labels, 16)
    for label, share in zip(found.classes, found.share, strict=True):
        assert share == pytest.approx(wanted[label], abs=1e-6)
    padding = row.padding_mass.mean() if head is None else row.padding_mass[head]
    assert found.padding_mass == pytest.approx(padding)
    assert (np.diff(found.share) <= 0).all()


@pytest.mark.parametrize("token", [(0, 0), (3, 8), (15, 23)])
def test_composition_of_a_convolution_is_that_of_its_norm_shares(labelled, token):
    traced, labels = labelled()
    affinity = local_affinity(traced, 1, 0, token)
    found = attended_classes(affinity, token_classes(labels, traced.grid(1)))
    weight = np.zeros((20, 28))  # The map with a margin of 2.
    weight[token[0] : token[0] + 5, token[1] : token[1] + 5] = affinity.norm_share
    wanted = brute_force(weight[2:-2, 2:-2], labels, 4)
    for label, share in zip(found.classes, found.share, strict=True):
        assert share == pytest.approx(wanted[label], abs=1e-6)
    assert found.share.sum() == pytest.approx(1)
    assert found.padding_mass == 0


def test_uniform_weights_stand_beside_every_row(labelled):
    traced, labels = labelled("window", 5)
    row = global_affinity(traced, 3, 0, (0, 5))  # The last column alone, 4 of 25 tokens.
    found = attended_classes(row, token_classes(labels, traced.grid(3)))
    assert found.uniform_padding_mass == pytest.approx(21 / 25)
    assert found.uniform_share.sum() == pytest.approx(4 / 25)
    assert found.uniform_share[list(found.classes).index(0)] == 0
    corner = local_affinity(traced, 1, 0, (0, 0))
    near = attended_classes(corner, token_classes(labels, traced.grid(1)))
    np.testing.assert_allclose(near.uniform_share, [1, 0, 0])


def test_uniform_attention_is_composed_like_the_picture(tiny, picture, silent_queries):
    traced = trace(tiny(edit=silent_queries), picture())
    labels = np.arange(64 * 96, dtype=np.uint8).reshape(64, 96) % 3
    found = attended_classes(
        global_affinity(traced, 4, 0, (1, 1)), token_classes(labels, traced.grid(4))
    )
    np.testing.assert_allclose(found.share, found.uniform_share, atol=1e-6)


def test_words_name_the_largest_classes_and_padding():
    found = AttendedClasses(
        np.array([2, 0, 1, 4, 3]), np.array([0.41, 0.2, 0.104, 0.1, 0.066]), 0.12, np.ones(5), 0.0
    )
    words = "41 % class 2, 20 % class 0, 10 % class 1, 17 % other, 12 % padding"
    assert found.in_words(numbered_classes(5)) == words
    alone = AttendedClasses(np.array([3]), np.array([1.0]), 0.0, np.ones(1), 0.0)
    assert alone.in_words(numbered_classes(5)) == "100 % class 3"


def test_what_cannot_be_composed_is_refused(labelled, tiny, picture):
    traced, labels = labelled()
    third, first = (token_classes(labels, traced.grid(stage)) for stage in (3, 1))
    row, local = global_affinity(traced, 3, 0, (1, 1)), local_affinity(traced, 1, 0, (9, 9))
    with pytest.raises(AnalysisError, match="no head 4: its block has heads 0 to 3"):
        attended_classes(row, third, 4)
    with pytest.raises(AnalysisError, match="no head 1"):
        attended_classes(local, first, 1)
    with pytest.raises(AnalysisError, match="not those of the tokens of stage 3"):
        attended_classes(row, first)
    with pytest.raises(AnalysisError, match="not those of the tokens of stage 1"):
        attended_classes(local, third)

    def silence(model):
        model.backbone.blocks1[0].attn.weight.zero_()

    silent = trace(tiny(edit=silence), picture())
    with pytest.raises(AnalysisError, match="adds nothing at this token"):
        attended_classes(local_affinity(silent, 1, 0, (1, 1)), first)
