"""What the names of other label sets mean in the bundled model's classes.

A true label of a coarser set does not say which of our classes a pixel shows, only that it is one
of several: label maps for training hold such a group as the id ``FIRST_GROUP`` plus its number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np

from uniformer.classes import IGNORE_INDEX, class_set
from uniformer.dataset import DatasetError

EVERYDAY = class_set("everyday50").names
COARSE = class_set("everyday22").names

FIRST_GROUP = 128
"""Id of the first group in a label map; group i has the members of COARSE[i]."""

UNKNOWN = IGNORE_INDEX
OTHER = 254
"""A pixel known to show none of our classes: nothing is learned there, no teacher is asked."""

INDOORS = ("wall", "windowpane", "door")
"""Part of the interior in a picture taken indoors, of the building outdoors."""

ADE = [
    *("wall", "building", "sky", "floor", "tree", "ceiling", "road", "bed", "windowpane", "grass"),
    *("cabinet", "sidewalk", "person", "earth", "door", "table", "mountain", "plant", "curtain"),
    *("chair", "car", "water", "painting", "sofa", "shelf", "building", "sea", "mirror", "rug"),
    *("grass", "chair"),
]
"""Our names of the 31 classes of the ADE20K teachers: a house is a building, a field is grass."""

VOC = [
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("table", "dog", "horse", "motorbike", "person", "plant", "sheep", "sofa", "train", "tv"),
]
"""Our names of the 20 classes of the PASCAL VOC teacher, its background left out."""

_COCO = {
    "airplane": "aeroplane",
    "motorcycle": "motorbike",
    "couch": "sofa",
    "potted plant": "plant",
    "dining table": "table",
    "stop sign": "sign",
    "elephant": "animal",
    "bear": "animal",
    "zebra": "animal",
    "giraffe": "animal",
    "truck": "vehicle",
    "door-stuff": "door",
    "floor-wood": "floor",
    "floor-other-merged": "floor",
    "house": "building",
    "roof": "building",
    "building-other-merged": "building",
    "mirror-stuff": "mirror",
    "river": "water",
    "water-other": "water",
    "window-other": "windowpane",
    "window-blind": "windowpane",
    "wall-brick": "wall",
    "wall-stone": "wall",
    "wall-tile": "wall",
    "wall-wood": "wall",
    "wall-other-merged": "wall",
    "pavement-merged": "sidewalk",
    "dirt-merged": "earth",
    "gravel": "earth",
    "table-merged": "table",
    "counter": "interior",
    "refrigerator": "interior",
    "oven": "interior",
    "microwave": "interior",
    "sink": "interior",
    "toilet": "interior",
} | dict.fromkeys(
    (
        *("banana", "apple", "sandwich", "orange", "broccoli", "carrot", "pizza", "donut", "cake"),
        *("fruit", "hot dog", "food-other-merged"),
    ),
    "food",
)


def coarse_names() -> tuple[str, ...]:
    """Return the coarse class of each of our classes, indoors."""
    file = resources.files("uniformer") / "data" / "everyday50.json"
    return tuple(row["coarse"] for row in json.loads(file.read_text("utf-8"))["classes"])


def groups() -> np.ndarray:
    """Return which of our classes each group may be, bool (groups, classes).

    "interior" names whatever stands behind furniture, outlines included, so nothing is learned
    from it; a building's label covers its windows, doors and walls.
    """
    members = np.array([[own == coarse for own in coarse_names()] for coarse in COARSE])
    members[COARSE.index("interior")] = False
    members[COARSE.index("building"), [EVERYDAY.index(name) for name in INDOORS]] = True
    return members


def read_id_names(file: Path) -> dict[int, str]:
    """Return the name of every id from a JSON object of them.

    Raises :class:`~uniformer.dataset.DatasetError`, which names the file.
    """
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
        return {int(index): str(name) for index, name in names.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise DatasetError(f"{file} holds no names of ids: {error}.") from error


def from_coarse() -> np.ndarray:
    """Return the id in a label map for training of every id of the 22 coarse classes, uint8."""
    table: np.ndarray = np.full(256, UNKNOWN, dtype=np.uint8)
    for index, members in enumerate(groups()):
        if members.sum() == 1:
            table[index] = members.argmax()
        elif members.any():
            table[index] = FIRST_GROUP + index
    return table


def from_coco(names: Mapping[int, str]) -> np.ndarray:
    """Return the same for ids of COCO panoptic, whose ``names`` are given; 0 is not annotated."""
    table: np.ndarray = np.full(256, UNKNOWN, dtype=np.uint8)
    for index, name in names.items():
        own = _own_name(name)
        if own in EVERYDAY:
            table[index] = EVERYDAY.index(own)
        elif own in COARSE and own != "interior":
            table[index] = FIRST_GROUP + COARSE.index(own)
        elif index != 0:
            table[index] = OTHER
    return table


def coarse_of_coco(names: Mapping[int, str], indoors: bool) -> np.ndarray:
    """Return the coarse class of every id of COCO panoptic, uint8, 255 where there is none.

    Food, dishes and other small things have none: the coarse classes do not name them.
    """
    coarse = dict(zip(EVERYDAY, coarse_names(), strict=True)) | {"food": None, "bottle": None}
    table: np.ndarray = np.full(256, UNKNOWN, dtype=np.uint8)
    for index, name in names.items():
        own = _own_name(name)
        found = coarse.get(own, own)
        if own in INDOORS and not indoors:
            found = "building"
        if found in COARSE:
            table[index] = COARSE.index(found)
    return table


def coarse_of_everyday(indoors: bool) -> np.ndarray:
    """Return the coarse class of each of our classes, uint8 (classes,)."""
    names = [
        "building" if own in INDOORS and not indoors else coarse
        for own, coarse in zip(EVERYDAY, coarse_names(), strict=True)
    ]
    return np.array([COARSE.index(name) for name in names], dtype=np.uint8)


def _own_name(coco: str) -> str:
    """Return what a class of COCO panoptic is called here, or its own name."""
    plain = coco.removesuffix("-merged").removesuffix("-other")
    return _COCO.get(coco, plain if plain in EVERYDAY else coco)
