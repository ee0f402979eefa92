"""Answers in the page's language: whatever a layer says is said in it, with the same numbers.

Words are looked up by the English template that they were made by, so a sentence without its
translation, or a translation that nothing says, is found by reading the source.
"""

import ast
import copy
import importlib
import json
import pickle
import re
from functools import cache
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from quick_layers import LEAST

import analysis
import ui
from analysis import trace
from analysis.attribution.methods import METHODS
from analysis.core.progress import finish
from analysis.core.subject import Extent, find_subject
from analysis.core.targets import SCORE_UNITS
from analysis.core.words import Said, for_json, from_json, joined, say, sentences
from analysis.interventions import (
    DropBlock,
    HeadGate,
    HideRegion,
    LocalKernel,
    Neighbourhood,
    PositionEncoding,
    SetWindow,
    WithoutKeys,
)
from analysis.layers import LAYERS, LayerAsk, layer_work
from analysis.layers.numbers import HELP
from analysis.questions.common import TracedPicture
from analysis.questions.explaining import METHOD_NAMES
from ui.messages import LANGUAGES, answer_words, in_language, translations
from ui.web.layers import kind_facts, layer_content
from ui.web.said import OF_ANSWER, OF_CATALOG, said
from uniformer import create_model
from uniformer.classes import class_set
from uniformer.pictures import Picture

ROOM = Path(analysis.__file__).parents[1]
SOURCES = [
    path for one in (analysis, ui) for path in sorted(Path(one.__file__).parent.rglob("*.py"))
]

SEVERAL = {"faithfulness": {"methods": "layer-cam,integrated-gradients", "steps": 2}}
"""What is said of several methods, too."""

WORD = re.compile(r"(?<![A-Za-z./-])[a-z]{3,}(?![A-Za-z./-])")
SAME = {"token", "nats", "tau", "nano", "bundled", "logits", "mask", "none", "rollout"}
NUMBER = re.compile(r"\d+(?:\.\d+)?")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
PLACE = re.compile(r"\{\w+\}")


@pytest.fixture(scope="module")
def contents():
    """What every layer says of a small picture, by its name; each is computed once."""
    model = create_model("nano")
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    traced = TracedPicture(Picture(picture), trace(model, picture, short_side=64))

    @cache
    def content(name):
        ask = LayerAsk(name, 70, 20, parameters=(LEAST | SEVERAL).get(name, {}))
        return layer_content(finish(layer_work(model, traced, ask)))[0]

    return content


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


def parts_within(words):
    """Yield words, and all that was put into them."""
    yield str(words)
    if isinstance(words, Said):
        values = words.values if isinstance(words.values, tuple) else words.values.values()
        yield words.template
        for value in values:
            yield from parts_within(value)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LAYERS)
def test_nothing_that_a_layer_says_stays_english(contents, name, language):
    facts = contents(name)
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


def calls(name):
    """Yield the file and the node of every call of a function of ``analysis.core.words``."""
    for path in SOURCES:
        if path.name == "words.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                yield path, node


def templates(path, node):
    """Return what a call of ``say`` can be given: literals, or sentences of the messages."""
    if isinstance(node, ast.Constant):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return templates(path, node.body) | templates(path, node.orelse)
    module = importlib.import_module(".".join(path.relative_to(ROOM).with_suffix("").parts))
    if isinstance(node, ast.Subscript):
        return set(eval(ast.unparse(node.value), vars(module)).values())  # our own source
    name = ast.unparse(node)
    if name == "self.unit":
        return {method.unit for method in METHODS.values()}
    assert re.fullmatch(r"(\w+\.)?[A-Z_0-9]+", name), f"{path}: {name} is no literal"
    return {eval(name, vars(module))}


def all_templates():
    return set().union(*(templates(path, node.args[0]) for path, node in calls("say")))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_has_its_translation(language):
    known = answer_words(language).keys() | translations(language).keys()
    assert all_templates() - known == set()
    between = {node.args[1].value for _, node in calls("joined") if len(node.args) > 1}
    assert between - {" · ", " | "} - known == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_of_an_answer_is_left_over(contents, language):
    """Without values, words are keys as they stand: in the source, or names that layers made."""
    written = {node.args[1].value for _, node in calls("joined") if len(node.args) > 1}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                written.add(node.value)
    for name, kind in LAYERS.items():
        facts = [*words_of(contents(name)), *words_of(kind_facts(kind))]
        written |= {part for words in facts for part in parts_within(words)}
    assert answer_words(language).keys() - all_templates() - written == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_put_into_an_answer_is_put_into_its_translation(language):
    for english, other in answer_words(language).items():
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(other)), english


HERE = np.eye(4, dtype=bool)
ACTIONS = [
    *(HideRegion(HERE, fill) for fill in ("blur", "mean", "inpaint")),
    *(SetWindow(3, None, size) for size in (None, 4)),
    SetWindow(3, 1, 4, padded=True),
    SetWindow(3, 1, 4, offset=(1, 0)),
    Neighbourhood(3, None, 1),
    Neighbourhood(3, None, 1, dilation=2, offset=(1, 0)),
    WithoutKeys(3, 0, HERE),
    HeadGate(3, 0, 1),
    HeadGate(3, 0, None, fill="mean"),
    *(PositionEncoding(3, None, form) for form in ("off", "mean")),
    PositionEncoding(3, None, "off", noise_seed=1),
    *(LocalKernel(1, None, form) for form in ("centre", "mean", "shuffled")),
    DropBlock(3, 0),
]
"""Every kind of intervention, in every form that has words of its own."""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.describe())
def test_every_intervention_is_described_in_the_language(language, action):
    assert set(WORD.findall(in_language(action.describe(), language))) <= SAME


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("extent", get_args(Extent))
def test_every_region_is_named_in_the_language(language, extent):
    labels = np.zeros((4, 4), np.uint8)
    labels[:2] = 1
    found = find_subject(
        labels,
        class_set("everyday22"),
        1,
        1,
        extent=extent,
        mask=HERE if extent == "mask" else None,
    )
    assert not WORD.search(in_language(found.words, language))


@pytest.mark.parametrize("score", SCORE_UNITS)
def test_units_of_maps_are_said_whatever_the_score(score):
    for method in METHODS.values():
        assert CHINESE.search(in_language(method.unit_of(score), "zh")), method.unit


def test_help_of_numbers_is_said():
    assert HELP
    for words in HELP.values():
        assert CHINESE.search(in_language(words, "zh")), words


CLASSES = joined([say("{share} % {name}", share=56, name="sky"), "car"])
LOOKS = say(
    "{whose} looks at {classes}, {distance} px of the picture away on average; evenly it would be "
    "{even} px.",
    whose=say("Head {head}", head=2),
    classes=CLASSES,
    distance=3,
    even=4,
)


def test_what_is_put_into_a_sentence_is_said_too():
    sky, car, comma = (in_language(words, "zh") for words in ("sky", "car", ", "))
    assert LOOKS.startswith("Head 2 looks at 56 % sky, car, 3 px")
    assert f"{sky} 56 %{comma}{car}" in in_language(LOOKS, "zh")
    whole = sentences(LOOKS, "", None, "Something unheard of, and more.")
    assert whole == f"{LOOKS} Something unheard of, and more."
    assert in_language(whole, "zh") == f"{in_language(LOOKS, 'zh')}Something unheard of, and more."


def test_a_reworded_sentence_is_not_taken_for_another():
    """Only the template counts: text that merely looks the same was said by somebody else."""
    assert in_language(str(LOOKS), "zh") == LOOKS
    assert in_language(LOOKS[:-1], "zh") == LOOKS[:-1]


def test_sentences_put_together_twice_are_still_one_after_another():
    assert sentences(sentences("One.", "Two."), "Three.").values == ("One.", "Two.", "Three.")


@pytest.mark.parametrize(
    "kept",
    [
        copy.deepcopy,
        copy.copy,
        lambda words: pickle.loads(pickle.dumps(words)),
        lambda words: from_json(json.loads(json.dumps(for_json(words)))),
    ],
)
def test_copies_remember(kept):
    whole = sentences(LOOKS, "One.")
    copied = kept(whole)
    assert isinstance(copied, Said)
    assert copied == whole
    assert in_language(copied, "zh") == in_language(whole, "zh")


def test_files_have_plain_text():
    assert json.dumps({"sentence": LOOKS}) == json.dumps({"sentence": str(LOOKS)})
