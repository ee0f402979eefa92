"""Integrated gradients and SmoothGrad against closed forms and against captum as it comes."""

import numpy as np
import pytest
import torch
from captum.attr import NoiseTunnel, Saliency

from analysis.attribution.gradients import NOISE, integrated_gradients, smooth_grad
from analysis.core.progress import Progress
from analysis.core.regions import pixel_region
from analysis.core.targets import RegionScore


def last(steps):
    return list(steps)[-1]


def values(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_shares_of_a_linear_score_are_input_times_gradient():
    weight, x, baseline = values(1, 3, 5, 7), values(1, 3, 5, 7, seed=1), values(1, 3, 5, 7, seed=2)
    found = last(integrated_gradients(lambda z: (z * weight).sum((1, 2, 3)), x, baseline, 3))
    expected = ((x - baseline) * weight).sum(1)[0]
    # captum holds the weights of its quadrature in single precision.
    np.testing.assert_allclose(found.map, expected, rtol=1e-6)
    assert found.completeness_gap < 1e-6


@pytest.mark.parametrize("steps", [1, 5, 16])
def test_pieces_of_the_path_add_up_to_the_whole(steps):
    weight, x, baseline = values(1, 3, 5, 7), values(1, 3, 5, 7, seed=1), values(1, 3, 5, 7, seed=2)
    found = last(integrated_gradients(lambda z: (z**2 * weight).sum((1, 2, 3)), x, baseline, steps))
    expected = ((x**2 - baseline**2) * weight).sum(1)[0]
    np.testing.assert_allclose(found.map, expected, rtol=1e-5, atol=1e-6)
    assert found.baseline_score == pytest.approx((baseline**2 * weight).sum().item())


def test_shares_of_a_segmenter_add_up_to_the_change_of_its_score(tiny):
    score = RegionScore(tiny(), pixel_region((64, 64), 20, 30), 2)
    x = values(1, 3, 64, 64)
    found = last(integrated_gradients(score, x, torch.zeros_like(x), 32))
    change = (score(x) - score(torch.zeros_like(x))).item()
    assert found.map.sum() == pytest.approx(change, rel=0.01)
    assert found.completeness_gap == pytest.approx(abs(found.map.sum() / change - 1))


def test_shares_that_do_not_add_up_are_said_to_be_so():
    x = torch.ones(1, 3, 2, 2, dtype=torch.float64)
    steep = lambda z: (500 * (z.mean((1, 2, 3)) - 0.4)).sigmoid()  # noqa: E731
    found = last(integrated_gradients(steep, x, torch.zeros_like(x), 4))
    assert found.completeness_gap > 0.05
    assert "more than 4 steps" in found.note
    assert last(integrated_gradients(steep, x, torch.zeros_like(x), 512)).note is None


def test_a_picture_equal_to_its_baseline_has_no_shares():
    x = values(1, 3, 4, 4)
    found = last(integrated_gradients(lambda z: z.sum((1, 2, 3)), x, x, 2))
    assert not found.map.any()
    assert found.completeness_gap == 0


def test_smoothgrad_of_a_linear_score_is_the_length_of_its_gradient():
    weight, x = values(1, 3, 4, 6), values(1, 3, 4, 6, seed=1)
    found = last(smooth_grad(lambda z: (z * weight).sum((1, 2, 3)), x, 2, seed=0))
    np.testing.assert_allclose(found.map, weight.norm(dim=1)[0])


def test_smoothgrad_is_that_of_noise_tunnel():
    weight, x = values(1, 3, 4, 6), values(1, 3, 4, 6, seed=1)
    score = lambda z: ((z * weight).sum((1, 2, 3)) ** 2).sin()  # noqa: E731
    found = last(smooth_grad(score, x, 5, seed=3))
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

    reports = [step for step in steps(score, values(1, 3, 4, 4)) if isinstance(step, Progress)]
    assert [step.total for step in reports] == [total] * len(reports)
    assert [step.done for step in reports] == sorted({step.done for step in reports})
    assert reports[-1].done == total
    calls.clear()
    stopped = steps(score, values(1, 3, 4, 4))
    next(stopped)
    stopped.close()
    assert sum(calls) < total
