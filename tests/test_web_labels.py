"""Labels and certainty as the browser makes them of logits, against :mod:`uniformer.tiles`."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import numpy as np
import pytest
import torch
from javascript import base64_of, with_modules

from uniformer.tiles import WindowLogits, label_picture, resize_weights

CLASSES = 7
PROGRAM = """
  const logits = { ...given.logits, data: floats(given.logits.data) };
  const text = (array) => Buffer.from(array.buffer).toString("base64");
  const [height, width] = given.size;
  const made = labelPicture(logits, height, width);
  const alone = labelMap(logits, height, width);
  const at = given.pixels.map(([x, y]) => [...softmax(logitsAt(logits, height, width, x, y))]);
  const maps = [made.labels, made.confidence, made.entropy, made.margin, alone].map(text);
  return { maps, shape: [made.mapHeight, made.mapWidth], found: made.found, at };
"""
PIXELS = ((0, 0), (130, 70), (60, 9))


@pytest.mark.parametrize(
    ("cells", "size"),
    [((16, 24), (75, 131)), ((8, 16), (300, 201)), ((24, 16), (97, 131)), ((2, 2), (90, 140))],
    ids=["larger", "much-larger", "as-large", "few-cells"],
)
def test_labels_and_certainty_are_those_of_the_segmenter(
    cells: tuple[int, int], size: tuple[int, int]
) -> None:
    logits = _smooth_logits(cells)
    found, maps = _in_javascript(logits, size)
    passes = [[_window(logits, size)]]
    expected = label_picture(passes, *size)
    assert found["shape"] == list(size)
    assert (maps[0] == expected.labels.ravel()).mean() > 0.9999
    assert (maps[4] == maps[0]).all()
    for made, name in zip(maps[1:4], ("confidence", "entropy", "margin"), strict=True):
        assert np.abs(made - 100 * getattr(expected, name).ravel()).max() <= 0.51, name
    assert len({each["index"] for each in found["found"]}) >= 4
    for each in found["found"]:
        here = expected.labels == each["index"]
        assert each["share"] == pytest.approx(here.mean(), abs=1e-3)
        assert each["meanConfidence"] == pytest.approx(expected.confidence[here].mean(), abs=6e-3)
    for (x, y), chances in zip(PIXELS, found["at"], strict=True):
        assert max(chances) == pytest.approx(float(expected.confidence[y, x]), abs=1e-5)
        assert np.argmax(chances) == expected.labels[y, x]


def test_certainty_of_a_large_picture_is_that_of_pixels_spread_evenly() -> None:
    size, logits = (80, 1500), _smooth_logits((8, 64))
    found, maps = _in_javascript(logits, size)
    expected = label_picture([[_window(logits, size)]], *size)
    height, width = found["shape"]
    assert max(height, width) == 1024
    rows = ((np.arange(height) + 0.5) * size[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * size[1] / width).astype(int)
    assert (maps[0] == expected.labels.ravel()).mean() > 0.9999
    there = 100 * expected.confidence[rows[:, None], columns].ravel()
    assert np.abs(maps[1] - there).max() <= 0.51


def _smooth_logits(cells: tuple[int, int]) -> np.ndarray:
    rng = np.random.default_rng(3)
    return (6 * rng.standard_normal((CLASSES, *cells))).astype(np.float32)


def _window(logits: np.ndarray, size: tuple[int, int]) -> WindowLogits:
    spans = [
        resize_weights(cells, (0, 4 * cells), torch.ones(4 * cells), side)
        for cells, side in zip(logits.shape[1:], size, strict=True)
    ]
    return WindowLogits.of(torch.from_numpy(logits).permute(1, 2, 0).contiguous(), *spans)


def _in_javascript(
    logits: np.ndarray, size: tuple[int, int]
) -> tuple[dict[str, Any], list[np.ndarray]]:
    _, rows, columns = logits.shape
    given = {
        "size": size,
        "pixels": PIXELS,
        "logits": {
            "data": base64_of(logits),
            "classes": CLASSES,
            "rows": rows,
            "columns": columns,
            "networkHeight": 4 * rows,
            "networkWidth": 4 * columns,
        },
    }
    found = with_modules(["label.js"], PROGRAM, given)
    return found, [np.frombuffer(b64decode(text), np.uint8).astype(float) for text in found["maps"]]
