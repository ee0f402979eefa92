"""Speed and memory: prediction, the reference path against its exact rewriting, and analyses.

``python -m benchmarks [--models NAME,...] [--sizes PIXELS,...] [--rounds N]`` prints two Markdown
tables, the second that of :mod:`benchmarks.analyses`. Timings alternate the forms inside one
process and report the median of paired ratios, so that a busy machine slows both alike; memory is
measured in a fresh process per form.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

import torch

from benchmarks.analyses import print_table
from benchmarks.memory import FORMS, build, example_input
from benchmarks.timing import gemm_rate, paired_seconds
from uniformer.cost import count_macs

HEADER = (
    "| model | input | form | seconds | times faster | share of GEMM rate | growth | equal labels "
    "| weights MiB | working MiB | working, of reference |"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--models", default="small-upernet,small-fpn,nano")
    parser.add_argument("--sizes", default="256,512,1024")
    parser.add_argument("--rounds", type=int, default=7, help="timed pairs (default: 7)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rate = gemm_rate()
    print(f"{options.threads} threads, torch {torch.__version__}, ", end="")
    print(
        f"float32 GEMM {rate / 1e9:.0f} GFLOP/s, bfloat16 {gemm_rate(torch.bfloat16) / 1e9:.0f}\n"
    )
    print(HEADER)
    print("|" + "---|" * HEADER.count(" |"))
    for name in options.models.split(","):
        previous: dict[str, float] = {}
        for side in map(int, options.sizes.split(",")):
            previous = measure(name, side, options, rate, previous)
    print()
    print_table(("nano", "small-upernet"), rounds=3, threads=options.threads)


def measure(
    name: str, side: int, options: argparse.Namespace, rate: float, previous: dict[str, float]
) -> dict[str, float]:
    """Print the rows of one model and size; return the seconds of each form."""
    models = {form: build(name, form) for form in FORMS}
    x = example_input(side)
    with torch.inference_mode():
        labels = {form: model(x).argmax(1) for form, model in models.items()}
        found = paired_seconds(
            {form: (lambda m=m: m(x)) for form, m in models.items()}, options.rounds
        )
    times = {form: [run.wall for run in runs] for form, runs in found.items()}
    macs = count_macs(models["reference"], side, side)
    del models
    memory = {form: _memory(name, form, side, options.threads) for form in FORMS}
    for form in FORMS:
        seconds = statistics.median(times[form])
        pairs = zip(times["reference"], times[form], strict=True)
        ratio = statistics.median(reference / ours for reference, ours in pairs)
        equal = (labels[form] == labels["reference"]).float().mean().item()
        used = memory[form]
        growth = f"{seconds / previous[form]:.1f}x" if previous else ""
        print(
            f"| {name} | {side}² | {form} | {seconds:.3f} | {ratio:.2f} "
            f"| {2 * macs / seconds / rate:.2f} | {growth} | {100 * equal:.2f} % "
            f"| {used['weights']:.0f} | {used['working']:.0f} "
            f"| {used['working'] / memory['reference']['working']:.2f} |",
            flush=True,
        )
    return {form: statistics.median(times[form]) for form in FORMS}


def _memory(name: str, form: str, side: int, threads: int) -> dict[str, float]:
    """Run :mod:`benchmarks.memory` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", name, form, str(side), str(threads)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
