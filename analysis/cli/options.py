"""Options of the command line, made from the parameters of questions, and what they were given."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from analysis.core.any_segmenter import MARK
from analysis.questions.answer import FORMATS
from analysis.questions.parameters import REQUIRED, Parameter
from uniformer.config import CLASSIFIERS, MODELS
from uniformer.options import add_classes, add_reach, add_weights


def add_formats(parser: argparse.ArgumentParser) -> None:
    """Add which files to write, and what to print."""
    parser.add_argument(
        "--formats",
        type=_formats,
        default=("png", "npz", "csv", "json"),
        metavar="A,B,...",
        help=f"which of {', '.join(FORMATS)} to write (default: png,npz,csv,json)",
    )
    parser.add_argument(
        "--json", action="store_true", dest="print_json", help="print all numbers as JSON"
    )


def add_model(parser: argparse.ArgumentParser, asks_reach: bool) -> None:
    """Add the options of the model; a question that has a reach of its own brings that option."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model", type=_model, default="nano", metavar="NAME",
        help=f"{', '.join(MODELS | CLASSIFIERS)}, or path.py:factory for a segmenter that a "
        "function of yours makes; the file is run (default: nano)",
    )  # fmt: skip
    add_weights(group)
    add_classes(group)
    add_reach(group, reach=not asks_reach)


def add_parameters(parser: argparse.ArgumentParser, parameters: Sequence[Parameter]) -> None:
    """Add an option per parameter; column and row of a pixel are one, ``--pixel X,Y``."""
    group = parser.add_argument_group("question")
    for parameter in parameters:
        if parameter.name == "x":
            group.add_argument(
                "--pixel",
                type=_pixel,
                required=parameter.default is REQUIRED,
                default=None,
                metavar="X,Y",
                help=_pixel_words(parameter),
            )
        elif parameter.name != "y":
            _add_parameter(group, parameter)


def _add_parameter(group: argparse._ArgumentGroup, parameter: Parameter) -> None:
    option = "--" + parameter.name.replace("_", "-")
    needed = parameter.default is REQUIRED
    default = None if needed else parameter.default
    words = parameter.help if default is None else f"{parameter.help} (default: {default})"
    words = words.replace("%", "%%")
    if parameter.kind is bool:
        group.add_argument(
            option, action=argparse.BooleanOptionalAction, default=default, help=words
        )
        return
    group.add_argument(
        option,
        type=_choosing(parameter),
        choices=parameter.choices,
        required=needed,
        default=default,
        metavar=None if parameter.choices else parameter.kind.__name__.upper(),
        help=words,
    )


def _pixel_words(column: Parameter) -> str:
    """Return the help of column and row together, from that of the column."""
    words = column.help.replace("column of", "column and row of").replace("left", "top left")
    return words if column.default is REQUIRED else f"{words} (default: none)"


def _choosing(parameter: Parameter) -> Callable[[str], Any]:
    """Return how an argument is read: names with - or _, in any case, as they are spelt here."""
    if parameter.kind is not str or parameter.choices is None:
        return parameter.kind
    known = {_plainly(choice): choice for choice in parameter.choices}
    return lambda text: known.get(_plainly(text), text)


def _plainly(name: str) -> str:
    return name.casefold().replace("_", "-")


def values_of(args: argparse.Namespace, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return all of the question's keywords, as given or by default."""
    values = {}
    for parameter in parameters:
        if parameter.name not in ("x", "y"):
            values[parameter.name] = getattr(args, parameter.name)
        elif args.pixel is None:
            values[parameter.name] = parameter.default
        else:
            values[parameter.name] = args.pixel[parameter.name == "y"]
    return values


def _model(text: str) -> str:
    known = [*MODELS, *CLASSIFIERS]
    if text not in known and MARK not in text:
        raise argparse.ArgumentTypeError(
            f"there is no model {text!r}: choose one of {', '.join(known)}, or path.py:factory"
        )
    return text


def _formats(text: str) -> tuple[str, ...]:
    formats = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in formats:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(FORMATS)}")
    return formats


def _pixel(text: str) -> tuple[int, int]:
    try:
        x, y = (int(number) for number in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a pixel like 120,80") from None
    return x, y


def add_mask(parser: argparse.ArgumentParser) -> None:
    """Add the file of a painted region."""
    parser.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="painted region: a picture as large as the photo, black or clear elsewhere",
    )
