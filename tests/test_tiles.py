import math

import numpy as np
import official
import pytest
import torch
from golden import noise

from uniformer import tiles
from uniformer.tiles import WindowLogits, label_picture, resize_weights, tile_rows

CELLS, NETWORK, PICTURE = (16, 21), (64, 85), (150, 301)


def window(logits: torch.Tensor) -> WindowLogits:
    """One window over the whole network input."""
    down, across = (
        resize_weights(cells, (0, side), torch.ones(side), size)
        for cells, side, size in zip(logits.shape[:2], NETWORK, PICTURE, strict=True)
    )
    return WindowLogits.of(logits, down, across)


def random_logits(classes: int = 9, sharpness: float = 3.0, name: str = "logits") -> torch.Tensor:
    return sharpness * torch.from_numpy(noise(name, (*CELLS, classes)))


def check(maps: tiles.LabelMaps, probabilities: torch.Tensor, atol: float = 3e-6) -> None:
    """Compare with maps taken from full-size probabilities (K, H, W)."""
    top = probabilities.topk(2, dim=0).values
    disagree = torch.from_numpy(maps.labels) != probabilities.argmax(dim=0)
    assert not (disagree & (top[0] - top[1] > atol)).any()
    entropy = torch.special.entr(probabilities.double()).sum(dim=0) / math.log(len(probabilities))
    np.testing.assert_allclose(maps.confidence, top[0], atol=atol)
    np.testing.assert_allclose(maps.margin, top[0] - top[1], atol=atol)
    np.testing.assert_allclose(maps.entropy, entropy, atol=atol)


def full_size(logits: torch.Tensor) -> torch.Tensor:
    return official.whole(logits.permute(2, 0, 1)[None], NETWORK, PICTURE)[0]


@pytest.mark.parametrize("classes", [2, 9, 150])
@pytest.mark.parametrize("sharpness", [0.0, 3.0, 100.0])
def test_tiles_give_the_maps_of_the_full_size_computation(classes, sharpness):
    logits = random_logits(classes, sharpness)
    rounding = 3e-6 * max(1.0, sharpness)  # float32 logits of several hundred
    check(label_picture([[window(logits)]], *PICTURE), full_size(logits), rounding)


@pytest.mark.parametrize("size", [(1, 301), (7, 13), (64, 64), (1000, 1000)])
def test_tile_size_does_not_matter(monkeypatch, size):
    logits = random_logits()
    expected = label_picture([[window(logits)]], *PICTURE)
    monkeypatch.setattr(tiles, "TILE_HEIGHT", size[0])
    monkeypatch.setattr(tiles, "TILE_WIDTH", size[1])
    maps = label_picture([[window(logits)]], *PICTURE)
    assert (maps.labels != expected.labels).mean() < 1e-4
    for name in ("confidence", "entropy", "margin"):
        np.testing.assert_allclose(getattr(maps, name), getattr(expected, name), atol=3e-6)


def test_several_passes_average_their_probabilities():
    first, second = random_logits(name="first"), random_logits(name="second")
    maps = label_picture([[window(first)], [window(second)]], *PICTURE)
    check(maps, (full_size(first) + full_size(second)) / 2)


def test_classes_that_cannot_win_are_left_out(monkeypatch):
    """Leaving them out saves most of the work and does not show."""
    logits = random_logits(classes=50, sharpness=0.5)
    logits[..., 10:] -= 30
    seen = []
    scores = tiles._scores

    def spy(blocks, classes):
        seen.append(len(classes))
        return scores(blocks, classes)

    monkeypatch.setattr(tiles, "_scores", spy)
    check(label_picture([[window(logits)]], *PICTURE), full_size(logits))
    assert max(seen) == 10


def test_a_class_that_wins_in_one_cell_only_is_kept():
    logits = torch.zeros(*CELLS, 5)
    logits[..., 0] = 50.0
    logits[8, 8, 3] = 200.0
    maps = label_picture([[window(logits)]], *PICTURE)
    check(maps, full_size(logits))
    assert (maps.labels == 3).any()


def test_uniform_logits_have_entropy_one_and_no_margin():
    maps = label_picture([[window(torch.zeros(*CELLS, 150))]], *PICTURE)
    assert (maps.entropy <= 1).all()
    np.testing.assert_allclose(maps.entropy, 1, atol=1e-6)
    assert not maps.margin.any()
    assert not maps.labels.any()


def test_each_row_of_tiles_is_a_step():
    calls = []
    label_picture([[window(random_logits())]], *PICTURE, lambda: calls.append(1))
    assert len(calls) == tile_rows(PICTURE[0]) == 3


def test_weights_of_overlapping_windows_add_up_to_one():
    share = torch.ones(100)
    share[40:60] = 0.5
    spans = [(0, 60), (40, 100)]
    total = sum(resize_weights(15, span, share, 333).sum(dim=1) for span in spans)
    torch.testing.assert_close(total, torch.ones(333))
