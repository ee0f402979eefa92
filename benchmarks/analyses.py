"""Speed and memory of analyses, each beside what it may take: ``python -m benchmarks.analyses``.

Every row is measured in a process of its own, after warm-up, and prints the median of a few rounds,
or of a second's worth. Memory is how far the analysis rises above the loaded model and its trace.
Analyses that take minutes are stopped early: their time is what their own progress makes one
expect.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis import depth_profile, global_affinity, local_affinity, trace
from analysis.attribution.attribute import attribute
from analysis.core.activation_cache import Trace
from analysis.core.progress import finish
from analysis.core.regions import segment_region
from analysis.receptive_field.effective import effective_fields
from analysis.receptive_field.units import stage_units
from benchmarks.memory import PHOTO, build, working_memory
from benchmarks.timing import paired_seconds, timed
from uniformer import create_model, open_picture
from uniformer.config import STRIDES
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter

SIDE = 512
"""Of the long side for the bundled model, of both sides for the others."""

PICTURES = 4
"""In the folder whose fields are averaged."""


@dataclass(frozen=True)
class Case:
    """A model, a picture and the picture's trace."""

    model: Segmenter
    picture: np.ndarray
    trace: Trace

    @property
    def inputs(self) -> Tensor:
        """What the network sees, its sides multiples of 32 pixels."""
        return preprocess(self.picture, self.trace.short_side, 32)


@dataclass(frozen=True)
class Task:
    """``run`` does the work; ``against`` what it is compared with, if ``limit`` is a ratio.

    ``run`` returns the share of the work that it did; less than 1 is done once, without warm-up.
    """

    words: str
    limit: str
    run: Callable[[Case], float]
    against: Callable[[Case], object] | None = None


def rows(case: Case) -> float:
    """All heads of all blocks of stages 3 and 4, at one pixel."""
    for stage in (3, 4):
        for block in range(len(case.trace.windows[stage - 1])):
            global_affinity(case.trace, stage, block, _middle(case, stage))
    return 1


def terms(case: Case) -> float:
    """The 25 terms of all blocks of stages 1 and 2, at one pixel."""
    for stage in (1, 2):
        for block in range(len(case.trace.windows[stage - 1])):
            local_affinity(case.trace, stage, block, _middle(case, stage))
    return 1


def statistics_of_all(case: Case) -> float:
    """Distance, entropy and mass of all heads of all blocks, over all queries."""
    finish(depth_profile(case.trace))
    return 1


def fields(case: Case) -> float:
    """The effective fields of one pixel in all stages, one probe each."""
    effective_fields(stage_units(case.model, _tokens(case)), [case.inputs], probes=1)
    return 1


def forward_and_backward(case: Case) -> float:
    """One pass through the backbone, and the gradient of one unit of stage 4."""
    _pass(case, case.inputs, 4)
    return 1


def folder_fields(case: Case) -> float:
    """The effective fields in all stages, averaged over pictures in batches of 2."""
    units = stage_units(case.model, _tokens(case))
    effective_fields(units, _folder(case), probes=1, batch_size=2)
    return 1


def pass_per_stage(case: Case) -> float:
    """One forward and backward pass for every stage and picture."""
    for x in _folder(case):
        for stage in _tokens(case):
            _pass(case, x, stage)
    return 1


def attribution(method: str) -> Callable[[Case], float]:
    """Return what does a quarter of an attribution about the segment in the middle."""

    def run(case: Case) -> float:
        labels = case.trace.labels
        x, y = (side // 2 for side in labels.shape[::-1])
        region = segment_region(labels, x, y)
        steps = attribute(
            case.model, case.picture, region, int(labels[y, x]), method=method, traced=case.trace,
            short_side=case.trace.short_side,
        )  # fmt: skip
        step = next(step for step in steps if step.done >= step.total / 4)
        steps.close()
        return step.done / step.total

    return run


TASKS = {
    "rows": Task("rows of all blocks and heads, stages 3 and 4", "50 ms", rows),
    "terms": Task("terms of all blocks, stages 1 and 2", "10 ms", terms),
    "statistics": Task("statistics of all blocks", "2 s", statistics_of_all),
    "field": Task(
        "effective field of a pixel, 4 stages", "3x forward + backward", fields,
        forward_and_backward,
    ),
    "folder": Task(
        f"effective fields, {PICTURES} pictures, 4 stages", "0.5x a pass per stage and picture",
        folder_fields, pass_per_stage,
    ),
    "ig": Task(
        "integrated gradients, 16 steps", "tells what is left", attribution("integrated_gradients")
    ),
    "occlusion": Task("occlusion, default windows", "tells what is left", attribution("occlusion")),
}  # fmt: skip


def main() -> None:
    """Measure and print; with --task one row only, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.analyses", description=__doc__)
    parser.add_argument("--models", default="nano,small-upernet")
    parser.add_argument("--task", choices=TASKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.task:
        torch.set_num_threads(options.threads)
        print(json.dumps(measure(TASKS[options.task], options.models, options.rounds)))
    else:
        print_table(options.models.split(","), options.rounds, options.threads)


def print_table(models: Sequence[str], rounds: int, threads: int) -> None:
    """Print a row per model and task, each measured in a process of its own."""
    print(
        f"{threads} threads; ratios are of processor seconds, which other work on the machine "
        "moves less.\n"
    )
    print("| model | input | analysis | seconds | of processors | may take | ratio | working MiB |")
    print("|" + "---|" * 8)
    for model in models:
        for name, task in TASKS.items():
            found = json.loads(
                subprocess.run(
                    [
                        sys.executable, "-m", "benchmarks.analyses", "--task", name, "--models",
                        model, "--rounds", str(rounds), "--threads", str(threads),
                    ],
                    check=True, capture_output=True, text=True,
                ).stdout
            )  # fmt: skip
            ratio = "" if found["ratio"] is None else f"{found['ratio']:.2f}"
            print(
                f"| {model} | {found['size']} | {task.words} | {found['seconds']:.3f} "
                f"| {found['processor']:.3f} | {task.limit} | {ratio} | {found['memory']:.0f} |",
                flush=True,
            )


def measure(task: Task, model: str, rounds: int) -> dict[str, object]:
    """Return the seconds of a task, their ratio to what it is compared with, and its memory."""
    case, shares = _case(model), []
    first = timed(lambda: shares.append(task.run(case)))
    # What takes milliseconds is measured often enough for about a second.
    rounds = max(rounds, min(50, round(1 / first.wall)))
    forms = {"ours": lambda: task.run(case)}
    if task.against is not None:
        forms["against"] = lambda: task.against(case)
    times = paired_seconds(forms, rounds) if shares[0] == 1 else {"ours": [first]}
    ratio = None
    if task.against is not None:
        pairs = zip(times["ours"], times["against"], strict=True)
        ratio = statistics.median(ours.processor / other.processor for ours, other in pairs)
    height, width = case.trace.network_size_px
    return {
        "seconds": statistics.median(run.wall for run in times["ours"]) / shares[0],
        "processor": statistics.median(run.processor for run in times["ours"]) / shares[0],
        "ratio": ratio,
        "memory": working_memory(lambda: task.run(case)),
        "size": f"{height} x {width}",
    }


def _case(name: str) -> Case:
    """Return the bundled model with its own weights, others with random ones of unit gain."""
    picture = open_picture(PHOTO)
    if name == "nano":
        model = create_model(name)
    else:
        model, side = build(name, "reference"), min(picture.shape[:2])
        picture = picture[:side, :side]
    short_side = SIDE * min(picture.shape[:2]) // max(picture.shape[:2])
    return Case(model, picture, trace(model, picture, short_side=short_side))


def _middle(case: Case, stage: int) -> tuple[int, int]:
    rows_, columns = case.trace.grid(stage).shape
    return rows_ // 2, columns // 2


def _tokens(case: Case) -> dict[int, tuple[int, int]]:
    height, width = case.inputs.shape[-2:]
    return {stage: (height // 2 // r, width // 2 // r) for stage, r in enumerate(STRIDES, start=1)}


def _folder(case: Case) -> list[Tensor]:
    return [case.inputs.roll(17 * shift, dims=-1) for shift in range(PICTURES)]


def _pass(case: Case, x: Tensor, stage: int) -> None:
    row, column = _tokens(case)[stage]
    x = x.clone().requires_grad_()
    token = case.model.backbone(x)[stage - 1][..., row, column]
    torch.autograd.grad(token.square().sum(), x)


if __name__ == "__main__":
    main()
