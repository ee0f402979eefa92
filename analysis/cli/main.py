"""Command line: every question of :mod:`analysis.questions` about photos or folders of them."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from analysis.cli.errors_command import add_errors_options, run_errors
from analysis.cli.options import (
    add_formats,
    add_mask,
    add_model,
    add_parameters,
    values_of,
)
from analysis.cli.stored_answers import note_failure, stored_answer, write_manifest
from analysis.core.any_segmenter import MARK, load_segmenter
from analysis.core.checks import check_region
from analysis.core.errors import AnalysisError
from analysis.core.evidence import GRADES
from analysis.core.progress import Result, Work, finish
from analysis.questions import QUESTIONS
from analysis.questions.answer import provenance
from analysis.questions.common import in_reach
from analysis.questions.parameters import parameters_of, summary_of, takes_mask
from uniformer.authorship import of_others
from uniformer.commands import model_of, telling, telling_once
from uniformer.dataset import list_photos
from uniformer.errors import hits_all, reason_of, stopped
from uniformer.files import file_names, shown
from uniformer.label_maps import read_mask
from uniformer.options import Parser, add_output, add_photos, add_processes, exit_code
from uniformer.pictures import read_picture
from uniformer.plural import how_many
from uniformer.segmenter import Segmenter
from uniformer.sharding import run_sharded

COMMAND = f"python -m {__name__.removesuffix('.cli.main')}"
"""What to type: the package has another name once it is installed."""

EXAMPLES = f"""examples:
  {COMMAND} probe photo.jpg --pixel 120,80 -o out
  {COMMAND} attribute photo.jpg --pixel 120,80 --method integrated-gradients
  {COMMAND} what-if photo.jpg --kind hide-segment --pixel 120,80 -o out
  {COMMAND} profile photos/ --nulls -o out
  {COMMAND} publish photos/ -o site
  {COMMAND} live -o live

Of a folder, what is answered already is not asked again: after an interruption, run the command
once more. QUESTION.manifest.jsonl has the numbers of all photos, NAME.QUESTION.error.txt says why
one could not be answered. torchrun shares the photos among its processes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, 1 if something failed, 2 for bad arguments."""
    args = build_parser().parse_args(arguments)
    return exit_code("analysis", lambda: args.run(args))


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog=COMMAND,
        description="What every stage of UniFormer looked at, as figures, arrays and numbers.",
        epilog=EXAMPLES,
        formatter_class=plain,
    )
    commands = parser.add_subparsers(required=True, metavar="QUESTION")
    for name, ask in QUESTIONS.items():
        summary = summary_of(ask)
        command = commands.add_parser(
            name,
            help=summary.split("\n")[0].replace("%", "%%"),
            description=summary,
            formatter_class=plain,
        )
        _add_question(command, name, ask)
    _add_reports(commands)
    return parser


def _add_reports(commands: argparse._SubParsersAction) -> None:
    """Add what is made of many pictures at once: a site, a report of errors."""

    def add(name: str, words: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")

    site = add("publish", "write a static site in which the lens works")
    add_photos(site)
    add_output(site, "site")
    add_model(site, asks_reach=False)
    site.set_defaults(run=_publish)
    live = add("live", "write a folder in which model and page work without a server")
    live.add_argument(
        "-o", "--output", type=Path, default=Path("live"), metavar="DIR",
        help="a new or empty folder, or one written before (default: live)",
    )  # fmt: skip
    add_model(live, asks_reach=False)
    live.set_defaults(run=_live)
    errors = add("errors", "where labels are wrong, and for what, in a folder")
    add_errors_options(errors)
    add_model(errors, asks_reach=False)
    errors.set_defaults(run=lambda args: run_errors(open_model(args), args))


def _add_question(command: argparse.ArgumentParser, name: str, ask: Callable[..., Any]) -> None:
    add_photos(command)
    add_output(command, "answers")
    add_formats(command)
    add_processes(command)
    if takes_mask(ask):
        add_mask(command)
    parameters = parameters_of(ask)
    add_model(command, any(parameter.name == "reach" for parameter in parameters))
    add_parameters(command, parameters)
    command.set_defaults(run=_ask, question=name)


def _ask(args: argparse.Namespace) -> int:
    """Ask one question about every photo; 1 when some could not be answered."""
    photos = list_photos(args.photos, args.recursive, telling_once("analysis"))
    _check_output(args.output)
    kinds = [f"{args.question}.{kind}" for kind in ("png", "json")]
    names = file_names(photos, lambda name: bool(of_others(args.output, name, kinds)))
    stems = [f"{name}.{args.question}" for name in names]
    work = list(zip(photos, stems, strict=True))
    if len(work) == 1:
        print(_answer(args, open_model(args), *work[0]))
        return 0
    failed = run_sharded(partial(_ask_share, args, work), args.processes)
    if failed is None:  # the first process of torchrun tells of all
        return 0
    if "json" in args.formats:
        print(write_manifest(args.output, args.question, work))
    return 1 if failed else 0


def _ask_share(
    args: argparse.Namespace, work: Sequence[tuple[Path, str]], rank: int, count: int
) -> int:
    """Ask about every ``count``-th photo from ``rank`` on; return how many were not answered."""
    model, failed = open_model(args), 0
    for photo, stem in work[rank::count]:
        try:
            said = _answer(args, model, photo, stem)
        except Exception as error:  # whatever one photo does, the others are asked about
            if hits_all(error):
                raise stopped(error) from error
            failed += 1
            print(f"analysis: error: {shown(photo)}: {reason_of(error)}", file=sys.stderr)
            with suppress(OSError):  # the failure itself may be that nothing can be written
                note_failure(args.output, stem, reason_of(error))
        else:
            note_failure(args.output, stem, None)
            print(said)
    return failed


def _answer(args: argparse.Namespace, model: Segmenter, photo: Path, stem: str) -> str:
    """Save the answer about one photo, unless it is there, and return what to print."""
    ask = QUESTIONS[args.question]
    chosen, picture = values_of(args, parameters_of(ask)), read_picture(photo)
    mask, notes = _mask(args, picture.pixels) if takes_mask(ask) else (None, ())
    picture = replace(picture, notes=(*picture.notes, *notes))
    settings = provenance(in_reach(model, chosen.get("reach")), picture, mask, **chosen)
    stored = stored_answer(args.output, stem, args.formats, settings)
    if stored is None:
        painted = {} if mask is None else {"mask": mask}
        answer = _finish(ask(model, picture, **painted, **chosen), photo.name)
        answer.save(args.output, stem, args.formats)
        stored = json.loads(answer.to_json())
    if args.print_json:
        return json.dumps(stored, indent=2, ensure_ascii=False)
    return "\n".join([
        f"{shown(photo)}: {stored['title']} [{GRADES[stored['grade']]}]",
        textwrap.fill(stored["sentence"], 98, initial_indent="  ", subsequent_indent="  "),
        *_lines(stored["numbers"], stored["tables"]),
        *(f"  note: {note}" for note in stored["settings"]["picture"].get("notes", ())),
        f"-> {shown(args.output / stem)}.*",
    ])  # fmt: skip


def _mask(
    args: argparse.Namespace, picture: np.ndarray
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the painted region (H, W), bool, of the file that was named, if any, and notes."""
    if args.mask is None:
        if getattr(args, "region", None) == "mask":
            raise AnalysisError(
                "The region mask needs --mask FILE: a picture as large as the photo, black or "
                "clear where the region is not."
            )
        return None, ()
    size = picture.shape[:2]
    painted, notes = read_mask(args.mask, size)
    return check_region(painted, size), notes


def _publish(args: argparse.Namespace) -> int:
    """Write a site about the photos; 1 when some could not be used."""
    from analysis.report.publish import publish  # matplotlib takes a while to import

    model = open_model(args)
    photos = list_photos(args.photos, args.recursive, telling_once("analysis"))
    site = _finish(publish(model, photos, args.output), "publish")
    print(f"{len(site.pages)} page{'s' * (len(site.pages) != 1)} -> {site.index}")
    for sentence in site.left_out:
        print(f"analysis: error: {sentence}", file=sys.stderr)
    return 1 if site.left_out else 0


def _live(args: argparse.Namespace) -> int:
    """Write the live edition of the model."""
    from analysis.live import write_folder  # torch's exporter takes a while to import

    made = _finish(write_folder(open_model(args), args.output), "live")
    print(f"{made.bytes / 1e6:.0f} MB -> {made.path}")
    print(f"Serve it with any static server: python -m http.server --directory {made.path}")
    return 0


def _finish(work: Work[Result], name: str) -> Result:
    """Return the result of ``work``; show progress where somebody is watching."""
    with tqdm(desc=name, leave=False, disable=None) as bar:
        return finish(work, telling(bar))


def open_model(args: argparse.Namespace) -> Segmenter:
    """Return the model asked for; warn when what it says means nothing."""
    if MARK in args.model:
        asked = args.reach, args.window_size, args.num_classes, args.class_names
        if args.weights != "default" or any(each is not None for each in asked):
            raise AnalysisError(
                f"{args.model} brings its own weights: leave out --weights, --reach, "
                "--window-size and the options about classes."
            )
        return load_segmenter(args.model)
    model = model_of(args, "analysis")
    if model.weights.taken:
        print(f"analysis: note: {model.weights.taken}", file=sys.stderr)
    if not model.weights.trained:
        print(f"analysis: warning: {model.weights.note}", file=sys.stderr)
    return model


def _check_output(folder: Path) -> None:
    """Raise ``OSError`` if nothing can be written there: better before the work than after it."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if not os.access(there, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))


def _lines(numbers: dict[str, Any], tables: dict[str, Any]) -> list[str]:
    """Return numbers as lines of text, rounded; of rows that a table has as well, how many."""
    lines = []
    for name, value in numbers.items():
        if not _is_rows(value):
            lines.append(f"  {name}: {_brief(value)}")
        elif name in tables:
            lines.append(f"  {name}: {how_many(len(value), 'row')}, see the table")
        else:
            lines += [f"  {name}:", *(f"    {_brief(row)}" for row in value)]
    return lines


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _brief(value: Any) -> str:
    """Return a value to be read, numbers with four digits: the JSON file has all of them."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_brief(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_brief, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
