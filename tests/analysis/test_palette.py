"""The colours that browsers get without matplotlib are those of its figures."""

from __future__ import annotations

import pytest
from matplotlib import colormaps
from matplotlib.colors import to_hex

from analysis.figures.palette import SEQUENTIAL, color_steps


@pytest.mark.parametrize("count", [2, 101, 256])
def test_the_steps_are_those_of_the_colour_map(count):
    drawn = [to_hex(colormaps[SEQUENTIAL](step / (count - 1))) for step in range(count)]
    assert color_steps(count) == drawn
