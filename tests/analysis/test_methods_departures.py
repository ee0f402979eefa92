"""Where the usual formula is not the one used here: what it is, why not, the number that shows it.

Every test has both forms side by side. Two departures are proved where their code is tested: the
published sum of gradient-weighted relevance, which adds next to nothing to its seeds
(``test_relevance.py``), and Grad-CAM++ with a constant added to its squared gradients, which
decides the map where gradients are small (``test_attribution_layers.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.metrics import infidelity

from analysis.core.grid import Grid
from analysis.core.progress import finish
from analysis.faithfulness.infidelity import GreyNoise, infidelities
from analysis.receptive_field.extent import summarize
from analysis.representation.redundancy import mean_cosine
from analysis.representation.spectrum import spectrum
from uniformer.preprocess import network_size


def test_a_pixel_is_taken_at_its_centre_and_not_at_its_corner():
    """Usual: token = floor(row * network rows / picture rows / stride), a pixel at its corner.

    Where a picture is enlarged a token of stage 1 is little more than a pixel wide, and the pixel
    in the middle of a token may begin in the token before: of the 32 rows of tokens of a picture of
    39 pixels, 12 do not lead back to themselves.
    """
    picture = (39, 53)
    grid = Grid(picture, network_size(*picture, 128, 1), 4)
    rows = np.arange(grid.shape[0])
    middles = np.array([int(grid.center_px((row, 0))[0] + 0.5) for row in rows])
    corner = middles * grid.network_size_px[0] // picture[0] // grid.stride
    assert [grid.token_at(0, int(y))[0] for y in middles] == rows.tolist()
    assert (len(rows), np.count_nonzero(corner != rows)) == (32, 12)


def test_infidelity_knows_a_map_from_its_opposite():
    """Usual: the forecast is scaled by any number, below 0 as well.

    A gradient of reversed sign then has the infidelity of the gradient itself: 0.
    """
    weight = torch.randn(1, 3, 8, 8, dtype=torch.float64, generator=torch.manual_seed(0))
    weight = weight[:, :1].expand_as(weight)
    x = torch.zeros_like(weight)

    def score(z):
        return (z * weight).sum((1, 2, 3))

    def perturb(z):
        noise = torch.randn_like(z)
        return noise, z - noise

    usual = infidelity(score, perturb, x, -weight, n_perturb_samples=20, normalize=True)
    assert usual.item() < 1e-20
    gradient = weight.sum(1)[0].numpy()
    ours = finish(infidelities(score, x, {"it": gradient, "not": -gradient}, GreyNoise()))
    assert ours["it"].unexplained_share == pytest.approx(0, abs=1e-20)
    assert ours["not"].unexplained_share == 1


def test_frequencies_are_seen_against_the_lowest_and_not_against_the_mean():
    """Usual: log amplitude less that at frequency 0, which is the mean of a channel.

    A bias of 10 on white noise, which changes no detail, lowers the whole curve by 6.6 nats.
    """
    noise = torch.randn(8, 32, 32, dtype=torch.float64, generator=torch.manual_seed(0))

    def usual(x):
        amplitude = torch.fft.fft2(x).abs().log()
        return (amplitude[:, 8, 8] - amplitude[:, 0, 0]).mean().item()

    assert usual(noise + 10) - usual(noise) == pytest.approx(-6.6, abs=0.1)
    ours = [spectrum(x, 4).log_amplitude for x in (noise, noise + 10)]
    np.testing.assert_allclose(*ours, atol=1e-9)


def test_the_extent_of_a_field_is_measured_before_any_logarithm():
    """Usual: log10(1 + energy), then the smallest square that holds 99 % of it.

    The square then grows with the units of the energy: the same Gaussian has 113 to 199 pixels.
    """
    rows, columns = np.ogrid[:301, :301]
    gaussian = np.exp(-((rows - 150) ** 2 + (columns - 150) ** 2) / (2 * 20**2))

    def side(energy):
        return summarize(energy, (150.0, 150.0)).squares[-1].side_px

    sides = [side(np.log10(1 + gaussian * scale)) for scale in (1e-3, 1, 1e3, 1e6)]
    assert sides == [113, 115, 153, 199]
    assert {side(gaussian * scale) for scale in (1e-3, 1, 1e3, 1e6)} == {113}


def test_tokens_of_length_zero_are_alike_to_nothing():
    """Usual: (|sum of unit tokens|^2 - L) / (L (L - 1)), where L counts tokens of length 1.

    Tokens that are zero, as in a flat map whose mean is taken off, have no length 1: two of them
    would have a cosine of -1 with each other.
    """
    zeros = torch.zeros(2, 5, dtype=torch.float64)
    usual = ((zeros.sum(0).square().sum() - len(zeros)) / (len(zeros) * (len(zeros) - 1))).item()
    assert usual == -1
    assert mean_cosine(zeros) == 0
