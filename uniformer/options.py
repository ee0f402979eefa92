"""Options that the command lines of the segmenter and of the analyses share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


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
