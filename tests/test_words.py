"""The words of the page: every sentence has its Chinese, and none is left over."""

import ast
import importlib
import inspect
import json
import pkgutil
import re
from collections import Counter

import pytest

import ui.messages
from analysis.attribution.methods import METHODS
from analysis.core import evidence
from analysis.layers import LAYERS
from analysis.layers.placing import table_place
from analysis.questions import QUESTIONS
from analysis.questions.parameters import parameters_of
from ui.layout import TABS
from ui.messages import LANGUAGES, cite, translations
from ui.messages import page as text
from ui.page.form import info_of
from ui.page.tabs import researcher
from ui.page.tabs.what_if import CHOICES
from ui.service.examples import ASSETS
from uniformer.classes import class_set
from uniformer.config import REACHES

MODULES = [
    text,
    evidence,
    *(
        importlib.import_module(f"ui.messages.{module.name}")
        for module in pkgutil.iter_modules(ui.messages.__path__)
    ),
]
CAMS = {method.title for method in METHODS.values() if " " not in method.title} - {"Occlusion"}
NAMES = {*TABS, *REACHES, *CHOICES, *CAMS, "E", "PNG", "NPZ", "JSON", text.TITLE}
"""What is a name or an id, the same in every language."""

WEB = ASSETS / "web"
PLACE = re.compile(r"\{\w+\}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def strings_in(value):
    """Return every string in a constant; the keys of a dict are ids."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return set().union(*map(strings_in, value.values()))
    if isinstance(value, (tuple, list)):
        return set().union(*map(strings_in, value))
    return set()


def page_sentences():
    """Return every sentence that the page can say in its own words."""
    said = set()
    for module in MODULES:
        said |= strings_in({n: value for n, value in vars(module).items() if n.isupper()})
    for method in METHODS.values():
        said |= {method.title, method.description, method.misleads, method.cost}
    for kind in LAYERS.values():
        if kind.question != kind.id or kind.place is not table_place:  # which docstrings describe
            said |= {kind.title, kind.help, kind.misleads}
    for name, ask in QUESTIONS.items():
        said |= {researcher.first_line(name), *map(info_of, parameters_of(ask))}
    credits = {credit for *_, credit in text.EXAMPLES.values()}
    return said - NAMES - credits - {cite.PAPERS}


def test_no_sentence_is_written_twice():
    """Two that must be equal would come to differ: one file has it, and others import it."""
    written = Counter()
    for module in pkgutil.iter_modules(ui.messages.__path__):
        source = inspect.getsource(importlib.import_module(f"ui.messages.{module.name}"))
        written.update(
            node.value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
    assert [words for words, times in written.items() if times > 1 and len(words) > 25] == []


def names_of_classes():
    return {name for key in ("everyday22", "everyday50", "ade20k") for name in class_set(key).names}


@pytest.fixture(scope="module", params=LANGUAGES)
def table(request):
    return translations(request.param)


def test_every_sentence_and_class_has_its_translation(table):
    assert (page_sentences() | names_of_classes()) - set(table) == set()


def test_no_translation_is_left_over(table):
    assert set(table) - page_sentences() - names_of_classes() == set()


def test_no_class_has_the_name_of_a_word_of_the_page():
    assert names_of_classes() & page_sentences() == set()


PROGRAM = re.compile(
    r"`|(?<!\w)--[a-z]|\b[a-z]+_[a-z]\w*|\b[a-z]+(?<!m)(?<!ar)[A-Z]\w+|\b(?:None|True|False|dtype)\b"
)
"""Code, flags, parameters' names and words of Python; mIoU and arXiv are none."""


def test_the_page_speaks_of_itself_and_not_of_flags_or_parameters():
    words = json.loads((WEB / "words/en.json").read_text(encoding="utf-8"))
    said = page_sentences() - set(text.GRADIO)
    said |= {value for key, value in words.items() if key != "elsewhere.help"}
    plain = {sentence: re.sub(r"\{\w+\}|https?://\S+", "", sentence) for sentence in said}
    assert [sentence for sentence, rest in plain.items() if PROGRAM.search(rest)] == []


def test_translations_are_not_empty_nor_english():
    table = translations("zh")
    assert [english for english, other in table.items() if not CHINESE.search(other)] == []


def test_what_is_put_into_a_sentence_is_put_into_its_translation(table):
    for english, other in table.items():
        if english == "status.queue_position":  # whose English Gradio has
            continue
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(other)), english


def test_no_class_has_the_name_of_a_choice_whose_value_the_page_sends():
    """A translated choice would come back as a value that the server does not know."""
    assert names_of_classes() & set(REACHES) == set()
