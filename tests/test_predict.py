from pathlib import Path

import numpy as np
import official
import pytest
import torch
from golden import fill_model, sample
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode
from toy import Toy, recorded_picture

from uniformer import create_model, segment
from uniformer.engines import optimize_for_inference
from uniformer.pictures import PictureError
from uniformer.predict import window_spans
from uniformer.preprocess import preprocess

GOLDEN = np.load(Path(__file__).parent / "data/golden/pipeline.golden.npz")


def assert_same(result, probabilities: torch.Tensor) -> None:
    """Labels and confidence are those of full-size probabilities (K, H, W), but for ties."""
    top = probabilities.topk(2, dim=0).values
    disagree = torch.from_numpy(result.labels) != probabilities.argmax(dim=0)
    assert not (disagree & (top[0] - top[1] > 1e-6)).any()
    np.testing.assert_allclose(result.confidence, top[0], atol=3e-6)
    np.testing.assert_allclose(result.margin, top[0] - top[1], atol=3e-6)


@pytest.fixture(scope="module", params=["small-fpn", "small-upernet"])
def official_model(request):
    return fill_model(create_model(request.param, weights=None))


@pytest.mark.parametrize("size", [(90, 120), (121, 83)])
def test_labels_and_probabilities_are_those_of_the_official_pipeline(official_model, size):
    model = official_model
    logits = []
    hook = model.register_forward_hook(lambda module, args, output: logits.append(output))
    result = segment(recorded_picture(*size), model)
    hook.remove()

    config = {"small-fpn": "fpn", "small-upernet": "upernet"}[model.config.name]
    key = f"{size[0]}x{size[1]}.{config}_global_small"
    recorded = GOLDEN[f"{key}.label_map"]
    flipped = result.labels != recorded
    assert flipped.sum() <= 2
    assert (result.margin[flipped] < 1e-5).all()

    probabilities = official.whole(logits[0], result.settings["network_sizes"][0], size)
    np.testing.assert_allclose(sample(probabilities), GOLDEN[f"{key}.prob.sample"], atol=1e-5)
    assert_same(result, probabilities[0])


@pytest.mark.parametrize("size", [(64, 96), (90, 121), (300, 200), (20, 600)])
@pytest.mark.parametrize("divisor", [1, 32])
def test_whole_mode_is_the_official_path(size, divisor):
    model, picture = Toy(divisor=divisor), recorded_picture(*size)
    x = preprocess(picture, 64, divisor)
    assert_same(segment(picture, model), official.whole(model(x), x.shape[-2:], size)[0])


@pytest.mark.parametrize("size", [(64, 96), (150, 200), (90, 400)])
@pytest.mark.parametrize("short_side", [100, 150])
def test_slide_mode_averages_windows_as_the_official_code(size, short_side):
    model, picture = Toy(), recorded_picture(*size)
    x = preprocess(picture, short_side)
    expected = official.slide(model, x, crop=64, stride=42, picture=size)
    assert_same(segment(picture, model, mode="slide", short_side=short_side), expected[0])


def test_slide_mode_with_windows_as_large_as_the_input_is_whole_mode():
    model, picture = Toy(), recorded_picture(70, 70)
    whole, slide = (segment(picture, model, mode=mode) for mode in ("whole", "slide"))
    np.testing.assert_array_equal(whole.labels, slide.labels)
    np.testing.assert_array_equal(whole.confidence, slide.confidence)


@pytest.mark.parametrize("length", [1, 40, 64, 65, 100, 106, 107, 683, 2048])
def test_windows_lie_where_the_official_code_puts_them(length):
    crop, stride = 64, 42
    count = max(length - crop + stride - 1, 0) // stride + 1
    stops = [min(index * stride + crop, length) for index in range(count)]
    assert window_spans(length, crop) == [(max(stop - crop, 0), stop) for stop in stops]


def test_windows_of_official_models_are_341_pixels_apart():
    assert window_spans(1024, 512) == [(0, 512), (341, 853), (512, 1024)]


def test_scales_average_probabilities_at_the_size_of_the_picture():
    model, picture = Toy(), recorded_picture(100, 140)
    expected = 0
    for scale in (0.5, 1.0, 1.75):
        x = preprocess(picture, 64, scale=scale)
        expected = expected + official.whole(model(x), x.shape[-2:], (100, 140)) / 3
    result = segment(picture, model, scales=(0.5, 1.0, 1.75))
    assert_same(result, expected[0])
    assert result.settings["network_sizes"] == [[32, 45], [64, 90], [112, 157]]


def test_one_scale_of_one_is_the_single_prediction():
    model, picture = Toy(), recorded_picture(100, 140)
    single, scaled = segment(picture, model), segment(picture, model, scales=[1])
    np.testing.assert_array_equal(single.confidence, scaled.confidence)


@pytest.mark.parametrize("mode", ["whole", "slide"])
def test_flip_averages_with_the_mirror_image(mode):
    model, picture = Toy(), recorded_picture(64, 150)
    x = preprocess(picture, 64)
    arguments = {"crop": 64 if mode == "slide" else 150, "stride": 42, "picture": (64, 150)}
    there = official.slide(model, x, **arguments)
    back = official.slide(model, x.flip(-1), **arguments).flip(-1)
    assert_same(segment(picture, model, mode=mode, flip=True), ((there + back) / 2)[0])


def test_flip_changes_nothing_where_everything_is_symmetric():
    model = Toy()
    model.conv.weight.data += model.conv.weight.data.flip(-1)
    left = recorded_picture(64, 48)
    picture = np.concatenate([left, left[:, ::-1]], axis=1)
    single, flipped = segment(picture, model), segment(picture, model, flip=True)
    np.testing.assert_array_equal(single.labels, flipped.labels)
    np.testing.assert_allclose(single.confidence, flipped.confidence, atol=1e-6)


@pytest.mark.parametrize("size", [(20, 600), (600, 20), (64, 4096), (8, 8), (9, 500)])
def test_elongated_and_tiny_pictures_run_through_a_real_network(size):
    model = create_model("nano", weights=None)
    result = segment(recorded_picture(*size), model, short_side=64)
    assert result.labels.shape == size
    assert min(result.settings["network_sizes"][0]) >= 32
    assert np.isfinite(result.confidence).all()


def test_maps_stay_within_their_units():
    result = segment(recorded_picture(90, 120), Toy(sharpness=50))
    for name in ("confidence", "entropy", "margin"):
        values = getattr(result, name)
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1
    assert result.labels.dtype == np.uint8
    assert (result.margin <= result.confidence).all()


def test_settings_record_how_the_labels_came_about():
    result = segment(recorded_picture(90, 120), Toy(), mode="slide", flip=True, short_side=100)
    assert result.settings == {
        "reach": "global",
        "window_size": 32,
        "mode": "slide",
        "flip": True,
        "scales": [1.0],
        "short_side": 100,
        "network_sizes": [[100, 133]],
        "precision": "float32",
        "optimized": False,
        "engine": "torch",
    }


def test_progress_counts_every_step_up_to_the_total():
    calls = []
    model = Toy()
    segment(
        recorded_picture(150, 200),
        model,
        mode="slide",
        flip=True,
        scales=(1.0, 1.5),
        progress=lambda done, total: calls.append((done, total)),
    )
    total = len(model.calls) + 3
    assert calls == [(done, total) for done in range(1, total + 1)]


def test_what_progress_raises_stops_the_work():
    def stop(done, total):
        raise KeyboardInterrupt

    model = Toy()
    with pytest.raises(KeyboardInterrupt):
        segment(recorded_picture(90, 120), model, scales=(0.5, 1.0), progress=stop)
    assert len(model.calls) == 1


def test_bfloat16_runs_the_network_in_autocast_only():
    picture, model = recorded_picture(90, 120), Toy()
    exact, rounded = segment(picture, model), segment(picture, model, precision="bfloat16")
    assert rounded.settings["precision"] == "bfloat16"
    assert (exact.labels == rounded.labels).mean() > 0.97
    assert 0 < np.abs(exact.confidence - rounded.confidence).max() < 0.05
    assert model.conv.weight.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_model_of_another_precision_is_fed_in_that_precision(dtype):
    picture = recorded_picture(90, 120)
    result = segment(picture, Toy().to(dtype))
    assert result.settings["precision"] == str(dtype).removeprefix("torch.")
    assert (segment(picture, Toy()).labels == result.labels).mean() > 0.97


def test_an_optimized_model_gives_the_same_labels():
    picture, model = recorded_picture(90, 120), fill_model(create_model("nano", weights=None))
    exact = segment(picture, model, short_side=96)
    fast = segment(picture, optimize_for_inference(model), short_side=96)
    assert (exact.labels != fast.labels).mean() < 1e-3
    np.testing.assert_allclose(exact.confidence, fast.confidence, atol=1e-3)


def test_output_that_is_not_finite_is_refused():
    model = Toy()
    model.conv.bias.data[2] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        segment(recorded_picture(90, 120), model)


def test_a_model_in_training_mode_is_refused_and_left_alone():
    model = Toy().train()
    with pytest.raises(ValueError, match="training mode"):
        segment(recorded_picture(90, 120), model)
    assert model.training


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "window"},
        {"precision": "float16"},
        {"short_side": 0},
        {"short_side": 10**6},
        {"short_side": 100.5},
        {"scales": ()},
        {"scales": (0.0,)},
        {"scales": (float("nan"),)},
        {"scales": (1.0, 100.0)},
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_sentence(settings):
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        segment(recorded_picture(90, 120), Toy(), **settings)


def test_a_broken_picture_is_refused_before_the_network_runs():
    model = Toy()
    for source in (b"", b"<svg/>", Image.new("RGB", (1, 1)), Image.new("RGB", (4000, 1))):
        with pytest.raises(PictureError):
            segment(source, model)
    assert not model.calls


class LargestTensor(TorchDispatchMode):
    """Remembers the size, in bytes, of the largest tensor any operation returns."""

    size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.size = max(self.size, result.untyped_storage().nbytes())
        return result


def test_memory_does_not_grow_with_pixels_times_classes():
    """A 1-megapixel picture with 150 classes: one map per class would take 600 MB."""
    picture = np.tile(recorded_picture(100, 100), (10, 10, 1))
    with LargestTensor() as largest:
        segment(picture, Toy(classes=150, sharpness=100))
    assert largest.size <= 8 * 2**20
