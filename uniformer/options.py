"""What the command lines share: their parser, options, and how failures are told."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from uniformer.config import REACHES

OPTIONS = (
    ("pass weights=None", "say --weights none"),
    ("or None for an untrained model", "or none for an untrained model"),
    ("pass its path as weights", "pass its path with --weights"),
    (": weights can be a path", ": --weights can be a path"),
    ("say zero-is-other", "say --zero-is-other"),
    ("say annotation-suffix", "say --annotation-suffix"),
    (" (recursive=True)", ""),
)
"""What Python's advice is called on the command line."""


class Parser(argparse.ArgumentParser):
    """A parser that tells wrong usage like every other failure; exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Print one sentence and how to get help, and exit."""
        program = self.prog.removeprefix("python -m ").split()[0].split(".")[-1]
        self.exit(2, f"{program}: error: {message}; see {self.prog} --help\n")


def exit_code(program: str, run: Callable[[], int]) -> int:
    """Return what ``run`` returns, 1 after a failure, told in a line on stderr, 130 if stopped.

    Failures are ``ValueError`` and ``OSError``; anything else is a fault of the program: raised.
    """
    try:
        return run()
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"{program}: error: {sentence_of(error)}", file=sys.stderr)
        return 1


def sentence_of(error: Exception) -> str:
    """Return what went wrong on one line, in the words of the command line."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}."
    return for_command_line(" ".join(str(error).split()))


def for_command_line(sentence: str) -> str:
    """Return a sentence with the options of the command line where it has arguments of Python."""
    for python, option in OPTIONS:
        sentence = sentence.replace(python, option)
    return sentence


def add_photos(parser: argparse.ArgumentParser) -> None:
    """Add photos and folders of them."""
    parser.add_argument(
        "photos", nargs="+", type=Path, metavar="PHOTO", help="a picture, or a folder of pictures"
    )
    add_recursive(parser)


def add_recursive(parser: argparse._ActionsContainer) -> None:
    """Add whether folders are taken with what is in them."""
    parser.add_argument("--recursive", action="store_true", help="take subfolders too")


def add_output(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the folder for what is written, ``default`` unless given."""
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(default), metavar="DIR",
        help="folder for the files (default: %(default)s)",
    )  # fmt: skip


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add how many photos are worked on at a time."""
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N",
        help="work on N photos at a time, one per process or GPU (default: %(default)s)",
    )  # fmt: skip


def add_annotated(parser: argparse._ActionsContainer) -> None:
    """Add pictures and their annotations."""
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="the pictures")
    parser.add_argument(
        "--annotations", type=Path, required=True, metavar="DIR",
        help="a label map for each picture",
    )  # fmt: skip
    parser.add_argument(
        "--annotation-suffix", default=".png", metavar="END",
        help="NAME.jpg is annotated in NAME and this, such as _seg.png (default: %(default)s)",
    )  # fmt: skip
    add_recursive(parser)
    parser.add_argument(
        "--zero-is-other", action="store_true",
        help="class ids start at 1 and 0 is not scored, as in ADE20K's own files",
    )  # fmt: skip


def add_weights(group: argparse._ActionsContainer) -> None:
    """Add which weights the model has."""
    group.add_argument(
        "--weights", default="default",
        help="default (the model's own), a file, a Hub id owner/repo/file, or none (untrained)",
    )  # fmt: skip


def add_reach(group: argparse._ActionsContainer, reach: bool = True) -> None:
    """Add what stage 3 attends to; without ``reach`` only how large its windows are."""
    if reach:
        group.add_argument(
            "--reach", choices=REACHES, help="reach of stage 3; by default the model's own"
        )
    group.add_argument(
        "--window-size", type=int, metavar="N",
        help="side of windows in stage-3 tokens of 16 pixels; by default the model's own",
    )  # fmt: skip


def add_classes(group: argparse._ActionsContainer) -> None:
    """Add the options for weights that were trained on classes of one's own."""
    group.add_argument(
        "--num-classes",
        type=int,
        metavar="N",
        help="classes of weights that have no names for them",
    )
    group.add_argument(
        "--class-names",
        type=_names,
        metavar="A,B,...",
        help="names of the classes of the weights, or a text file with one in each line",
    )


def _names(text: str) -> list[str]:
    is_file = os.path.isfile(text)  # a list may be too long for the name of a file
    try:
        lines = Path(text).read_text("utf-8").splitlines() if is_file else text.split(",")
    except (OSError, ValueError):
        raise argparse.ArgumentTypeError(f"{text} cannot be read as text") from None
    return [line.strip() for line in lines if line.strip() or "," in text]
