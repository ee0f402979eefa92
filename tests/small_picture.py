"""One small picture in many kinds of file: what it shows, and what is said of it."""

import numpy as np
import pytest

from uniformer.pictures import PictureError, open_picture, read_picture


def colours(height=24, width=40):
    """uint8 RGB whose channels differ everywhere, from light to dark."""
    y, x = np.mgrid[:height, :width]
    return np.stack([255 - 4 * x, 3 * y + 40, 2 * (x + y) + 10], axis=-1).astype(np.uint8)


GREY = colours()[..., 0]


def refusal(source):
    with pytest.raises(PictureError) as caught:
        open_picture(source)
    return str(caught.value)


def shown(data, expected, within=1, notes=0):
    """Check what a file shows, and that there are so many notes; return them as one text."""
    picture = read_picture(data)
    expected = np.broadcast_to(expected[..., None] if expected.ndim == 2 else expected, (24, 40, 3))
    assert np.abs(picture.pixels.astype(int) - expected).max() <= within
    assert len(picture.notes) == notes, picture.notes
    assert all(note.endswith(".") for note in picture.notes)
    return " ".join(picture.notes)
