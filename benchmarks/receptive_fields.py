"""Speed of effective receptive fields: a folder, and one pixel at all four stages.

``python -m benchmarks.receptive_fields [--model NAME] [--side PIXELS] [--pictures N]`` prints a
Markdown table. Both forms use one probe, so they do the same number of backward passes per unit.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping

import torch
from torch import Tensor

from analysis.grid import Token
from analysis.receptive.effective import effective_fields
from analysis.receptive.units import stage_units
from benchmarks.memory import example_input
from benchmarks.timing import paired_seconds
from uniformer import create_model
from uniformer.config import STRIDES
from uniformer.segmenter import Segmenter


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.receptive_fields")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = create_model(options.model)
    print("| receptive fields | seconds | against | seconds | ratio |\n|---|---|---|---|---|")
    for row in measure(model, options.side, options.pictures, options.rounds):
        print(row, flush=True)


def measure(model: Segmenter, side: int, pictures: int, rounds: int = 3) -> list[str]:
    """Return the rows of the table: a folder in batches, and one picture."""
    inputs = [example_input(side).roll(17 * shift, dims=-1) for shift in range(pictures)]
    middle = {n: (side // 2 // r, side // 2 // r) for n, r in enumerate(STRIDES, start=1)}
    units = stage_units(model, middle)
    size = f"{model.config.name}, {side}²"
    folder = paired_seconds(
        {
            "ours": lambda: effective_fields(units, inputs, probes=1, batch_size=2),
            "plain": lambda: [_passes(model, x, middle) for x in inputs],
        },
        rounds,
    )
    single = paired_seconds(
        {
            "ours": lambda: effective_fields(units, inputs[:1], probes=1),
            "plain": lambda: _passes(model, inputs[0], {4: middle[4]}),
        },
        rounds,
    )
    return [
        _row(f"{size}: {pictures} pictures, 4 stages", folder, "a pass per stage and picture"),
        _row(f"{size}: 1 picture, 4 stages", single, "one forward and backward pass"),
    ]


def _passes(model: Segmenter, picture: Tensor, tokens: Mapping[int, Token]) -> None:
    """Run the backbone forward and backward once for every stage's token."""
    for stage, (row, column) in tokens.items():
        x = picture.clone().requires_grad_()
        token = model.backbone(x)[stage - 1][..., row, column]
        torch.autograd.grad(token.square().sum(), x)


def _row(name: str, times: dict[str, list[float]], baseline: str) -> str:
    pairs = list(zip(times["plain"], times["ours"], strict=True))
    ours, plain = (statistics.median(times[form]) for form in ("ours", "plain"))
    ratio = statistics.median(ours / plain for plain, ours in pairs)
    return f"| {name} | {ours:.2f} | {baseline} | {plain:.2f} | {ratio:.2f} |"


if __name__ == "__main__":
    main()
