"""Integrated gradients and SmoothGrad against closed forms and against captum as it comes."""

import numpy as np
import pytest
import torch
from captum.attr import NoiseTunnel, Saliency

from analysis.attribution.gradients import NOISE, integrated_gradients, smooth_grad
from analysis.core.progress import finish
from analysis.core.regions import pixel_region
from analysis.core.targets import RegionScore


def values(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_shares_of_a_linear_score_are_input_times_gradient():
    weight, x, baseline = values(1, 3, 5, 7), values(1, 3, 5, 7, seed=1), values(1, 3, 5, 7, seed=2)
    found = finish(integrated_gradients(lambda z: (z * weight).sum((1, 2, 3)), x, baseline, 3))
    expected = ((x - baseline) * weight).sum(1)[0]
    # captum holds the weights of its quadrature in single precision.
    np.testing.assert_allclose(found.map, expected, rtol=1e-6)
    assert found.completeness_gap < 1e-6


@pytest.mark.parametrize("steps", [1, 5, 16])
def test_pieces_of_the_path_add_up_to_the_whole(steps):
    weight, x, baseline = values(1, 3, 5, 7), values(1, 3, 5, 7, seed=1), values(1, 3, 5, 7, seed=2)
    found = finish(
        integrated_gradients(lambda z: (z**2 * weight).sum((1, 2, 3)), x, baseline, steps)
    )
    expected = ((x**2 - baseline**2) * weight).sum(1)[0]
    np.testing.assert_allclose(found.map, expected, rtol=1e-5, atol=1e-6)
    assert found.baseline_score == pytest.approx((baseline**2 * weight).sum().item())


def test_shares_of_a_segmenter_add_up_to_the_change_of_its_score(tiny):
    score = RegionScore(tiny(), pixel_region((64, 64), 20, 30), 2)
    x = values(1, 3, 64, 64)
    found = finish(integrated_gradients(score, x, torch.zeros_like(x), 32))
    change = (score(x) - score(torch.zeros_like(x))).item()
    assert found.map.sum() == pytest.approx(change, rel=0.01)
    assert found.completeness_gap == pytest.approx(abs(found.map.sum() / change - 1))


def steep(slope):
    """Return a score that jumps at two fifths of the way."""
    return lambda z: (slope * (z.mean((1, 2, 3)) - 0.4)).sigmoid()


def test_points_are_doubled_where_the_shares_miss_until_they_add_up():
    x = torch.ones(1, 3, 2, 2, dtype=torch.float64)
    found = finish(integrated_gradients(steep(60), x, torch.zeros_like(x), 16))
    assert found.completeness_gap < 0.01
    assert 16 < found.points <= 8 * 16
    assert (found.grade, found.note) == (None, None)
    smooth = finish(integrated_gradients(steep(1), x, torch.zeros_like(x), 16))
    assert smooth.points == 16


def test_shares_that_do_not_add_up_are_no_exact_answer_and_say_by_how_much():
    x = torch.ones(1, 3, 2, 2, dtype=torch.float64)
    found = finish(integrated_gradients(steep(50_000), x, torch.zeros_like(x), 4))
    assert found.completeness_gap > 0.01
    assert found.grade == "heuristic"
    assert f"{100 * found.completeness_gap:.2g} %" in found.note
    assert found.points < 8 * 4 + 2


def test_the_error_of_smoothgrad_is_that_of_its_mean_and_falls_with_pictures():
    x = values(1, 3, 6, 8)

    def quadratic(z):
        return (z**2).sum((1, 2, 3)) / 2  # its gradient is the noisy picture

    errors = []
    for samples in (4, 64):
        found = finish(smooth_grad(quadratic, x, samples, seed=0))
        sigma = NOISE * (x.max() - x.min()).item()
        wanted = 100 * sigma * np.sqrt(x.numel() / samples) / x.norm().item()
        errors.append(float(found.note.split("error ")[1].split(" %")[0]))
        assert errors[-1] == pytest.approx(wanted, rel=0.25)
    assert finish(smooth_grad(quadratic, x, 1, seed=0)).grade == "heuristic"
    assert finish(smooth_grad(quadratic, x, 64, seed=0)).grade is None
    restless = finish(smooth_grad(lambda z: (40 * z).sin().sum((1, 2, 3)), x, 4, seed=0))
    assert restless.grade == "heuristic"


def test_a_picture_equal_to_its_baseline_has_no_shares():
    x = values(1, 3, 4, 4)
    found = finish(integrated_gradients(lambda z: z.sum((1, 2, 3)), x, x, 2))
    assert not found.map.any()
    assert found.completeness_gap == 0


def test_smoothgrad_of_a_linear_score_is_the_length_of_its_gradient():
    weight, x = values(1, 3, 4, 6), values(1, 3, 4, 6, seed=1)
    found = finish(smooth_grad(lambda z: (z * weight).sum((1, 2, 3)), x, 2, seed=0))
    np.testing.assert_allclose(found.map, weight.norm(dim=1)[0])


def test_smoothgrad_is_that_of_noise_tunnel():
    weight, x = values(1, 3, 4, 6), values(1, 3, 4, 6, seed=1)
    score = lambda z: ((z * weight).sum((1, 2, 3)) ** 2).sin()  # noqa: E731
    found = finish(smooth_grad(score, x, 5, seed=3))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = NoiseTunnel(Saliency(score)).attribute(
            x,
            nt_samples=5,
            nt_samples_batch_size=1,
            stdevs=float(NOISE * (x.max() - x.min())),
            abs=False,
        )
    np.testing.assert_allclose(found.map, expected.norm(dim=1)[0].detach(), rtol=1e-4)


@pytest.mark.parametrize(
    ("steps", "total"),
    [
        (lambda f, x: integrated_gradients(f, x, torch.zeros_like(x), 9), 9),
        (lambda f, x: smooth_grad(f, x, 3, seed=0), 3),
    ],
)
def test_progress_ends_at_its_total_and_stops_when_closed(steps, total):
    calls = []

    def score(z):
        calls.append(len(z))
        return z.sum((1, 2, 3))

    reports = list(steps(score, values(1, 3, 4, 4)))
    assert [step.total for step in reports] == [total] * len(reports)
    assert [step.done for step in reports] == sorted(step.done for step in reports)
    assert reports[-1].done == total
    calls.clear()
    stopped = steps(score, values(1, 3, 4, 4))
    next(stopped)
    stopped.close()
    assert sum(calls) < total
