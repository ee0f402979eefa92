from pathlib import Path

import numpy as np
import pytest
from golden import sample
from toy import recorded_picture

from uniformer.preprocess import network_size, preprocess

GOLDEN = np.load(Path(__file__).parent / "data/golden/pipeline.golden.npz")
DIVISORS = {"upernet_global_small": 1, "fpn_global_small": 32}


@pytest.mark.parametrize("size", [(90, 120), (121, 83), (600, 800)])
@pytest.mark.parametrize("config", DIVISORS)
def test_tensor_is_that_of_the_official_pipeline(size, config):
    picture = recorded_picture(*size)
    key = f"{size[0]}x{size[1]}"
    assert picture.astype(np.int64).sum() == GOLDEN[f"{key}.image_rgb.sum"]

    tensor = preprocess(picture, 512, DIVISORS[config])

    assert tuple(tensor.shape[1:]) == tuple(GOLDEN[f"{key}.{config}.tensor.shape"])
    recorded = GOLDEN[f"{key}.{config}.tensor.sample"]
    np.testing.assert_allclose(sample(tensor), recorded, rtol=0, atol=1e-6)
    mean, std = GOLDEN[f"{key}.{config}.tensor.mean_std"]
    assert tensor.double().mean().item() == pytest.approx(mean, abs=1e-6)
    assert tensor.double().std(unbiased=False).item() == pytest.approx(std, abs=1e-6)


def test_red_stays_in_the_first_channel():
    red = np.zeros((64, 64, 3), dtype=np.uint8)
    red[..., 0] = 255
    channels = preprocess(red, 64)[0, :, 0, 0]
    np.testing.assert_allclose(channels, [2.2489, -2.0357, -1.8044], atol=1e-4)


@pytest.mark.parametrize(
    ("picture", "divisor", "expected"),
    [
        ((480, 640), 1, (512, 683)),
        ((480, 640), 32, (512, 704)),
        ((640, 480), 32, (704, 512)),
        ((3000, 4000), 1, (512, 683)),
        ((200, 6000), 1, (68, 2048)),
        ((200, 6000), 32, (96, 2048)),
        ((8, 512), 1, (32, 2048)),
    ],
)
def test_size_is_the_official_one(picture, divisor, expected):
    assert network_size(*picture, 512, divisor) == expected


def test_scale_moves_both_limits():
    assert network_size(480, 640, 512, 1, 0.5) == (256, 341)
    assert network_size(200, 6000, 512, 1, 1.75) == (119, 3584)


def test_no_side_is_smaller_than_the_network_can_take():
    assert min(network_size(100, 6400, 64, 1, 0.25)) == 32
