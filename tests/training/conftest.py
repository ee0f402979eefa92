"""A data set of a few random pictures."""

import json

import cv2
import numpy as np
import pytest
from tiny_run import CLASSES


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    for split, count in (("train", 5), ("val", 2)):
        for kind in ("images", "masks"):
            (folder / kind / split).mkdir(parents=True)
        for index in range(count):
            name = f"{'ab'[index % 2]}_{index}.png"
            picture = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            labels = rng.choice(np.uint8([0, 3, 8, 255]), (40, 48))
            cv2.imwrite(str(folder / "images" / split / name), picture)
            cv2.imwrite(str(folder / "masks" / split / name), labels)
    rows = [
        {"id": index, "name": name, "color": color.tolist()}
        for index, (name, color) in enumerate(zip(CLASSES.names, CLASSES.palette, strict=True))
    ]
    (folder / "classes.json").write_text(json.dumps({"classes": rows}))
    return folder
