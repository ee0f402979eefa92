"""Engines side by side: PyTorch as it is and rewritten, ONNX Runtime, OpenVINO.

``python -m benchmarks.engines [--models NAME,...] [--sizes PIXELS,...] [--rounds N] [--busy N]``
prints a Markdown table. All forms of one model and size take turns inside one process; a ratio is
the median over rounds of the reference's seconds over the form's in the same round. Graphs are
exported for the size they are timed at. The least processor time of all threads is what other work
on the machine changes least. ``--busy N`` keeps N other processes counting meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from benchmarks.memory import build, example_input
from benchmarks.timing import gemm_rate, paired_seconds
from uniformer.engines import optimize_for_inference
from uniformer.engines.model import FORMS, OnnxRuntime, OpenVINO, precisions
from uniformer.export import Form, onnx_bytes

HEADER = (
    "| model | input | form | seconds | times faster | 10 % to 90 % | least processor seconds "
    "| equal labels |"
)
BUSY = "while True: sum(range(10_000))"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--models", default="small-upernet,small-fpn,nano")
    parser.add_argument("--sizes", default="512,1024")
    parser.add_argument("--rounds", type=int, default=9, help="timed rounds (default: 9)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="other processes at work")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    packages = ("torch", "onnxruntime", "openvino")
    print(f"{options.threads} threads, {options.busy} other busy processes, ", end="")
    print(f"OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY')}, ", end="")
    print(", ".join(f"{name} {version(name)}" for name in packages), end=", ")
    print(f"float32 GEMM {gemm_rate() / 1e9:.0f} GFLOP/s\n\n{HEADER}")
    print("|" + "---|" * HEADER.count(" |"))
    for name in options.models.split(","):
        for side in map(int, options.sizes.split(",")):
            with busy(options.busy):
                measure(name, side, options.rounds)


def measure(name: str, side: int, rounds: int) -> None:
    """Print the rows of one model and size."""
    x = example_input(side)
    forms = make_forms(name, side)
    runs = {form: (lambda run=run: run(x)) for form, run in forms.items()}
    with torch.inference_mode():
        labels = {form: run(x).argmax(1) for form, run in forms.items()}
        found = paired_seconds(runs, rounds)
    times = {form: [second.wall for second in seconds] for form, seconds in found.items()}
    for form, seconds in times.items():
        pairs = zip(times["reference"], seconds, strict=True)
        ratios = [reference / ours for reference, ours in pairs]
        low, high = np.percentile(ratios, [10, 90])
        equal = (labels[form] == labels["reference"]).float().mean().item()
        print(
            f"| {name} | {side}² | {form} | {statistics.median(seconds):.3f} "
            f"| {statistics.median(ratios):.2f} | {low:.2f} to {high:.2f} "
            f"| {min(second.processor for second in found[form]):.3f} | {equal:.2%} |",
            flush=True,
        )


def make_forms(name: str, side: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return every form of a model, each from normalised RGB to logits."""
    model = build(name, "reference")
    forms = {
        "reference": model,
        "torch, float32": optimize_for_inference(model),
        "torch, bfloat16": optimize_for_inference(model, precision="bfloat16"),
    }
    graphs = {form: onnx_bytes(model, form=form, size=(side, side)) for form in get_args(Form)}
    for form in ("plain", "rewritten"):
        for engine, runner in (("onnxruntime", OnnxRuntime), ("openvino", OpenVINO)):
            for precision in precisions(engine):
                run = runner(graphs[form if form == "plain" else FORMS[precision]], precision)
                forms[f"{engine}, {form}, {precision}"] = lambda x, run=run: torch.from_numpy(
                    run(x.numpy())
                )
    return forms


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep ``count`` other processes at work."""
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


if __name__ == "__main__":
    main()
