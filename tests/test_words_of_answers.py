"""Answers in the page's language: whatever a layer says is said in it, with the same numbers."""

import json
import re

import numpy as np
import pytest
from quick_layers import LEAST

from analysis import trace
from analysis.core.progress import finish
from analysis.layers import LAYERS, LayerAsk, layer_work
from analysis.questions.common import TracedPicture
from analysis.questions.explaining import METHOD_NAMES
from ui.messages import LANGUAGES
from ui.web.layers import kind_facts, layer_content
from ui.web.said import OF_ANSWER, OF_CATALOG, _table, said, say
from uniformer import create_model
from uniformer.pictures import Picture

SEVERAL = {"faithfulness": {"methods": "layer-cam,integrated-gradients", "steps": 2}}
"""What is said of several methods, too."""

WORD = re.compile(r"(?<![A-Za-z./-])[a-z]{3,}(?![A-Za-z./-])")
SAME = {"token", "nats", "tau", "nano", "bundled", "logits", "mask", "none", "rollout"}
NUMBER = re.compile(r"\d+(?:\.\d+)?")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLACE = re.compile(r"\{\w+\}")


@pytest.fixture(scope="module")
def traced():
    model = create_model("nano")
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    return model, TracedPicture(Picture(picture), trace(model, picture, short_side=64))


def words_of(facts, name=""):
    """Yield every text that a visitor reads."""
    if isinstance(facts, dict):
        for key, value in facts.items():
            yield from words_of(value, key)
    elif isinstance(facts, list):
        for value in facts:
            yield from words_of(value, name)
    elif isinstance(facts, str) and name in OF_ANSWER and facts not in METHOD_NAMES:
        yield facts


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LAYERS)
def test_nothing_that_a_layer_says_stays_english(traced, name, language):
    ask = LayerAsk(name, 70, 20, parameters=(LEAST | SEVERAL).get(name, {}))
    facts, _ = layer_content(finish(layer_work(*traced, ask)))
    facts = json.loads(json.dumps(facts, default=float))
    other = said(facts, language, OF_ANSWER)
    left = {words for words in words_of(other) if set(WORD.findall(words)) - SAME}
    assert left == set()
    for english, own in zip(words_of(facts), words_of(other), strict=True):
        assert sorted(NUMBER.findall(english)) == sorted(NUMBER.findall(own)), english
    assert said(facts, "en", OF_ANSWER) == facts


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_kind_of_layer_is_described_in_english(language):
    for kind in LAYERS.values():
        facts = said(kind_facts(kind), language, OF_CATALOG)
        texts = [facts["title"], facts["help"], facts["misleads"]]
        for parameter in facts["parameters"]:
            texts += [parameter["title"], parameter["help"].partition(":")[0]]
        for words in texts:
            assert CHINESE.search(words) or not WORD.search(words), words


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_put_into_an_answer_is_put_into_its_translation(language):
    for english, other in _table(language).items():
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(other)), english


def test_lists_within_sentences_are_said_part_by_part():
    english = (
        "Head 2 looks at 56 % sky, 44 % car, 3 px of the picture away on average; evenly it would "
        "be 4 px."
    )
    sky, car = say("sky", "zh"), say("car", "zh")
    assert f"{sky} 56 %{say(', ', 'zh')}{car} 44 %" in say(english, "zh")
    assert say("Something unheard of, and more.", "zh") == "Something unheard of, and more."
