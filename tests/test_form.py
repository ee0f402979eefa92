"""The form of the researcher: every parameter of every question can be reached on the page."""

import gradio as gr
import pytest

from analysis.questions import QUESTIONS
from analysis.questions.parameters import REQUIRED, parameters_of
from ui.page.form import Form
from ui.page.tabs.researcher import FIRST, LAYOUT

PIXEL = {"x": 3, "y": 4}


@pytest.fixture(scope="module")
def form():
    with gr.Blocks():
        return Form(QUESTIONS, LAYOUT, FIRST)


def names_of(form):
    return list(form._named)


def start(form, question):
    """Return the values that a visitor finds, by name, of the components that are shown."""
    shown = zip(names_of(form), form.shown(question, PIXEL), strict=True)
    return {
        name: one.value
        for name, one in shown
        if not isinstance(one, dict) and one.visible  # an update that hides is a dict
    }


def read(form, question, values):
    return form.read(question, [values.get(name) for name in names_of(form)])


def another(parameter):
    """Return a value that the parameter may have and does not have by default."""
    if parameter.choices is not None:
        return next(choice for choice in parameter.choices if choice != parameter.default)
    return {bool: not parameter.default, int: 7, float: 0.25, str: "tree"}[parameter.kind]


def test_parameters_of_one_name_are_of_one_kind():
    kinds = {}
    for ask in QUESTIONS.values():
        for one in parameters_of(ask):
            kind = one.kind, one.choices is None
            assert kinds.setdefault(one.name, kind) == kind, one.name


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_left_as_found_is_asked_by_default_at_the_pixel(form, question):
    parameters = {one.name: one for one in parameters_of(QUESTIONS[question])}
    found = start(form, question)
    assert list(found) == [name for name in names_of(form) if name in parameters]
    asked = read(form, question, found)
    for name, one in parameters.items():
        if name in PIXEL:
            assert asked[name] == PIXEL[name]
        elif one.default is REQUIRED:
            assert asked[name] == one.choices[0]
        else:
            assert asked.get(name, one.default) == one.default


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_parameter_of_every_question_can_be_set(form, question):
    parameters = parameters_of(QUESTIONS[question])
    wanted = {one.name: another(one) for one in parameters}
    assert read(form, question, wanted) == wanted


@pytest.mark.parametrize(
    ("question", "values", "words"),
    [
        ("probe", {"x": None, "y": 4}, "x must be a whole number"),
        ("probe", {"x": 3, "y": 4, "short_side": 2000}, "short_side may be at most 1024"),
        ("receptive-field", {"x": 3, "y": 4, "probes": 33}, "probes may be at most 32"),
        ("attribute", {"x": 3, "y": 4, "method": "magic"}, "method must be one of"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(form, question, values, words):
    with pytest.raises(ValueError, match=words):
        read(form, question, start(form, question) | values)
