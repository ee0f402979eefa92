"""``python -m analysis errors``: which classes fail, taken for what, where, and how sure of it."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from analysis.questions.answer import DOTS_PER_INCH, writing
from uniformer.commands import telling
from uniformer.dataset import pair_annotations, read_annotation
from uniformer.files import replace_file
from uniformer.pictures import open_picture
from uniformer.predict import segment
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from uniformer.evaluation import Evaluation

CONFUSIONS = 50
"""Rows of the table of confusions."""


def add_errors_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say which pictures are compared with which annotations."""
    group = command.add_argument_group("pictures")
    group.add_argument("--images", type=Path, required=True, metavar="DIR", help="the pictures")
    group.add_argument(
        "--annotations", type=Path, required=True, metavar="DIR", help="a PNG for each picture"
    )
    group.add_argument(
        "--zero-is-other",
        action="store_true",
        help="class ids start at 1 and 0 is not scored, as in ADE20K's own files",
    )
    group.add_argument("--short-side", type=int, metavar="N", help="pixels (default: the model's)")
    group.add_argument(
        "--maps", type=int, default=6, metavar="N", help="pictures to map, from the first (6)"
    )
    group.add_argument("-o", "--output", type=Path, default=Path("errors"), metavar="DIR")


def run_errors(model: Segmenter, args: argparse.Namespace) -> int:
    """Score all pictures, map the errors of the first few, write figures and tables; return 0."""
    from uniformer.evaluate import evaluate  # torchmetrics takes seconds to import

    with tqdm(unit="picture", disable=None) as bar:
        found = evaluate(
            model,
            args.images,
            args.annotations,
            zero_is_other=args.zero_is_other,
            short_side=args.short_side,
            progress=telling(bar),
        )
    args.output.mkdir(parents=True, exist_ok=True)
    write_errors(found, args.output)
    map_errors(model, args)
    print(found.table())
    print(f"-> {args.output}")
    return 0


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


def map_errors(model: Segmenter, args: argparse.Namespace) -> None:
    """Write the error maps of the first ``args.maps`` pictures, NAME.errors.png each.

    These few are labelled once more: an evaluation keeps sums, never the labels of a picture.
    """
    from analysis.evaluation.error_map import error_map
    from analysis.figures.evaluation import error_map_figure

    classes = len(model.classes)
    for photo, annotation in pair_annotations(args.images, args.annotations)[: max(0, args.maps)]:
        picture = open_picture(photo)
        truth = read_annotation(annotation, picture.shape[:2], classes, args.zero_is_other)
        labels = segment(picture, model, short_side=args.short_side).labels
        figure = error_map_figure(error_map(labels, truth, classes), picture)
        _save(args.output / f"{photo.stem}.errors.png", figure)


def _save(file: Path, figure: Figure) -> None:
    replace_file(file, lambda part: figure.savefig(part, format="png", dpi=DOTS_PER_INCH))
