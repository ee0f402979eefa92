"""Command line of the training program."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from training.compare import compare_runs, tables
from training.config import parse_recipe, read_recipe
from training.data import load_split, read_classes
from training.export import export
from training.parallel import run_in_parallel
from training.trainer import Trainer, read_checkpoint
from uniformer.factory import find_config
from uniformer.files import replace_file


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="train, or go on with a run that was interrupted")
    run.add_argument("recipe", type=Path, help="a JSON file, such as training/recipes/nano.json")
    run.add_argument("--data", type=Path, required=True, help="folder of images/ and masks/")
    run.add_argument("--run", type=Path, required=True, help="folder of the run, made if absent")
    run.add_argument("--init", help="start from a weights file, another run's folder, or 'default'")
    run.add_argument("--steps", type=int, help="train this long instead of as the recipe says")
    run.add_argument("--processes", type=int, default=1, help="share batches among processes")
    run.set_defaults(command=_run)

    release = commands.add_parser("export", help="write a run's weights as fp16 with their card")
    release.add_argument("--run", type=Path, required=True)
    release.add_argument("--data", type=Path, required=True)
    release.add_argument("--out", type=Path, required=True, help="a .safetensors file")
    release.add_argument(
        "--fit-bias",
        action="store_true",
        help="undo the balance of training: fit the classifier's bias to pictures as they come",
    )
    release.add_argument(
        "--evaluations", type=Path, nargs="*", default=[], help="scores for the card, as JSON"
    )
    release.set_defaults(command=_export)

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
    train, validation = (
        load_split(options.data, split, len(classes), config.longest_side)
        for split in ("train", "val")
    )
    options.run.mkdir(parents=True, exist_ok=True)
    recipe = config.to_json().encode()
    replace_file(options.run / "recipe.json", lambda file: file.write(recipe))
    print(f"{len(train)} pictures to train on, {len(validation)} to validate on.", flush=True)
    run_in_parallel(
        lambda: Trainer(config, classes, train, validation, options.run).run(), options.processes
    )


def _export(options: argparse.Namespace) -> None:
    for file in export(
        options.run, options.data, options.out, options.fit_bias, options.evaluations
    ):
        print(file)


def _compare(options: argparse.Namespace) -> None:
    recipe = parse_recipe(read_checkpoint(options.runs[0])["recipe"])
    classes = read_classes(options.data, find_config(recipe.model).class_set)
    examples = load_split(options.data, "val", len(classes), recipe.longest_side)
    print(tables(list(compare_runs(options.runs, classes, examples)), classes))


if __name__ == "__main__":
    sys.exit(main())
