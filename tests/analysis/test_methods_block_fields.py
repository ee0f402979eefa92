"""What a token can see after each block: between windows only the position encoding carries on."""

from __future__ import annotations

from analysis import QUESTIONS, finish

AT = {"x": 0, "y": 0, "short_side": 64, "probes": 1}


def test_windows_grow_with_the_position_encoding_and_not_without(tiny, picture):
    rows = finish(QUESTIONS["receptive-field"](tiny("window", 2), picture(), **AT)).tables["blocks"]
    assert [(row["stage"], row["block"]) for row in rows] == [
        (1, 0), (2, 0), (3, 0), (3, 1), (3, 2), (3, 3), (4, 0),
    ]  # fmt: skip
    first, second, *third, last = rows
    assert (first["width_input_px"], first["without_encoding_width_input_px"]) == (16, 12)
    assert second["width_input_px"] > second["without_encoding_width_input_px"]
    widths = [row["width_input_px"] for row in third]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1] == 96
    # Two tokens of stage 3 and what the kernels of stages 1 and 2 add, block after block the same.
    assert {row["without_encoding_width_input_px"] for row in third} == {32 + 2 * 8 + 2 * 4}
    assert (last["height_input_px"], last["width_input_px"]) == (64, 96)
    assert (last["without_encoding_height_input_px"], last["without_encoding_width_input_px"]) == (
        64,
        96,
    )


def test_the_token_is_the_one_at_the_pixel(tiny, picture):
    place = {"x": 95, "y": 32, "short_side": 64, "probes": 1}
    first, *_ = finish(QUESTIONS["receptive-field"](tiny(), picture(), **place)).tables["blocks"]
    # 7 tokens of 4 pixels high; at the right border 3 of 7 in width are cut off.
    assert (first["height_input_px"], first["width_input_px"]) == (28, 16)
