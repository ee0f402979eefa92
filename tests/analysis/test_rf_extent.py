"""The extent of effective receptive fields, on maps whose extent is known."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from analysis.core.grid import Grid
from analysis.receptive_field.effective import effective_fields
from analysis.receptive_field.extent import SHARES, energy_within, summarize


@pytest.mark.parametrize("layers", [4, 10, 30])
def test_uniform_convolutions_spread_by_two_thirds_per_layer(layers):
    kernel = torch.full((1, 1, 3, 3), 1 / 9, dtype=torch.float64)

    def readout(x):
        for _ in range(layers):
            x = F.conv2d(x, kernel, padding=1)
        return {"center": x[:, :, 33, 35]}

    picture = torch.zeros(1, 1, 67, 71, dtype=torch.float64)
    gradient = np.sqrt(effective_fields(readout, [picture])["center"].energy)
    summary = summarize(gradient, (33, 35))
    assert summary.total_energy == pytest.approx(1, abs=1e-12)
    assert summary.mass_center_px == pytest.approx((33, 35), abs=1e-9)
    assert np.square(summary.sigma_px) == pytest.approx([2 * layers / 3] * 2, rel=1e-9)


def gaussian(size, center, sigma):
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float64)
    squared = ((rows - center[0]) / sigma[0]) ** 2 + ((columns - center[1]) / sigma[1]) ** 2
    return np.exp(-squared / 2)


@pytest.mark.parametrize("center", [(150, 150), (150.5, 149.5)])
def test_squares_of_a_gaussian_have_the_sides_of_the_error_function(center):
    summary = summarize(gaussian((301, 301), center, (20, 20)), center)
    for square, share in zip(summary.squares, (0.2, 0.3, 0.5, 0.95, 0.99), strict=True):
        # 2 sigma sqrt(2) erfinv(sqrt(t)), rounded up to whole rings of pixels
        side = 2 * 20 * NormalDist().inv_cdf((1 + np.sqrt(share)) / 2)
        assert square.energy_share == share
        assert side - 0.5 < square.side_px < side + 2.5
        assert square.area_share == pytest.approx(square.side_px**2 / 301**2)


def test_spread_is_measured_per_axis_and_about_the_center_of_mass():
    summary = summarize(gaussian((201, 261), (90, 120), (8, 18)), (100, 100))
    assert summary.mass_center_px == pytest.approx((90, 120))
    assert summary.sigma_px == pytest.approx((8, 18), rel=1e-6)
    assert summary.radius_px == pytest.approx(12, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e6])
def test_extent_does_not_depend_on_the_scale_of_the_map(scale):
    energy = np.random.default_rng(0).gamma(0.3, size=(40, 51))
    first, scaled = summarize(energy, (19.5, 24.5)), summarize(energy * scale, (19.5, 24.5))
    assert [s.side_px for s in first.squares] == [s.side_px for s in scaled.squares]
    assert first.sigma_px == pytest.approx(scaled.sigma_px)
    assert first.mass_center_px == pytest.approx(scaled.mass_center_px)
    assert scaled.total_energy == pytest.approx(first.total_energy * scale)


def test_squares_count_pixels_of_the_picture_only():
    energy = np.zeros((20, 30))
    energy[0, 0], energy[0, 4] = 0.4, 0.6
    half, most = summarize(energy, (0, 0), (0.4, 0.5)).squares
    assert (half.side_px, half.area_share) == (1, 1 / 600)
    assert (most.side_px, most.area_share) == (9, 25 / 600)
    (even,) = summarize(np.ones((4, 4)), (1.5, 1.5), (0.25,)).squares
    assert (even.side_px, even.area_share) == (2, 0.25)


def test_the_energy_within_squares_is_a_share_that_grows_to_one():
    sides, shares = energy_within(np.ones((4, 6)), (1.5, 1.5))
    np.testing.assert_array_equal(sides, [2, 4, 6, 8])
    np.testing.assert_allclose(shares, np.array([4, 16, 20, 24]) / 24)


def test_the_center_of_mass_of_a_patch_is_the_center_of_its_token():
    kernel = torch.ones(1, 3, 16, 16, dtype=torch.float64)
    field = effective_fields(
        lambda x: {3: F.conv2d(x, kernel, stride=16)[:, :, 2, 1]},
        [torch.zeros(1, 3, 64, 64).double()],
    )[3]
    center = Grid((64, 64), (64, 64), 16).center_px((2, 1))
    summary = summarize(field.energy, center)
    assert summary.mass_center_px == pytest.approx(center)
    assert summary.squares[-1].side_px == 16


@pytest.mark.parametrize(
    ("energy", "shares", "sentence"),
    [
        (np.zeros((4, 4)), SHARES, "not all zero"),
        (np.full((4, 4), np.nan), SHARES, "finite"),
        (np.full((4, 4), np.inf), SHARES, "finite"),
        (np.full((4, 4), -1.0), SHARES, "none negative"),
        (np.ones((4, 4)), (0.0,), "above 0 and up to 1"),
        (np.ones((4, 4)), (1.5,), "above 0 and up to 1"),
    ],
)
def test_maps_and_shares_without_meaning_are_refused(energy, shares, sentence):
    with pytest.raises(ValueError, match=sentence):
        summarize(energy, (1.5, 1.5), shares)
