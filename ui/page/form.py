"""A form made from the parameters of questions: a component each, as CLI and REST have them.

Parameters of one name share a component, which is labelled and filled as the chosen question has
it, and hidden where that has none of the name. So a question added to ``QUESTIONS``, or a parameter
added to one, is on the page at once.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import gradio as gr

from analysis.questions.parameters import REQUIRED, Parameter, parameters_of
from ui.service.limits import bound, check

Layout = Mapping[str, Collection[str]]
"""Headings, and the names of the parameters under each; under an empty one all other names."""


class Form:
    """Components for every parameter of ``questions``, those of ``first`` shown."""

    def __init__(
        self, questions: Mapping[str, Callable[..., Any]], layout: Layout, first: str
    ) -> None:
        self._of = {
            question: {parameter.name: parameter for parameter in parameters_of(ask)}
            for question, ask in questions.items()
        }
        known = {name: one for own in self._of.values() for name, one in own.items()}
        placed = {name for names in layout.values() for name in names}
        self._named: dict[str, Any] = {}
        for heading, names in layout.items():
            gr.HTML(f"<h3>{html.escape(heading)}</h3>", apply_default_css=False)
            with gr.Row(elem_classes="choices"):
                for name in [name for name in known if name in (names or known.keys() - placed)]:
                    own = self._of[first].get(name)
                    self._named[name] = _component(own or known[name], visible=own is not None)

    @property
    def components(self) -> list[Any]:
        """All components, shown or not, in the order of the page."""
        return list(self._named.values())

    def shown(self, question: str, values: Mapping[str, Any]) -> list[Any]:
        """Return ``components`` as they start for a question: by ``values``, else by default."""
        own = self._of[question]
        return [
            _component(own[name], True, values.get(name))
            if name in own
            else gr.update(visible=False)
            for name in self._named
        ]

    def read(self, question: str, given: Sequence[Any]) -> dict[str, Any]:
        """Return the parameters of a question from the values of ``components``.

        What is blank is left out. Raises ``ValueError`` with one sentence for a value that is
        missing or cannot be.
        """
        own, found = self._of[question], {}
        for name, value in zip(self._named, given, strict=True):
            if name not in own:
                continue
            if value in (None, "") and own[name].default is not REQUIRED:
                continue
            found[name] = check(own[name], None if value == "" else value)
        bound(found)
        return found


def info_of(parameter: Parameter) -> str:
    """Return what a parameter is, as a sentence."""
    return f"{parameter.help[0].upper()}{parameter.help[1:]}."


def _component(parameter: Parameter, visible: bool, value: Any = None) -> Any:
    """Return the component of a parameter, new or as the change of one that is there."""
    start = parameter.default if value is None else value
    start = None if start is REQUIRED else start
    said: dict[str, Any] = {
        "label": parameter.name,  # as programs write it, in every language
        "info": info_of(parameter),
        "visible": visible,
    }
    if parameter.kind is bool:
        return gr.Checkbox(bool(start), **said)
    if parameter.choices is not None:
        choices = [("", "")] if parameter.optional else []
        choices += [(str(choice), choice) for choice in parameter.choices]
        start = choices[0][1] if start is None else start
        return gr.Dropdown(choices, value=start, filterable=False, **said)
    if parameter.kind is str:
        return gr.Textbox(start or "", max_lines=1, **said)
    return gr.Number(start, precision=0 if parameter.kind is int else None, **said)
