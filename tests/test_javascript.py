"""What the lens computes in the browser, at every token and pixel, against the analysis."""

from __future__ import annotations

import math

import numpy as np
import pytest
from javascript import evaluate

from analysis import global_affinity, local_affinity, row_statistics, trace
from analysis.affinity.atlas import ERROR_OF_PEAK
from analysis.report import lens_data
from analysis.report.lens_data import lens_view
from analysis.report.scripts import SHARED
from uniformer import create_model, segment

LENS = (*SHARED, "lens_data.js")
DRAW = (*SHARED, "lens_draw.js")
SIZE = (70, 101)
"""Of the picture: neither side is a multiple of a stage's stride."""

ANSWERS = """
  const data = await readPayload(given);
  const answers = [];
  for (const piece of data.pieces.values()) {
    const stage = data.stages[piece.stage];
    const answer = LOCAL.includes(piece.stage) ? answerLocal : answerGlobal;
    for (let row = 0; row < stage.rows; row++) {
      for (let column = 0; column < stage.columns; column++) {
        const found = answer(stage, piece, [row, column], null);
        const { stage: number, block } = piece;
        answers.push({ ...found, stage: number, block, weight: [...found.weight] });
      }
    }
  }
  return answers;
"""
TOKENS = """
  return given.stages.map((stage) => Array.from({ length: given.picture_height }, (_, y) =>
    Array.from({ length: given.picture_width }, (_, x) => tokenAt(stage, x, y))));
"""
# What the zoom writes to is not looked at here.
FRAME = """
  const nothing = { style: { setProperty() {} }, classList: { toggle() {} } };
  const [root, data, probe] = [nothing, { picture_width: 1, picture_height: 1 }, [0, 0]];
  const element = { ...nothing, querySelector: () => nothing };
  const part = () => nothing;
"""


@pytest.fixture(scope="module", params=["global", "window"])
def shown(request):
    """A picture of noise: its trace in one reach, and the lens' payload."""
    model = create_model("nano")
    model.set_reach(request.param, 3)
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    traced = trace(model, picture, short_side=64)
    return traced, lens_view(segment(picture, model, short_side=64), traced, 10**9)


def test_every_pixel_has_the_token_of_the_analysis(shown):
    traced, payload = shown
    found = evaluate(LENS, TOKENS, payload)
    for stage, tokens in enumerate(found, start=1):
        grid = traced.grid(stage)
        wanted = [[list(grid.token_at(x, y)) for x in range(SIZE[1])] for y in range(SIZE[0])]
        assert tokens == wanted


def test_every_token_of_every_block_has_the_row_of_the_analysis(shown):
    traced, payload = shown
    answers = evaluate(LENS, ANSWERS, payload)
    tokens = sum(math.prod(traced.grid(piece["stage"]).shape) for piece in payload["pieces"])
    assert len(answers) == tokens
    for answer in answers[::3]:
        stage, block, token = answer["stage"], answer["block"], tuple(answer["token"])
        if stage <= 2:
            row = local_affinity(traced, stage, block, token)
            wanted = row.norm_share.ravel()
            assert answer["keys"] == sum(answer["inside"])
        else:
            row = global_affinity(traced, stage, block, token)
            wanted = row.weight.mean(0).ravel()
            window = answer["window"]
            rows, columns = traced.grid(stage).shape
            seen = np.zeros((rows, columns), dtype=bool)
            seen[window["top"] :, window["left"] :][: window["rows"], : window["columns"]] = True
            assert not wanted[~seen.ravel()].any()
        assert np.abs(np.array(answer["weight"]) - wanted).max() <= ERROR_OF_PEAK * wanted.max()
        numbers = row_statistics(row).of(None)
        for name, of in (("distance", "distance_picture_px"), ("entropy", "entropy")):
            assert answer[name] == pytest.approx(numbers[of], rel=1e-5, abs=1e-6)
        shares = [share for _, share in answer["composition"]]
        assert shares == sorted(shares, reverse=True)
        padding = answer.get("padding") or 0
        assert sum(shares) + padding == pytest.approx(1, abs=1e-3)


def test_classes_are_those_of_the_picture_when_less_of_it_is_sent(monkeypatch):
    monkeypatch.setattr(lens_data, "MAX_LENS_SIDE", 32)
    model = create_model("nano")
    picture = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    traced = trace(model, picture, short_side=64)
    payload = lens_view(segment(picture, model, short_side=64), traced, 1)
    assert max(payload["width"], payload["height"]) == 32
    program = """
      const data = await readPayload(given);
      const pixels = Array.from(data.labels, (_, at) =>
        [at % data.picture_width, Math.floor(at / data.picture_width)]);
      const classes = pixels.map((pixel) => classAt(data, pixel));
      return { index: classes.map((one) => one.index), percent: classes.map((one) => one.percent),
        shown: [...labelsShown(data)] };
    """
    found = evaluate(LENS, program, payload)
    assert found["index"] == traced.labels.ravel().tolist()
    assert all(percent.startswith("≈ ") for percent in found["percent"])
    rows, columns = (
        ((np.arange(small) + 0.5) * whole / small).astype(int)
        for small, whole in zip((payload["height"], payload["width"]), SIZE, strict=True)
    )
    assert found["shown"] == traced.labels[np.ix_(rows, columns)].ravel().tolist()


def test_a_colour_is_one_number_of_its_bytes():
    found = evaluate(SHARED, 'return [toPixel("#0a1420", 255), channels("#0a1420")];')
    assert found == [int.from_bytes([0x0A, 0x14, 0x20, 0xFF], "little"), [10, 20, 32]]


def test_colours_are_logarithmic_and_grey_where_weights_are_even():
    times = [0, 1e-9, 1 / 16, 1 / 4, 1, 4, 16, 1e9]
    steps = evaluate(DRAW, "return given.map(step);", times)
    assert steps == [0, 0, 0, 64, 128, 191, 255, 255]
    many = evaluate(DRAW, "return given.map(step);", np.geomspace(0.01, 99).tolist())
    assert many == sorted(many)


def test_zoom_keeps_its_point_and_the_picture_in_the_frame():
    rng = np.random.default_rng(0)
    turns = np.stack([rng.uniform(0.3, 3, 200), *rng.uniform(0, 1, (2, 200))], axis=1)
    program = FRAME + "return given.map(([by, u, v]) => (zoomAt(by, u, v), { ...zoom }));"
    found = evaluate(["lens_zoom.js"], program, turns.tolist())
    before, kept = {"scale": 1, "x": 0, "y": 0}, 0
    for (_, u, v), after in zip(turns, found, strict=True):
        assert 1 <= after["scale"] <= 16
        for axis, at in (("x", u), ("y", v)):
            assert 1 - after["scale"] <= after[axis] <= 0
            place = (at - before[axis]) / before["scale"] * after["scale"] + after[axis]
            inside = 1 - after["scale"] < after[axis] < 0
            kept += inside
            assert not inside or place == pytest.approx(at)
        before = after
    assert kept > 50
