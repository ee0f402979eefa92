"""Hiding part of a picture: nothing else changes, and only what can see it is moved."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from analysis import trace
from analysis.interventions import (
    HideRegion,
    Neighbourhood,
    PositionEncoding,
    intervene,
    region_tokens,
)

CORNER = np.zeros((64, 96), dtype=bool)
CORNER[3:20, 40:70] = True


def test_hiding_outside_the_receptive_field_changes_nothing_only_in_a_local_model(tiny, picture):
    traced = trace(tiny(), picture(64, 768))
    image, region = picture(64, 768), np.zeros((64, 768), dtype=bool)
    region[:, 704:] = True
    local = [change for stage in (3, 4) for change in
             (Neighbourhood(stage, None, 0), PositionEncoding(stage, None, "off"))]  # fmt: skip
    seen, hidden = intervene(traced, local), intervene(traced, [*local, HideRegion(region)], image)
    near, far = slice(180, None), slice(0, 100)
    assert torch.equal(seen[..., far], hidden[..., far])
    assert not torch.allclose(seen[..., near], hidden[..., near])
    assert not torch.allclose(
        intervene(traced, [HideRegion(region)], image)[..., far], traced.logits[..., far]
    )


@pytest.mark.parametrize("fill", ["blur", "mean", "inpaint"])
def test_only_the_region_is_hidden_and_the_answer_is_that_of_the_hidden_picture(
    tiny, picture, fill
):
    model, image = tiny(), picture()
    hidden = HideRegion(CORNER, fill).hide(image)
    np.testing.assert_array_equal(hidden[~CORNER], image[~CORNER])
    assert (hidden[CORNER] != image[CORNER]).any(axis=-1).mean() > 0.9
    if fill == "mean":
        np.testing.assert_allclose(hidden[CORNER] - image.mean((0, 1)), 0, atol=0.5)
    found = intervene(trace(model, image), [HideRegion(CORNER, fill)], image)
    assert torch.equal(found, trace(model, hidden).logits)


def test_a_plain_area_hides_as_itself(picture):
    plain = np.full((64, 96, 3), 90, dtype=np.uint8)
    for fill in ("blur", "mean", "inpaint"):
        # Inpainting adds up gradients in 8 bits and may be off by a few.
        np.testing.assert_allclose(HideRegion(CORNER, fill).hide(plain).astype(int), 90, atol=4)


def test_tokens_of_a_region_are_those_that_see_any_of_its_pixels(tiny, picture):
    traced = trace(tiny(), picture(130, 200))
    region = np.zeros((130, 200), dtype=bool)
    region[50:51, 90:140] = True
    for stage in (1, 2, 3, 4):
        rows, columns = traced.grid(stage).shape
        enlarged = cv2.resize(
            region_tokens(traced, stage, region).astype(np.uint8), (200, 130),
            interpolation=cv2.INTER_NEAREST_EXACT,
        ).astype(bool)  # fmt: skip
        assert enlarged[region].mean() > 0.9
        assert enlarged.sum() < 2.5 * (50 + 2 * 200 / columns) * 130 / rows
    assert region_tokens(traced, 3, ~region).all()
