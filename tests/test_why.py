"""The tabs on attribution and interventions, without a browser."""

import numpy as np
import pytest
from PIL import Image
from steps import told

from analysis.core.progress import Progress
from analysis.questions.explaining import METHOD_NAMES
from analysis.questions.what_if import Kind
from ui.host.settings import Settings
from ui.messages import what_if as what_if_words
from ui.page.mask_editor import mask_of
from ui.page.tabs import what_if, why
from ui.service.actions import Actions
from ui.service.jobs import StoredAnswer, run


@pytest.fixture(scope="module")
def actions():
    return Actions(Settings())


@pytest.fixture(scope="module")
def now(actions, tmp_path_factory):
    """The selection of a small picture: two halves of noise."""
    path = tmp_path_factory.mktemp("photo") / "halves.png"
    pixels = np.random.default_rng(0).integers(0, 128, (64, 96, 3), dtype=np.uint8)
    pixels[:, 48:] += 127
    Image.fromarray(pixels).save(path)
    return actions.open_photo(actions.first.selection, str(path), path.name).selection


def answer(actions, question):
    steps, found = told(run(actions, question))
    assert isinstance(found, StoredAnswer)
    assert all(isinstance(step, Progress) for step in steps)
    return found.content


def painted(top, left, size=(64, 96)):
    """Return the value of an editor in which a square was painted."""
    layer = np.zeros((*size, 4), np.uint8)
    layer[top : top + 20, left : left + 20] = 255
    return {"background": None, "layers": [np.zeros_like(layer), layer], "composite": None}


def test_every_method_can_be_chosen_and_says_how_it_misleads():
    assert [name for _, name in why.method_choices()] == list(METHOD_NAMES)
    for name in METHOD_NAMES:
        says, grade = why.method_words(name)
        assert len(says) == 3
        assert all(sentence.endswith(".") for sentence in says)
        assert grade


def test_class_against_another_over_a_painted_region(actions, now):
    names = [name for _, name in why.class_choices(actions, now, "any")[1:]]
    assert sorted(names) == sorted(actions.stored(now).result.classes.names)
    asked = why.place(actions, now, "mask", names[0], names[5], painted(8, 8))
    content = answer(actions, why.why(now, asked, "gradient-x-activation", 3))
    assert content["numbers"]["class"] == names[0]
    assert content["numbers"]["against"] == names[5]
    assert content["numbers"]["region_pixels"] == 400
    assert content["numbers"]["map_stage"] == 3


def test_methods_side_by_side_are_those_chosen_with_their_grades(actions, now):
    asked = why.place(actions, now, "segment", "", "", None)
    chosen = ["grad-cam", "segment-ablation"]
    content = answer(actions, why.side_by_side(now, asked, chosen, 4))
    rows = content["tables"]["methods"]
    assert [row["grade"] for row in rows] == ["causal", "heuristic"]
    assert content["grade"] == "heuristic"
    with pytest.raises(ValueError, match="No method is given"):
        answer(actions, why.side_by_side(now, asked, [], 4))


def test_painted_region_has_the_size_of_the_picture():
    mask = mask_of(painted(0, 0, size=(32, 48)), (64, 96))
    assert mask.shape == (64, 96)
    assert mask.sum() == 40 * 40
    assert mask[:40, :40].all()
    for nothing in (None, {"layers": []}, {"layers": [np.zeros((4, 4, 4), np.uint8)]}):
        assert mask_of(nothing, (64, 96)) is None


def test_nothing_painted_is_said_in_a_sentence(actions, now):
    asked = why.place(actions, now, "mask", "", "", None)
    with pytest.raises(ValueError, match="Paint the region"):
        answer(actions, why.why(now, asked, "grad-cam", 4))
    with pytest.raises(ValueError, match="Nothing is painted"):
        what_if.what_if(actions, now, "hide-region", CHOSEN | {"paint": True}, None)


CHOSEN = {
    "stage": 3, "block": -1, "head": -1, "size": 0, "fill": "mean", "padded": False, "paint": False,
}  # fmt: skip


def test_every_intervention_can_be_chosen():
    assert list(what_if_words.KINDS) == list(Kind.__args__)
    for _, says, choices in what_if_words.KINDS.values():
        assert says.endswith((".", "?"))
        assert set(choices) <= set(what_if.CHOICES)


@pytest.mark.parametrize("kind", ["hide-tokens", "silence-head"])
def test_intervention_answers_with_a_control(actions, now, kind):
    content = answer(actions, what_if.what_if(actions, now, kind, CHOSEN, None))
    assert content["grade"] == "causal"
    compared = "control" in content["numbers"]
    assert compared or "nothing to compare it with" in content["sentence"]
    parameters = content["settings"]["parameters"]
    assert parameters["block"] is None
    if kind == "silence-head":
        assert parameters["fill"] == "blur"  # what a kind does not use is not passed on


def test_painted_area_is_what_is_hidden(actions, now):
    given = CHOSEN | {"paint": True}
    question = what_if.what_if(actions, now, "hide-region", given, painted(30, 60))
    assert question.parameters["mask"].sum() == 400
    assert answer(actions, question)["numbers"]["watched_region"]


def test_blocks_and_heads_are_those_of_the_model(actions):
    traced = actions.trace(actions.first.selection)
    blocks, heads = what_if.blocks_and_heads(traced, 3)
    assert len(blocks) - 1 == len(traced.windows[2])
    assert len(heads) - 1 == traced.block(3, 0).attn.heads
