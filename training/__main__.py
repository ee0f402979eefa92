"""Command line of the training program."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from training.coarse import comparable, load_coarse, load_ordinary
from training.compare import compare_runs, tables
from training.config import parse_recipe, read_recipe
from training.data import load_split, read_classes, read_groups
from training.export import export
from training.label import Source, label_folder
from training.parallel import run_in_parallel
from training.score import score_domain
from training.trainer import Trainer, read_checkpoint
from uniformer.config import REACHES
from uniformer.factory import create_model, find_config
from uniformer.files import replace_file


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="train, or go on with a run that was interrupted")
    run.add_argument("recipe", type=Path, help="a JSON file, such as training/recipes/nano.json")
    run.add_argument("--data", type=Path, required=True, help="folder of images/ and masks/")
    run.add_argument("--run", type=Path, required=True, help="folder of the run, made if absent")
    run.add_argument("--init", help="start from a weights file, another run's folder, or 'default'")
    run.add_argument(
        "--choose",
        type=Path,
        help="validate on these ordinary photos, in coarse classes, instead of images/val",
    )
    run.add_argument("--steps", type=int, help="train this long instead of as the recipe says")
    run.add_argument("--processes", type=int, default=1, help="share batches among processes")
    run.set_defaults(command=_run)

    label = commands.add_parser("label", help="label pictures with teachers, to train on them")
    label.add_argument("pictures", type=Path, help="a folder of pictures")
    label.add_argument(
        "--masks", type=Path, help="their label maps, kept wherever they say something"
    )
    label.add_argument(
        "--vocabulary",
        choices=("everyday22", "coco"),
        default="everyday22",
        help="of the label maps",
    )
    label.add_argument("--names", type=Path, help="JSON with the name of every id, for coco")
    label.add_argument("--prefix", default="", help="put before the names of the pictures")
    label.add_argument("--teachers", type=Path, required=True, help="the folder of their files")
    label.add_argument("-o", "--out", type=Path, required=True, help="a folder to train on")
    label.add_argument("--longest-side", type=int, default=320, help="pixels that are kept")
    label.add_argument(
        "--exclude", type=Path, nargs="*", default=[], help="folders to leave near copies out of"
    )
    label.add_argument("--processes", type=int, default=1)
    label.set_defaults(command=_label)

    release = commands.add_parser("export", help="write a run's weights as fp16 with their card")
    release.add_argument("--run", type=Path, required=True)
    release.add_argument("--data", type=Path, required=True)
    release.add_argument("--out", type=Path, required=True, help="a .safetensors file")
    release.add_argument(
        "--calibrate",
        type=Path,
        help="fit the classifier's bias to train pictures, its temperature to these ordinary "
        "photos or to the val pictures of a folder like DATA",
    )
    release.add_argument(
        "--scores", type=Path, nargs="*", default=[], help="for the card, by 'score -o'"
    )
    release.set_defaults(command=_export)

    judge = commands.add_parser(
        "score", help="score weights on ordinary photos and on DATA, in coarse classes"
    )
    judge.add_argument("--weights", default="default", help="a file; without it the bundled one")
    judge.add_argument("--ordinary", type=Path, required=True, help="folder of images/ and masks/")
    judge.add_argument("--data", type=Path, required=True, help="folder with 22 coarse classes")
    judge.add_argument("--split", choices=("val", "test"), default="val", help="of DATA")
    judge.add_argument("--reach", choices=REACHES, help="of stage 3")
    judge.add_argument("--short-side", type=int, help="of the network's input, in pixels")
    judge.add_argument("-o", "--output", type=Path, help="the scores as JSON")
    judge.set_defaults(command=_score)

    compare = commands.add_parser("compare", help="score runs on val, and say what they cost")
    compare.add_argument("runs", type=Path, nargs="+", help="folders of runs")
    compare.add_argument("--data", type=Path, required=True)
    compare.set_defaults(command=_compare)

    options = parser.parse_args(arguments)
    try:
        options.command(options)
    except (ValueError, OSError, FloatingPointError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    config = read_recipe(options.recipe)
    if options.init is not None:
        config = replace(config, init=options.init)
    if options.steps is not None:
        config = replace(config, steps=options.steps)
    classes = read_classes(options.data, find_config(config.model).class_set)
    print(f"Reading the pictures of {options.data} ...", flush=True)
    members = read_groups(options.data, len(classes))
    train = load_split(options.data, "train", len(classes), config.longest_side)
    validation = (
        load_split(options.data, "val", len(classes), config.longest_side)
        if options.choose is None
        else comparable(load_ordinary(options.choose), classes)
    )
    options.run.mkdir(parents=True, exist_ok=True)
    recipe = config.to_json().encode()
    replace_file(options.run / "recipe.json", lambda file: file.write(recipe))
    print(f"{len(train)} pictures to train on, {len(validation)} to validate on.", flush=True)
    run_in_parallel(
        lambda: Trainer(config, classes, members, train, validation, options.run).run(),
        options.processes,
    )


def _label(options: argparse.Namespace) -> None:
    source = Source(
        options.pictures, options.masks, options.vocabulary, options.names, options.prefix
    )
    count, left_out = label_folder(
        source,
        options.teachers,
        options.out,
        options.longest_side,
        options.exclude,
        options.processes,
    )
    print(f"{count} pictures of {options.pictures} are labelled in {options.out}.")
    if left_out:
        print(
            f"{len(left_out)} were left out as near copies of excluded pictures: "
            f"{', '.join(sorted(left_out))}."
        )


def _export(options: argparse.Namespace) -> None:
    for file in export(options.run, options.data, options.out, options.calibrate, options.scores):
        print(file)


def _score(options: argparse.Namespace) -> None:
    model = create_model("nano", weights=options.weights, reach=options.reach)
    if options.short_side is not None:
        model.config = replace(model.config, short_side=options.short_side)
    found = {
        "ordinary": score_domain(model, load_ordinary(options.ordinary)),
        options.split: score_domain(model, load_coarse(options.data, options.split)),
    }
    for domain, scores in found.items():
        print(f"{domain}: {scores}")
    if options.output is not None:
        values = {
            "weights": {"sha256": model.weights.sha256},
            "settings": {
                "reach": model.reach,
                "window_size": model.window_size,
                "short_side": model.config.short_side,
            },
            "domains": {domain: scores.to_json() for domain, scores in found.items()},
        }
        text = json.dumps(values, indent=1).encode() + b"\n"
        replace_file(options.output, lambda file: file.write(text))


def _compare(options: argparse.Namespace) -> None:
    recipe = parse_recipe(read_checkpoint(options.runs[0])["recipe"])
    classes = read_classes(options.data, find_config(recipe.model).class_set)
    examples = load_split(options.data, "val", len(classes), recipe.longest_side)
    print(tables(list(compare_runs(options.runs, classes, examples)), classes))


if __name__ == "__main__":
    sys.exit(main())
