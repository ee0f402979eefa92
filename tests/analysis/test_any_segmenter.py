"""Networks that are no UniFormer: what needs class scores only is answered, the rest refused."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from test_questions import NEEDED
from torch import nn

from analysis import as_segmenter, trace
from analysis.cli.main import main
from analysis.core.any_segmenter import load_segmenter
from analysis.core.errors import AnalysisError
from analysis.core.progress import finish
from analysis.core.targets import RegionScore
from analysis.interventions import HideRegion, intervene
from analysis.layers import LayerAsk, layer_work
from analysis.questions import QUESTIONS
from analysis.questions.common import TracedPicture
from uniformer.pictures import Picture
from uniformer.preprocess import preprocess

NAMES = ("sky", "tree", "house", "road", "dog")
ANY = {
    "attribute": {"method": "integrated-gradients", "steps": 4},
    "attributions": {"methods": "smooth-grad,segment-ablation", "steps": 2},
    "faithfulness": {"methods": "smooth-grad", "steps": 2, "show": "weights"},
    "receptive-field": {},
    "what-if": {"kind": "hide-region", "x": 30, "y": 30},
}
"""What can be asked of any network, cheaply."""


@pytest.fixture(scope="module")
def lraspp():
    """torchvision's LR-ASPP with random weights."""
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    torch.manual_seed(0)
    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5)
    return as_segmenter(network.eval(), NAMES, name="lraspp", short_side=64)


class Linear(nn.Module):
    """Logits that are linear in the pixels, one per pixel, so that all is known of them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 5, 1).double()
        self.eval()

    def forward(self, x):
        return SimpleNamespace(logits=self.conv(x))


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_answers_or_refuses_in_one_sentence(lraspp, picture, question):
    steps = QUESTIONS[question](lraspp, picture(), **NEEDED[question] | ANY.get(question, {}))
    if question in ANY:
        answer = finish(steps)
        assert answer.figure() is not None
        assert answer.settings["model"] == "lraspp"
        json.loads(answer.to_json())
    else:
        with pytest.raises(AnalysisError, match=r"^lraspp has no UniFormer blocks[^\n]+\.$"):
            finish(steps)


def test_labels_are_those_of_the_network_with_its_names(lraspp, picture):
    traced = trace(lraspp, picture())
    x = preprocess(picture(), 64, 32)
    with torch.inference_mode():
        expected = lraspp.network(x)["out"].argmax(1)[0].numpy()
    assert (traced.labels == expected).mean() > 0.99  # its logits are as large as x
    assert lraspp.classes.names == NAMES


def test_an_attribution_of_a_linear_network_is_weight_times_change(picture):
    model = as_segmenter(Linear(), NAMES, short_side=64)
    ask = {"x": 5, "y": 9, "region": "pixel", "label": "dog", "score": "logit", "baseline": "mean"}
    answer = finish(QUESTIONS["attribute"](model, picture(), steps=4, **ask))
    x = preprocess(picture(), 64, 32).double()
    wanted = np.zeros(x.shape[-2:])
    change = x[0, :, 9, 5] - x.mean((0, 2, 3))
    wanted[9, 5] = (model.network.conv.weight[4, :, 0, 0] * change).sum().item()
    np.testing.assert_allclose(answer.arrays["map"], wanted, atol=1e-9)


def test_the_field_of_a_pixelwise_network_is_its_pixel(picture):
    model = as_segmenter(Linear(), NAMES, short_side=64)
    answer = finish(QUESTIONS["receptive-field"](model, picture(), x=7, y=11, short_side=64))
    (energy,) = answer.arrays.values()
    assert np.argwhere(energy).tolist() == [[11, 7]]
    assert "can see" not in answer.sentence
    assert answer.tables.keys() == {"fields"}
    (row,) = answer.tables["fields"]
    assert {value for key, value in row.items() if key.startswith("theoretical")} == {None}
    assert answer.figure() is not None


def test_only_the_levels_that_a_network_has_can_be_asked_about(picture):
    model, place = as_segmenter(Linear(), NAMES, short_side=64), {"x": 7, "y": 11, "short_side": 64}
    for level in ("all", "logits", "stage 1", "stage 4"):
        steps = QUESTIONS["receptive-field"](model, picture(), level=level, **place)
        if level.startswith("stage"):
            with pytest.raises(AnalysisError, match=rf"no known {level}: choose level logits\.$"):
                finish(steps)
        else:
            assert [row["level"] for row in finish(steps).tables["fields"]] == ["logits"]


def test_what_a_unit_can_see_is_laid_over_the_picture_only_where_it_is_known(tiny, picture):
    ask = LayerAsk("field", 7, 11, parameters={"level": "logits"})
    for model in (as_segmenter(Linear(), NAMES, short_side=64), tiny()):
        given = TracedPicture(Picture(picture()), trace(model, picture(), short_side=64))
        layer = finish(layer_work(model, given, ask))
        names = [box.name for box in layer.placed.boxes]
        known = ["what it can see"] if model.config.name != "Linear" else []
        assert names == [*known, "50 % of the energy", "95 % of the energy"]


def test_hiding_a_region_is_a_pass_over_the_picture_without_it(lraspp, picture):
    region = np.zeros((64, 96), dtype=bool)
    region[10:30, 20:50] = True
    hidden, image = HideRegion(region, "mean"), picture()
    with torch.inference_mode():
        expected = lraspp(preprocess(hidden.hide(image), 64, 32))
    traced = trace(lraspp, image)
    assert torch.allclose(intervene(traced, [hidden], image), expected, atol=1e-5)
    with pytest.raises(AnalysisError, match="not the picture that was traced"):
        intervene(traced, [hidden], picture(seed=1))


def test_what_only_uniformers_have_is_refused(lraspp, picture):
    for question, more, words in (
        ("attribute", {"method": "layer-cam"}, "choose integrated-gradients"),
        ("what-if", {"kind": "drop-block"}, "no UniFormer blocks"),
        ("receptive-field", {"reach": "window"}, "no reach to set"),
        ("receptive-field", {"reaches": True}, "no reach to set"),
        ("receptive-field", {"untrained": True}, "no UniFormer blocks"),
    ):
        with pytest.raises(AnalysisError, match=words):
            finish(QUESTIONS[question](lraspp, picture(), x=3, y=3, short_side=64, **more))
    with pytest.raises(AnalysisError, match="no UniFormer blocks"):
        trace(lraspp, picture()).grid(3)


def test_questions_leave_the_network_as_it_was(lraspp, picture):
    before = {key: value.clone() for key, value in lraspp.state_dict().items()}
    finish(QUESTIONS["attribute"](lraspp, picture(), x=3, y=3, steps=2))
    assert all(torch.equal(value, lraspp.state_dict()[key]) for key, value in before.items())
    assert all(parameter.grad is None for parameter in lraspp.parameters())
    assert all(parameter.requires_grad for parameter in lraspp.parameters())


def test_a_plain_function_is_a_network_too(picture):
    model = as_segmenter(lambda x: torch.cat([x, -x], 1), name="function", short_side=64)
    assert model.classes.names[5] == "class 5"
    region = np.ones((64, 96), dtype=bool)
    assert RegionScore(model, region, 5)(preprocess(picture(), 64, 32)).shape == (1,)


def fails(x):
    raise RuntimeError("no such layer\nand more")


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        (lambda x: (x, x), {}, r"returned tuple: it must return logits"),
        (lambda x: x.mean((2, 3)), {}, r"returned \(1, 3\): it must return logits"),
        (lambda x: {"masks": x}, {}, "returned dict"),
        (lambda x: x[:, :1], {}, "logits of one class"),
        (lambda x: x, {"classes": NAMES}, "has 3 classes, and 5 names were given"),
        (lambda x: x, {"size_divisor": 0}, "multiples of 1 to 512"),
        (fails, {}, r"failed on an input of 1 x 3 x 64 x 96: RuntimeError: no such layer\.$"),
        (nn.Conv2d(3, 4, 1), {}, "training mode"),
        (3, {}, "cannot be called"),
    ],
)
def test_what_is_no_segmenter_is_refused_in_one_sentence(network, options, words):
    with pytest.raises(AnalysisError, match=words) as caught:
        as_segmenter(network, **options)
    assert "\n" not in str(caught.value)


FACTORY = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Conv2d(3, 4, 4, stride=4).eval()

def broken():
    return 1 / 0

number = 3
"""


@pytest.fixture
def factory(tmp_path):
    """A file of somebody's own."""
    file = tmp_path / "mine.py"
    file.write_text(FACTORY)
    return file


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("broken", "failed: ZeroDivisionError: division by zero"),
        ("absent", "no function absent"),
        ("number", "no function number"),
    ],
)
def test_a_factory_that_is_none_is_told_in_one_sentence(factory, name, words):
    with pytest.raises(AnalysisError, match=words):
        load_segmenter(f"{factory}:{name}")
    with pytest.raises(AnalysisError, match="There is no file"):
        load_segmenter(f"{factory.parent}/other.py:make")


def test_the_command_line_asks_a_network_of_ones_own(factory, tmp_path, capsys):
    photo = tmp_path / "photo.png"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)).save(photo)
    own = ["--model", f"{factory}:make", "--pixel", "3,3", "-o", str(tmp_path)]
    asked = ["attribute", str(photo), *own, "--short-side", "64", "--formats", "json"]
    assert main([*asked, "--steps", "2"]) == 0
    answer = json.loads((tmp_path / "photo.attribute.json").read_text())
    assert answer["settings"]["model"] == f"{factory}:make"
    assert main(["probe", str(photo), *own]) == 1
    assert "no UniFormer blocks" in capsys.readouterr().err
    assert main([*asked, "--weights", "none"]) == 1
    assert "brings its own weights" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["probe", str(photo), "--model", "unknown", "--pixel", "3,3"])
    assert "there is no model 'unknown'" in capsys.readouterr().err


def test_segformer_of_transformers_is_explained(picture):
    transformers = pytest.importorskip("transformers")
    config = transformers.SegformerConfig(depths=[1, 1, 1, 1], num_labels=5)
    network = transformers.SegformerForSemanticSegmentation(config).eval()
    model = as_segmenter(network, NAMES, name="segformer", short_side=64)
    answer = finish(QUESTIONS["attribute"](model, picture(), x=3, y=3, steps=4))
    assert answer.arrays["map"].any()
