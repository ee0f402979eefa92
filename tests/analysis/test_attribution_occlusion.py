"""Occlusion and ablation of segments against sums of a linear score and against captum."""

import itertools

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from steps import told
from torch import nn

from analysis import AnalysisError
from analysis.attribution import occlusion as module
from analysis.attribution.occlusion import connected_segments, occlusion, segment_ablation
from analysis.core.progress import finish
from analysis.core.regions import pixel_region
from analysis.core.targets import RegionScore
from analysis.receptive_field.theoretical import receptive_field
from uniformer.classes import numbered_classes


def values(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def linear():
    """A linear score, an input, its baseline and what each pixel adds."""
    weight, x, baseline = values(1, 3, 12, 17), values(1, 3, 12, 17, seed=1), values(1, 3, 12, 17)
    parts = (weight * (x - baseline)).sum(1)[0].numpy()
    return lambda z: (z * weight).sum((1, 2, 3)), x, baseline, parts


def test_hiding_one_pixel_of_a_linear_score_takes_its_input_times_gradient(linear):
    score, x, baseline, parts = linear
    found = finish(occlusion(score, x, baseline, 1, 1))
    np.testing.assert_allclose(found.map, parts, atol=1e-9)
    assert found.baseline_score == pytest.approx(score(baseline).item())


@pytest.mark.parametrize(("window", "stride"), [(5, 2), (4, 4), (7, 3), (12, 12)])
def test_windows_one_by_one_give_what_captum_gives_at_once(linear, window, stride):
    _, x, baseline, _ = linear
    score = lambda z: (z.tanh().sum((1, 2, 3)) ** 2).log1p()  # noqa: E731
    found = finish(occlusion(score, x, baseline, window, stride))
    expected = Occlusion(score).attribute(
        x, (3, window, window), strides=(3, stride, stride), baselines=baseline
    )
    # captum counts windows in single precision.
    np.testing.assert_allclose(found.map, expected[0, 0], rtol=1e-5)


class StageOne(nn.Module):
    """A segmenter whose logits are the map of stage 1, which is local."""

    optimized = False
    classes = numbered_classes(16)

    def __init__(self, backbone):
        super().__init__()
        self.stage = nn.Sequential(backbone.patch_embed1, *backbone.blocks1, backbone.norm1)
        self.eval()


class LocalScore(RegionScore):
    """A score of the logits of :class:`StageOne`."""

    def forward(self, x):
        return self.of_logits(self.model.stage(x))


def test_hiding_changes_exactly_what_the_receptive_field_holds(tiny):
    model = tiny()
    score = LocalScore(StageOne(model.backbone), pixel_region((64, 64), 36, 25), 3, score="logit")
    x = values(1, 3, 64, 64)
    found = finish(occlusion(score, x, torch.zeros_like(x), 4, 4))
    seen = np.zeros((64, 64), dtype=bool)
    # The pixel is read bilinearly between four tokens.
    for token in ((5, 8), (5, 9), (6, 8), (6, 9)):
        box = receptive_field(model, (64, 64), 1, token)
        seen[box.top_px : box.bottom_px, box.left_px : box.right_px] = True
    np.testing.assert_array_equal(found.map != 0, seen)


def test_hiding_a_segment_of_a_linear_score_takes_what_its_pixels_add(linear):
    score, x, baseline, parts = linear
    segments = np.arange(12)[:, None] // 2 + 6 * (np.arange(17) // 9)
    found = finish(segment_ablation(score, x, baseline, segments))
    expected = np.bincount(segments.ravel(), parts.ravel())[segments]
    np.testing.assert_allclose(found.map, expected, atol=1e-9)
    assert found.note is None


def test_a_single_segment_is_said_to_compare_nothing(linear):
    score, x, baseline, _ = linear
    found = finish(segment_ablation(score, x, baseline, np.zeros((12, 17), dtype=np.int64)))
    assert "one predicted segment" in found.note


def test_segments_are_connected_areas_and_small_ones_join_the_nearest():
    labels = np.zeros((20, 30), dtype=np.uint8)
    labels[:, 20:] = 4
    labels[2:6, 2:6] = 4
    labels[10, 10] = 7
    expected = np.zeros((20, 30), dtype=int)
    expected[2:6, 2:6] = 1
    expected[:, 20:] = 2
    found = connected_segments(labels)
    assert len({*zip(found.ravel(), expected.ravel(), strict=True)}) == 3
    assert found.max() == 2


def test_segments_that_touch_at_a_corner_are_one():
    np.testing.assert_array_equal(connected_segments(np.eye(2, dtype=int)), [[1, 0], [0, 1]])


@pytest.mark.parametrize("pixels", [1, 8])
def test_segments_are_bounded_even_if_all_are_small(pixels):
    labels = np.arange(400).reshape(20, 20) // pixels
    assert connected_segments(labels).max() + 1 == module.MAX_SEGMENTS


@pytest.mark.parametrize(
    ("window", "stride", "words"),
    [(13, 1, "at most 12 px"), (4, 5, "do not fit"), (4, 0, "do not fit"), (1, 1, "204 windows")],
)
def test_windows_that_do_not_fit_are_refused(linear, monkeypatch, window, stride, words):
    score, x, baseline, _ = linear
    monkeypatch.setattr(module, "MAX_WINDOWS", 100)
    with pytest.raises(AnalysisError, match=words):
        next(occlusion(score, x, baseline, window, stride))


def test_a_closed_occlusion_runs_no_further_pass(linear):
    _, x, baseline, _ = linear
    passes = []

    def score(z):
        passes.append(len(z))
        return z.sum((1, 2, 3))

    steps = occlusion(score, x, baseline, 4, 4)
    first = next(steps)
    assert (first.done, first.total) == (4, 15)
    ran = len(passes)
    steps.close()
    assert len(passes) == ran <= first.done + 1


@pytest.mark.parametrize("way", ["windows", "segments"])
def test_what_is_told_of_a_map_on_the_way_is_what_it_ends_with(linear, way):
    """Where no window that is to come reaches; nothing is told where none has been."""
    score, x, baseline, _ = linear
    if way == "windows":
        work = occlusion(score, x, baseline, 4, 4)  # where none overlap but the last ones
    else:
        segments = np.arange(12)[:, None] + 12 * (np.arange(17) // 9)
        work = segment_ablation(score, x, baseline, segments)
    steps, found = told(work)
    maps, whole = [step.found for step in steps], found.map
    known = [np.isfinite(so_far) for so_far in maps]
    assert not known[0].all()
    assert known[-1].all()
    assert all((later | ~earlier).all() for earlier, later in itertools.pairwise(known))
    for so_far, there in zip(maps, known, strict=True):
        np.testing.assert_allclose(so_far[there], whole[there], atol=1e-9)
