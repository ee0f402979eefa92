"""What a question takes, read from its signature: the one description all ways in are made from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True)
class Parameter:
    """One keyword of a question.

    ``kind`` is int, float, str or bool; ``choices`` are all values it can have, if they are few;
    ``optional`` says whether None is one; ``default`` is REQUIRED where there is none.
    """

    name: str
    kind: type
    help: str
    default: Any
    optional: bool
    choices: tuple[Any, ...] | None


def parameters_of(ask: Callable[..., Any]) -> list[Parameter]:
    """Return the keyword-only parameters of a question, in order.

    Their annotations are ``Annotated[type, "help"]`` of int, float, str, bool or a Literal, or of
    one of these and None; a tuple after the help has the choices, where a table names them. Raises
    ``TypeError`` for any other.
    """
    hints = get_type_hints(ask, include_extras=True)
    keywords = (
        parameter
        for parameter in inspect.signature(ask).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    )
    return [_parameter(keyword.name, hints[keyword.name], keyword.default) for keyword in keywords]


def takes_mask(ask: Callable[..., Any]) -> bool:
    """Return whether a question can be asked about a painted region, ``mask``."""
    return "mask" in inspect.signature(ask).parameters


def summary_of(ask: Callable[..., Any]) -> str:
    """Return what a question says of itself, as plain text: its docstring without markup."""
    return inspect.cleandoc(ask.__doc__ or "").replace("``", "")


def _parameter(name: str, hint: Any, default: Any) -> Parameter:
    if get_origin(hint) is not Annotated:
        raise TypeError(f"The parameter {name} needs Annotated[type, help].")
    hint, help_, *named = get_args(hint)
    optional = False
    if get_origin(hint) in (Union, UnionType):
        parts = [part for part in get_args(hint) if part is not type(None)]
        optional = len(parts) < len(get_args(hint))
        if len(parts) != 1:
            raise TypeError(f"The parameter {name} may have one type, and None.")
        hint = parts[0]
    choices = named[0] if named else None
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        hint = type(choices[0])
    if hint not in (int, float, str, bool):
        raise TypeError(f"The parameter {name} cannot be a {hint}.")
    return Parameter(name, hint, help_, default, optional, choices)
