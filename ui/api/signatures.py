"""Make a function from the description of its parameters, for Gradio to describe to callers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import gradio as gr

from analysis.questions.parameters import REQUIRED, Parameter

PICTURE = "the picture: a file, or the http(s) address of one"
PICTURE_FILE = "the picture: a file"


def make_endpoint(
    name: str,
    summary: str,
    parameters: Sequence[Parameter] | None,
    returns: Sequence[tuple[Any, str]],
    answer: Callable[..., Any],
) -> Callable[..., Any]:
    """Return a function called ``name`` that passes its arguments on to ``answer`` by name.

    It takes a file, ``picture``, and then ``parameters``, those without a default first; with None
    instead of parameters it takes nothing. Signature, hints and docstring say so, with
    ``summary`` before and ``returns``, a hint and words each, after.
    """
    parameters = sorted(parameters, key=_has_default) if parameters is not None else None
    entries = [] if parameters is None else [_picture(), *map(_entry, parameters)]
    names = [entry.name for entry in entries]

    def endpoint(*values: Any) -> Any:
        return answer(**dict(zip(names, values, strict=True)))

    hints = [hint for hint, _ in returns]
    result = hints[0] if len(hints) == 1 else tuple[tuple(hints)]  # type: ignore[misc]  # known at run time
    endpoint.__name__ = endpoint.__qualname__ = name
    signature = inspect.Signature(entries, return_annotation=result)
    endpoint.__signature__ = signature  # type: ignore[attr-defined]  # what `inspect` looks for
    endpoint.__annotations__ = {entry.name: entry.annotation for entry in entries}
    endpoint.__annotations__["return"] = result
    endpoint.__doc__ = _docstring(summary, parameters, [words for _, words in returns])
    return endpoint


def _has_default(parameter: Parameter) -> bool:
    return parameter.default is not REQUIRED


def _picture() -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter("picture", kind, annotation=gr.FileData)


def _entry(parameter: Parameter) -> inspect.Parameter:
    hint = parameter.kind if parameter.choices is None else Literal[parameter.choices]
    return inspect.Parameter(
        parameter.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=parameter.default,
        annotation=hint | None if parameter.optional else hint,
    )


def plain_text(words: str) -> str:
    """Return a docstring without its markup."""
    return re.sub(r":\w+:`~?([^`]+)`", r"\1", words).replace("``", "")


def _docstring(summary: str, parameters: Sequence[Parameter] | None, returns: Sequence[str]) -> str:
    lines = [plain_text(summary)]
    if parameters is not None:
        lines += ["", "Args:", f"    picture: {PICTURE}"]
        lines += [f"    {parameter.name}: {parameter.help}" for parameter in parameters]
    return "\n".join([*lines, "", "Returns:", *(f"    {words}" for words in returns)])
