"""Distances and sides of fields are in pixels of the picture that was given."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import QUESTIONS, finish, trace
from analysis.affinity.row_summary import affinity_row, row_statistics

AT = {"x": 501, "y": 99, "short_side": 128}


@pytest.fixture
def model(tiny):
    return tiny("window", 3, divisor=32)


@pytest.fixture
def photo(picture):
    """A picture whose sides are resized by two factors, to (128, 384)."""
    return picture(250, 700)


def test_distances_of_a_row_are_those_between_places_of_the_picture(model, photo):
    traced = trace(model, photo, short_side=AT["short_side"])
    assert traced.network_size_px == (128, 384)
    for stage in (3, 4):
        row, grid = affinity_row(traced, stage, 0, AT["x"], AT["y"]), traced.grid(stage)
        places = np.array([grid.center_px(token) for token in np.ndindex(grid.shape)])
        apart = np.hypot(*(places - grid.center_px(row.token)).T).reshape(grid.shape)
        steps = np.argwhere(np.ones(grid.shape)) - row.token
        on_input = grid.stride * np.hypot(*steps.T).reshape(grid.shape)
        weight = row.weight / row.weight.sum((1, 2), keepdims=True)
        found = row_statistics(row)
        for distances, wanted in (
            (found.heads.distance_picture_px, apart),
            (found.heads.distance_input_px, on_input),
        ):
            np.testing.assert_allclose(distances, (weight * wanted).sum((1, 2)))
        keys = row.weight[0] > 0
        np.testing.assert_allclose(found.uniform.distance_picture_px, apart[keys].mean())
        assert found.of(None)["distance_picture_px"] > 1.8 * found.of(None)["distance_input_px"]


def test_every_question_about_distance_tells_those_of_the_picture(model, photo):
    """They are larger than those of the input by a factor between those of the axes."""
    for question in ("affinity", "jacobian", "profile", "representation"):
        given = (
            {"short_side": AT["short_side"]} if question in ("profile", "representation") else AT
        )
        tables = finish(QUESTIONS[question](model, photo, **given)).tables.values()
        rows = [row for rows in tables for row in rows if "distance_picture_px" in row]
        assert rows
        for row in rows:
            if np.isfinite(row["distance_input_px"]) and row["distance_input_px"]:
                factor = row["distance_picture_px"] / row["distance_input_px"]
                assert 700 / 384 - 1e-9 <= factor <= 250 / 128 + 1e-9


def test_sides_of_fields_are_those_in_the_picture(model, photo):
    answer = finish(QUESTIONS["receptive-field"](model, photo, probes=1, **AT))
    for row in answer.tables["fields"]:
        down, across = 250 / 128, 700 / 384
        height = row["theoretical_height_picture_px"]
        assert height == pytest.approx(down * row["theoretical_height_input_px"])
        width = row["theoretical_width_picture_px"]
        assert width == pytest.approx(across * row["theoretical_width_input_px"])
        area = row["side_50_picture_px"] ** 2
        assert area == pytest.approx(down * across * row["side_50_input_px"] ** 2)
    last = answer.tables["fields"][-1]
    half = f"half of its energy within {last['side_50_picture_px']:.0f} px"
    assert half in answer.sentence
    size = (last["theoretical_height_picture_px"], last["theoretical_width_picture_px"])
    assert size == pytest.approx((250, 700))
    title = answer.figure().get_suptitle()
    assert "row 99, column 501 of 250 x 700 pixels of the picture" in title
