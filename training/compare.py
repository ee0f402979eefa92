"""What runs came to: scores of their averaged weights on one split, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from training.architectures import build_form
from training.config import RunConfig, parse_recipe
from training.data import Sample
from training.trainer import read_checkpoint
from training.validate import validate
from uniformer.calibration import reliability
from uniformer.classes import ClassSet
from uniformer.cost import count_macs, count_parameters
from uniformer.factory import find_config
from uniformer.metrics import Scores, score

COUNTED_SIZE = (256, 352)
"""Height and width for which multiply-accumulates are counted: a 4:3 photo's at short side 256."""


@dataclass(frozen=True)
class RunResult:
    """One run. ``calibration_error`` is a share, ``cpu_seconds`` the time on all processors."""

    run: str
    config: RunConfig
    parameters: int
    macs: int
    pictures: int
    cpu_seconds: float
    scores: Scores
    calibration_error: float


def compare_runs(
    runs: Sequence[Path], classes: ClassSet, examples: Sequence[Sample]
) -> Iterator[RunResult]:
    """Yield the result of each of the folders ``runs`` on all ``examples``."""
    for run in runs:
        state = read_checkpoint(run)
        config = parse_recipe(state["recipe"])
        model_config = replace(find_config(config.model), drop_path_rate=config.drop_path_rate)
        model = build_form(config.form, model_config, classes).eval()
        model.load_state_dict(state["averaged"])
        counts = validate(model, examples)
        yield RunResult(
            run=run.name,
            config=config,
            parameters=count_parameters(model),
            macs=count_macs(model, *COUNTED_SIZE),
            pictures=state["pictures"],
            cpu_seconds=state["cpu_seconds"],
            scores=score(counts),
            calibration_error=reliability(counts.bins).error,
        )


def tables(results: Sequence[RunResult], classes: ClassSet) -> str:
    """Return a row per run, and the IoU of every class with a column per run, as Markdown."""
    height, width = COUNTED_SIZE
    head = (
        f"| run | form | seed | M parameters | G MACs {height}x{width} | pictures seen | CPU s | "
        "mIoU % | accuracy % | boundary IoU % | calibration error % |"
    )
    lines = [head, "|---" * 11 + "|"]
    for row in results:
        percents = (
            row.scores.miou,
            row.scores.aacc,
            row.scores.mean_boundary_iou,
            row.calibration_error,
        )
        lines.append(
            f"| {row.run} | {row.config.form} | {row.config.seed} | {row.parameters / 1e6:.2f} | "
            f"{row.macs / 1e9:.2f} | {row.pictures} | {row.cpu_seconds:.0f} | "
            + " | ".join(f"{100 * value:.1f}" for value in percents)
            + " |"
        )
    lines += ["", f"| IoU % | {' | '.join(row.run for row in results)} |"]
    lines.append("|---" * (len(results) + 1) + "|")
    for index, name in enumerate(classes.names):
        values = (f"{100 * row.scores.iou[index]:.1f}" for row in results)
        lines.append(f"| {name} | {' | '.join(values)} |")
    return "\n".join(lines)
