"""Command line: every question of :mod:`analysis.questions` about photos or folders of them."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from analysis.answer import FORMATS, provenance
from analysis.batch import stored_answer, write_manifest
from analysis.claims.command import add_claims_options, run_claims
from analysis.errors import AnalysisError
from analysis.progress import Progress
from analysis.questions import QUESTIONS
from analysis.questions.parameters import REQUIRED, Parameter, parameters_of
from analysis.report.publish import publish
from uniformer.commands import file_names, list_photos
from uniformer.config import MODELS, REACHES
from uniformer.factory import create_model
from uniformer.pictures import PictureError, open_picture
from uniformer.segmenter import Segmenter

EXAMPLES = """examples:
  python -m analysis probe photo.jpg --pixel 120,80 -o out
  python -m analysis attribute photo.jpg --pixel 120,80 --method integrated-gradients
  python -m analysis profile photos/ -o out
  python -m analysis publish photos/ -o site

Of a folder, what is answered already is not asked again: after an interruption, run the command
once more. QUESTION.manifest.jsonl has the numbers of all photos."""


class Parser(argparse.ArgumentParser):
    """A parser that tells wrong usage like every other failure; exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Print one sentence and how to get help, and exit."""
        self.exit(2, f"analysis: error: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0, 1 if something failed, 2 for bad arguments."""
    args = build_parser().parse_args(arguments)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("analysis: interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"analysis: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1


def build_parser() -> Parser:
    """Return the parser of the whole command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog="python -m analysis",
        description="What every stage of UniFormer looked at, as figures, arrays and numbers.",
        epilog=EXAMPLES,
        formatter_class=plain,
    )
    commands = parser.add_subparsers(required=True, metavar="QUESTION")
    for name, ask in QUESTIONS.items():
        summary = (ask.__doc__ or "").strip()
        command = commands.add_parser(
            name,
            help=summary.split("\n")[0].replace("%", "%%"),
            description=inspect.cleandoc(summary),
            formatter_class=plain,
        )
        _add_inputs(command, default="answers")
        _add_formats(command)
        parameters = parameters_of(ask)
        _add_model(command, any(parameter.name == "reach" for parameter in parameters))
        _add_parameters(command, parameters)
        command.set_defaults(run=_ask, question=name)
    site = commands.add_parser("publish", help="write a static site in which the lens works")
    _add_inputs(site, default="site")
    _add_model(site, asks_reach=False)
    site.set_defaults(run=_publish)
    claims = commands.add_parser("claims", help="test the paper's claims on a folder of pictures")
    add_claims_options(claims)
    _add_model(claims, asks_reach=True)
    claims.set_defaults(run=lambda args: run_claims(_open_model(args), args), reach=None)
    return parser


def _ask(args: argparse.Namespace) -> int:
    """Ask one question about every photo; 1 when some could not be answered."""
    model = _open_model(args)
    photos = list_photos(args.photos)
    stems = [f"{name}.{args.question}" for name in file_names(photos)]
    failures: dict[Path, str] = {}
    for photo, stem in zip(photos, stems, strict=True):
        try:
            said = _answer(args, model, photo, stem)
        except (PictureError, AnalysisError) as error:
            if len(photos) == 1:
                raise
            failures[photo] = " ".join(str(error).split())
            print(f"analysis: error: {photo}: {failures[photo]}", file=sys.stderr)
        else:
            print(said)
    if len(photos) > 1 and "json" in args.formats:
        work = zip(photos, stems, strict=True)
        print(write_manifest(args.output, args.question, work, failures))
    return 1 if failures else 0


def _answer(args: argparse.Namespace, model: Segmenter, photo: Path, stem: str) -> str:
    """Save the answer about one photo, unless it is there, and return what to print."""
    ask = QUESTIONS[args.question]
    chosen, picture = _values(args, parameters_of(ask)), open_picture(photo)
    settings = provenance(model, picture, **chosen)
    stored = stored_answer(args.output, stem, args.formats, settings)
    if stored is None:
        answer = _result(ask(model, picture, **chosen), photo.name)
        # As asked here, so that the same command finds it again.
        answer = replace(answer, settings={**answer.settings, "parameters": chosen})
        answer.save(args.output, stem, args.formats)
        stored = json.loads(answer.to_json())
    if args.print_json:
        return json.dumps(stored, indent=2, ensure_ascii=False)
    title = f"{photo}: {stored['title']} -> {args.output / stem}.*"
    return f"{title}\n{_lines(stored['numbers'])}"


def _publish(args: argparse.Namespace) -> int:
    """Write a site about the photos."""
    model = _open_model(args)
    site = _result(publish(model, list_photos(args.photos), args.output), "publish")
    print(f"{len(site.pages)} pages -> {site.index}")
    return 0


def _result(steps: Iterator[Any], name: str) -> Any:
    """Return what comes last of ``steps``; show progress where somebody is watching."""
    with tqdm(desc=name, leave=False, disable=None) as bar:
        for step in steps:
            if not isinstance(step, Progress):
                return step
            bar.total = step.total
            bar.update(step.done - bar.n)
    raise RuntimeError("The work ended without a result.")


def _open_model(args: argparse.Namespace) -> Segmenter:
    """Return the model asked for; warn when what it says means nothing."""
    model = create_model(
        args.model,
        weights=None if args.weights == "none" else args.weights,
        reach=args.reach,
        window_size=args.window_size,
    )
    if not model.weights.trained:
        print(f"analysis: warning: {model.weights.note}", file=sys.stderr)
    return model


def _add_inputs(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "photos", nargs="+", type=Path, metavar="PHOTO", help="a picture, or a folder of pictures"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(default), metavar="DIR",
        help=f"folder for the files (default: {default})",
    )  # fmt: skip


def _add_formats(parser: argparse.ArgumentParser) -> None:
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


def _add_model(parser: argparse.ArgumentParser, asks_reach: bool) -> None:
    """Add the options of the model; a question that has a reach of its own brings that option."""
    group = parser.add_argument_group("model")
    group.add_argument("--model", choices=MODELS, default="nano", metavar="NAME")
    group.add_argument(
        "--weights",
        default="default",
        help="default (the model's own), a file, a Hub id owner/repo/file, or none (untrained)",
    )
    if not asks_reach:
        group.add_argument("--reach", choices=REACHES)
    group.add_argument("--window-size", type=int, metavar="N", help="in stage-3 tokens")


def _add_parameters(parser: argparse.ArgumentParser, parameters: Sequence[Parameter]) -> None:
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
                help="column and row of the pixel asked about, from 0 at the top left",
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


def _choosing(parameter: Parameter) -> Callable[[str], Any]:
    """Return how an argument is read: names with - or _, in any case, as they are spelt here."""
    if parameter.kind is not str or parameter.choices is None:
        return parameter.kind
    known = {_plainly(choice): choice for choice in parameter.choices}
    return lambda text: known.get(_plainly(text), text)


def _plainly(name: str) -> str:
    return name.casefold().replace("_", "-")


def _values(args: argparse.Namespace, parameters: Sequence[Parameter]) -> dict[str, Any]:
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


def _lines(numbers: dict[str, Any]) -> str:
    """Return numbers as lines of text; what is nested stays JSON."""
    return "\n".join(
        f"  {name}: {value if isinstance(value, str) else json.dumps(value, default=str)}"
        for name, value in numbers.items()
    )
