"""``python -m analysis errors``: which classes fail, taken for what, where, and how sure of it."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from analysis.questions.answer import DOTS_PER_INCH, writing
from uniformer.authorship import MARK, of_others
from uniformer.classes import IGNORE_INDEX
from uniformer.commands import telling
from uniformer.dataset import pair_annotations, read_annotation
from uniformer.files import file_names, replace_file, shown
from uniformer.options import add_annotated, add_output, for_command_line
from uniformer.pictures import open_picture
from uniformer.predict import segment
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from uniformer.evaluation import Evaluation

CONFUSIONS = 50
"""Rows of the table of confusions."""


WRITTEN = ("reliability.png", "classes.png", "confusions.png", "errors.json", "confusions.csv")


def add_errors_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say which pictures are compared with which annotations."""
    group = command.add_argument_group("pictures")
    add_annotated(group)
    group.add_argument("--short-side", type=int, metavar="N", help="pixels (default: the model's)")
    group.add_argument(
        "--maps", type=int, default=6, metavar="N", help="pictures to map, from the first (6)"
    )
    add_output(command, "errors")


def run_errors(model: Segmenter, args: argparse.Namespace) -> int:
    """Score all pictures, map the errors of the first few, write figures and tables.

    Returns 1 when pictures had to be left out.
    """
    from uniformer.evaluate import evaluate  # torchmetrics takes seconds to import

    for name, kind in (file.split(".") for file in WRITTEN):
        for file in of_others(args.output, name, [kind]):
            raise ValueError(f"{file} was not written by this program: choose another folder.")
    with tqdm(unit="picture", disable=None) as bar:
        found = evaluate(
            model,
            args.images,
            args.annotations,
            annotation_suffix=args.annotation_suffix,
            recursive=args.recursive,
            zero_is_other=args.zero_is_other,
            short_side=args.short_side,
            progress=telling(bar),
        )
    args.output.mkdir(parents=True, exist_ok=True)
    write_errors(found, args.output)
    unmapped = map_errors(model, args)
    print(found.table())
    for sentence in unmapped:
        print(f"analysis: warning: {sentence}", file=sys.stderr)
    for sentence in found.left_out:
        print(f"analysis: error: {for_command_line(sentence)}", file=sys.stderr)
    print(f"-> {args.output}")
    return 1 if found.left_out else 0


def write_errors(found: Evaluation, output: Path) -> None:
    """Write what an evaluation found into ``output``: three figures, a table and the JSON."""
    from analysis.evaluation.error_map import top_confusions
    from analysis.figures.evaluation import class_iou_figure, confusion_figure, reliability_figure

    _save(output / "reliability.png", reliability_figure(found))
    _save(output / "classes.png", class_iou_figure(found))
    _save(output / "confusions.png", confusion_figure(found))
    replace_file(output / "errors.json", writing(found.to_json()))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["annotated", "predicted", "pixels", "share_of_annotated"])
    names = [row.name for row in found.classes]
    for one in top_confusions(found.confusion, names, CONFUSIONS):
        writer.writerow([one.truth, one.predicted, one.pixels, one.share])
    replace_file(output / "confusions.csv", writing(text.getvalue()))


def map_errors(model: Segmenter, args: argparse.Namespace) -> list[str]:
    """Write the error maps of the first ``args.maps`` annotated pictures, NAME.errors.png each.

    Returns a sentence for each picture among them that is not annotated anywhere. They are labelled
    once more: an evaluation keeps sums, never the labels of a picture.
    """
    from analysis.evaluation.error_map import error_map
    from analysis.figures.evaluation import error_map_figure

    classes, unmapped, left = len(model.classes), [], max(0, args.maps)
    pairs = pair_annotations(args.images, args.annotations, args.annotation_suffix, args.recursive)
    names = file_names([photo for photo, _ in pairs])
    for (photo, annotation), name in zip(pairs, names, strict=True):
        if not left:
            break
        try:
            picture = open_picture(photo)
            truth = read_annotation(annotation, picture.shape[:2], classes, args.zero_is_other)
        except ValueError:  # told by the evaluation, which left it out
            continue
        if (truth == IGNORE_INDEX).all():
            unmapped.append(f"{shown(photo)} has no map of errors: no pixel of it is annotated.")
            continue
        left -= 1
        labels = segment(picture, model, short_side=args.short_side).labels
        figure = error_map_figure(error_map(labels, truth, classes), picture)
        _save(args.output / f"{name}.errors.png", figure)
    return unmapped


def _save(file: Path, figure: Figure) -> None:
    mark = {"Software": MARK}
    replace_file(
        file, lambda part: figure.savefig(part, format="png", dpi=DOTS_PER_INCH, metadata=mark)
    )
