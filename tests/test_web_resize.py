"""What the network sees in the browser, against OpenCV and :mod:`uniformer.preprocess`."""

from __future__ import annotations

from base64 import b64decode

import numpy as np
import pytest
from javascript import base64_of, with_modules

from uniformer.preprocess import MEAN, STD, network_size, preprocess

SIZES = ((81, 123), (300, 200), (64, 512), (33, 40), (128, 128), (17, 1000))
"""Of pictures: made smaller, larger, exactly half as large, and a strip of the largest length."""


@pytest.mark.parametrize("divisor", [1, 32])
def test_the_browser_resizes_as_the_official_pipeline_does(divisor: int) -> None:
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (*size, 4), dtype=np.uint8) for size in SIZES]
    found = with_modules(
        ["resize.js"],
        """
        return given.pictures.map(({ text, height, width }) => {
          const picture = { data: bytes(text), height, width, channels: 4 };
          const made = preprocess(picture, 64, given.divisor, given.normalisation);
          return { ...made, input: Buffer.from(made.input.buffer).toString("base64") };
        });
        """,
        {
            "divisor": divisor,
            "normalisation": {"mean": MEAN, "std": STD},
            "pictures": [
                {"text": base64_of(each), "height": each.shape[0], "width": each.shape[1]}
                for each in pictures
            ],
        },
    )
    for picture, made in zip(pictures, found, strict=True):
        expected = preprocess(np.ascontiguousarray(picture[..., :3]), 64, divisor).numpy()
        assert (made["height"], made["width"]) == expected.shape[-2:]
        values = np.frombuffer(b64decode(made["input"]), dtype="<f4").reshape(expected.shape)
        levels = np.abs(values - expected) * np.reshape(STD, (1, 3, 1, 1))
        assert levels.max() <= 1.001
        assert (levels > 0.001).mean() < 0.001


def test_sizes_are_those_of_the_official_pipeline() -> None:
    rng = np.random.default_rng(2)
    sizes = rng.integers(8, 5000, (300, 2)).tolist()
    asked = [(height, width, side) for height, width in sizes for side in (256, 384)]
    found = with_modules(
        ["resize.js"],
        "return given.map(([height, width, side]) => networkSize(height, width, side, 32));",
        asked,
    )
    assert found == [list(network_size(*each, 32)) for each in asked]
