"""``python -m benchmarks.claims``: the options of the study and what it prints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from analysis.cli.main import open_model
from analysis.cli.options import add_model
from analysis.core.progress import finish
from uniformer.commands import telling
from uniformer.options import Parser, exit_code
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from benchmarks.claims.findings import Findings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and return the exit status: 0, 1 if it failed, 2 for bad arguments."""
    parser = Parser(
        prog="python -m benchmarks.claims",
        description="Test the paper's claims on a folder of pictures.",
    )
    add_claims_options(parser)
    add_model(parser, asks_reach=True)
    parser.set_defaults(reach=None)
    args = parser.parse_args(arguments)
    return exit_code("claims", lambda: run_claims(open_model(args), args))


def add_claims_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say which pictures are measured, and how."""
    group = command.add_argument_group("study")
    group.add_argument("--data", type=Path, required=True, metavar="DIR", help="held-out pictures")
    group.add_argument(
        "--annotations", type=Path, metavar="DIR", help="label maps DIR/<picture>.png, if any"
    )
    group.add_argument("--pictures", type=int, default=40, help="how many (default: 40)")
    group.add_argument("--short-side", type=int, default=192, help="pixels (default: 192)")
    group.add_argument("--seed", type=int, default=0, help="of controls, nulls and intervals")
    group.add_argument("-o", "--output", type=Path, default=Path("claims"), metavar="DIR")


def run_claims(model: Segmenter, args: argparse.Namespace) -> int:
    """Measure all pictures, or those still missing, and write the report; return 0."""
    # matplotlib takes a while to import.
    from benchmarks.claims.findings import findings
    from benchmarks.claims.report import write_report
    from benchmarks.claims.study import study

    work = study(
        model,
        args.data,
        args.output,
        annotations=args.annotations,
        pictures=args.pictures,
        short_side=args.short_side,
        seed=args.seed,
    )
    with tqdm(unit="picture", disable=None) as bar:
        measured = finish(work, telling(bar))
    found = findings(measured)
    write_report(found, args.output, _command(args))
    print(_lines(found))
    print(f"-> {args.output / 'claims.md'}")
    return 0


def _command(args: argparse.Namespace) -> str:
    """Return the command without the user's own folders."""
    annotated = " --annotations MASKS" if args.annotations else ""
    return (
        f"python -m benchmarks.claims --data PICTURES{annotated} --model {args.model} "
        f"--pictures {args.pictures} --short-side {args.short_side} --seed {args.seed}"
    )


def _lines(found: Findings) -> str:
    return "\n".join(
        f"{test.claim}: {test.question} {test.verdict} ({test.difference.mean:.3g} "
        f"[{test.difference.low:.3g}, {test.difference.high:.3g}], p {test.corrected:.3f})"
        for test in found.tests
    )


if __name__ == "__main__":
    sys.exit(main())
