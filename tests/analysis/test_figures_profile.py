from __future__ import annotations

import numpy as np
import pytest

from analysis import trace
from analysis.core.progress import finish
from analysis.figures.profile import profile_figure
from analysis.profile.depth_profile import depth_profile
from analysis.profile.nulls import profile_with_nulls


@pytest.fixture
def found(tiny, picture):
    image = picture()
    found = finish(profile_with_nulls(trace(tiny("window", 5), image), image))
    return found


def points(axes) -> np.ndarray:
    """All dots of axes in the order of the blocks."""
    lines = [line for line in axes.lines if line.get_linestyle() == "None"]
    return np.concatenate([line.get_ydata() for line in lines])


def test_every_head_has_its_dot_and_every_null_its_line(found):
    figure = profile_figure(found.traced, found.nulls)
    distance, ratio, _, entropy = figure.axes
    for axes, name in ((distance, "distance_picture_px"), (entropy, "entropy")):
        wanted = [getattr(block.heads, name) for block in found.traced.blocks]
        np.testing.assert_array_equal(points(axes), np.concatenate(wanted))
    wanted = [block.distance_over_uniform for block in found.traced.blocks]
    np.testing.assert_array_equal(points(ratio), np.concatenate(wanted))
    lines = {line.get_label(): line.get_ydata() for line in ratio.lines}
    for name, draws in found.nulls.items():
        means = [[block.distance_over_uniform.mean() for block in null.blocks] for null in draws]
        np.testing.assert_allclose(lines[name], np.mean(means, axis=0))
    assert len(ratio.collections) >= len(found.nulls)  # the bands that hold 95 % of draws
    assert "bands hold 95 % of draws" in figure.get_supxlabel()


def test_masses_stand_beside_those_of_uniform_weights(found):
    mass = profile_figure(found.traced, found.nulls).axes[2]
    lines = {line.get_label(): line.get_ydata() for line in mass.lines}
    dotted = [line.get_ydata() for line in mass.lines if line.get_linestyle() == ":"]
    crosses = [line.get_ydata() for line in mass.lines if line.get_marker() == "x"]
    blocks = found.traced.blocks
    wanted = [block.heads.mass_3x3.mean() for block in blocks]
    np.testing.assert_array_equal(lines["3 x 3 tokens"], wanted)
    wanted = [block.uniform.mass_7x7[0] for block in blocks]
    np.testing.assert_array_equal(dotted[2], wanted)
    draws = next(iter(found.nulls.values()))
    wanted = [[block.heads.mass_5x5.mean() for block in null.blocks] for null in draws]
    np.testing.assert_allclose(crosses[1], np.mean(wanted, axis=0))


def test_stages_blocks_padding_and_grade_are_named(found, tiny, picture):
    figure = profile_figure(found.traced)
    labels = [label.get_text() for label in figure.axes[3].get_xticklabels()]
    assert labels == [block.name for block in found.traced.blocks]
    assert [text.get_text() for text in figure.axes[0].texts] == [f"stage {n}" for n in range(1, 5)]
    caption = figure.get_supxlabel()
    assert caption.startswith("[S · statistic")
    worst = max(block.padding_mass.mean() for block in found.traced.blocks)
    assert f"{worst:.0%} of all weight" in caption
    plain = finish(depth_profile(trace(tiny(), picture())))
    assert "No weight is on padding" in profile_figure(plain).get_supxlabel()
