from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from analysis.representation.spectrum import spectrum


def noise(channels, rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(channels, rows, columns, generator=generator, dtype=torch.float64)


def wave(rows, columns, down, across):
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    turns = (y * down / rows + x * across / columns).double()
    return torch.cos(2 * np.pi * turns)[None]


def blurred(x, sigma=1.0):
    blur = [gaussian_filter(one, sigma, mode="wrap", truncate=8) for one in x.numpy()]
    return torch.from_numpy(np.stack(blur))


@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (24, 40)])
def test_white_noise_is_flat_and_has_its_variance(rows, columns):
    found = spectrum(noise(1024, rows, columns), 4)
    # Taking the mean off lowers the first ring a little.
    assert np.abs(np.log(found.power[1:]) / 2).max() < 0.05
    assert np.abs(found.log_amplitude).max() < 0.12
    assert abs(found.high_over_low) < 0.02
    assert found.variance == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("down", "across"), [(8, 0), (0, 16), (12, 20), (16, 16)])
def test_a_gaussian_blur_takes_2_pi2_sigma2_f2_off_every_wave(down, across):
    x = wave(64, 64, down, across)
    squared = (down**2 + across**2) / 64**2
    before, after = spectrum(x, 4), spectrum(blurred(x), 4)
    ring = before.power.argmax()
    assert before.cycles_per_token[ring] == pytest.approx(np.sqrt(squared), abs=0.5 / 64)
    drop = np.log(after.power[ring] / before.power[ring]) / 2
    assert drop == pytest.approx(-2 * np.pi**2 * squared, abs=0.01)


def test_blurred_noise_falls_with_the_square_of_the_frequency():
    x = noise(64, 96, 96)
    before, after = spectrum(x, 4), spectrum(blurred(x), 4)
    low = before.cycles_per_token < 0.3
    drop = np.log(after.power / before.power)[low] / 2
    wanted = -2 * np.pi**2 * before.cycles_per_token[low] ** 2
    np.testing.assert_allclose(drop, wanted, atol=0.05)
    relative = (after.log_amplitude - before.log_amplitude)[low]
    np.testing.assert_allclose(relative, drop - drop[0], atol=1e-12)
    assert after.high_over_low < -1


def test_a_flat_map_has_no_power_and_says_nothing():
    found = spectrum(torch.full((3, 16, 24), 0.1), 8)
    assert not found.power.any()
    assert found.variance == 0
    assert np.isnan(found.log_amplitude).all()
    assert np.isnan(found.high_over_low)


def test_a_checkerboard_is_all_at_the_highest_frequency():
    found = spectrum(wave(32, 32, 16, 16), 4)
    assert found.cycles_per_token[-1] == pytest.approx(np.sqrt(0.5), abs=0.02)
    assert found.power[found.cycles_per_token < 0.64].max() < 1e-20 * found.power[-1]


def test_an_offset_of_the_channels_changes_nothing():
    # Relative to frequency 0 it would: a bias would pass for smoothing.
    x = noise(8, 24, 32)
    shifted = x + 100 * torch.arange(8.0)[:, None, None]
    np.testing.assert_allclose(spectrum(shifted, 4).power, spectrum(x, 4).power, rtol=1e-9)


def test_frequencies_are_radial_in_maps_that_are_not_square():
    for down, across in ((10, 0), (0, 20)):  # both a quarter of a cycle per token
        found = spectrum(wave(40, 80, down, across), 16)
        ring = found.power.argmax()
        assert found.cycles_per_token[ring] == pytest.approx(0.25, abs=0.01)
        assert found.cycles_per_input_px[ring] == pytest.approx(0.25 / 16, abs=0.001)


def test_a_longer_map_has_no_finer_rings():
    square, longer = (spectrum(noise(2, 40, side), 4).cycles_per_token for side in (40, 80))
    np.testing.assert_allclose(longer, square, atol=0.5 / 40)
    np.testing.assert_allclose(square, np.arange(1, 29) / 40, atol=0.5 / 40)


def test_mirrored_and_turned_maps_have_the_same_spectrum():
    x = noise(4, 12, 20)
    for same in (x.flip(1), x.flip(2), x.transpose(1, 2)):
        np.testing.assert_allclose(spectrum(same, 4).power, spectrum(x, 4).power, rtol=1e-9)


def test_fine_detail_three_times_as_strong_is_log_3_above_coarse():
    x = noise(256, 64, 64)
    radius = torch.hypot(*torch.meshgrid(*[torch.fft.fftfreq(64).double()] * 2, indexing="ij"))
    stronger = torch.fft.ifft2(torch.fft.fft2(x) * (1 + 2 * (radius > 0.25))).real
    assert spectrum(stronger, 4).high_over_low == pytest.approx(np.log(3), abs=0.05)


def test_the_window_keeps_borders_from_passing_for_detail():
    ramp = torch.linspace(0, 1, 64).double().expand(1, 64, 64)
    found = spectrum(ramp, 4)
    assert found.high_over_low < -6


def test_small_maps_have_rings_but_no_contrast():
    found = spectrum(noise(4, 2, 2), 32)
    assert found.power.shape == found.cycles_per_token.shape == (1,)
    assert np.isnan(found.high_over_low)
    assert spectrum(noise(4, 1, 1), 32).power.size == 0
