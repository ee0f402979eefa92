"""A large photo is worked on at the size it is shown, and taken away with all its pixels."""

from __future__ import annotations

import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from ui.host.settings import Settings
from ui.service.actions import Actions
from ui.service.examples import EXAMPLES
from ui.service.shared_results import Shared, SharedResults
from ui.service.shown_size import SHOWN_PIXELS, made_smaller
from ui.service.take_away import labels_file
from uniformer.pictures import Picture, open_picture

SIZE = (2304, 1536)
"""Width and height of the photo, in pixels."""


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "large.jpg"
    picture = open_picture(next(iter(EXAMPLES.values())).path)
    Image.fromarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC)).save(path)
    return path


@pytest.mark.parametrize("size", [(3000, 4000), (200, 30_000), (7000, 300)])
def test_no_picture_is_shown_larger_and_none_loses_its_proportions_or_notes(size):
    shown = made_smaller(Picture(np.zeros((*size, 3), np.uint8), ("a note",)))
    height, width = shown.pixels.shape[:2]
    assert height * width <= SHOWN_PIXELS
    assert abs(width / height / (size[1] / size[0]) - 1) < 0.01
    assert shown.notes[0] == "a note"
    assert f"{size[1]} × {size[0]}" in shown.notes[1]


def test_a_picture_of_the_size_of_a_screen_stays_as_it_is():
    picture = Picture(np.zeros((1080, 1836, 3), np.uint8))
    assert made_smaller(picture) is picture


def test_what_is_taken_away_has_every_pixel_and_the_labels_that_were_shown(photo, tmp_path):
    actions = Actions(Settings())
    now = actions.open_photo(actions.first.selection, str(photo), photo.name).selection
    shown = actions.stored(now).result
    assert shown.labels.size <= SHOWN_PIXELS

    def taken(kind):
        stored, whole = actions.stored(now), lambda: actions.whole(now)
        return io.BytesIO(labels_file(stored, lambda: actions.trace(now), whole, kind)[0])

    whole = np.load(taken("npz"))["labels"]
    assert whole.shape == SIZE[::-1]
    near = cv2.resize(whole, shown.labels.shape[::-1], interpolation=cv2.INTER_NEAREST)
    assert (near == shown.labels).mean() > 0.98
    told = json.load(taken("json"))
    assert told["picture"]["width"] == SIZE[0]
    assert told["settings"]["made_smaller_to"] == list(shown.labels.shape)
    with Image.open(taken("png")) as file:
        assert file.size == SIZE
    shared, whole = SharedResults(tmp_path, 10**9, 60), actions.stored(now).original
    shared.write("key", Shared(shown, {}, whole))
    assert np.array_equal(shared.read("key").original.pixels, whole.pixels)
    again = actions.change_reach(now, "window", 8).selection
    assert actions.whole(again).labels.shape == SIZE[::-1]
