"""Draw the figures of docs/model_card.md from scores of the released weights.

    PYTHONPATH=. python scripts/card_figures.py scores.json -o docs/figures

takes what ``python -m training score ... -o FILE`` wrote, and labels the example photos.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from pathlib import Path

from matplotlib.figure import Figure

from uniformer import create_model, segment

EXAMPLES = Path(__file__).parent.parent / "assets" / "examples"
LOG = Path(__file__).parent.parent / "docs" / "figures" / "nano-log.csv"
SERIES = ("#0072B2", "#D55E00")
SIDE = 384
COLUMNS = 5


def reliability(file: Path) -> Figure:
    """Return accuracy over confidence, bin by bin, for each domain."""
    figure = Figure(figsize=(5, 4.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#9aa19d", lw=1, ls="--", label="perfectly calibrated")
    domains = json.loads(file.read_text(encoding="utf-8"))["domains"]
    for (domain, found), color in zip(domains.items(), SERIES, strict=True):
        _, confidence, accuracy = zip(*found["bins"], strict=True)
        axes.plot(
            confidence,
            accuracy,
            "o-",
            color=color,
            label=f"{domain}: calibration error {100 * found['calibration_error']:.1f} %",
        )
    axes.set(xlabel="probability of the label", ylabel="share labelled right")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize=8)
    return figure


def curve() -> Figure:
    """Return loss and scores over the crops seen, from the logs of the chain of runs.

    The last run is scored on ordinary photos, those before it on val.
    """
    with LOG.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    begin = 0
    for run, group in itertools.groupby(rows, key=lambda row: row["run"]):
        steps = list(group)
        seen = [(begin + int(row["pictures"])) / 1000 for row in steps]
        begin += int(steps[-1]["pictures"])
        for axes in (left, right):
            axes.axvline(begin / 1000, color="#c5cac7", lw=1)
        left.text(seen[0], 2.95, run.removeprefix("nano-"), fontsize=8, color="#5c6660")
        for name, color in zip(("segment", "distil"), SERIES, strict=True):
            left.plot(seen, [float(row[name]) or None for row in steps], color=color, lw=1)
        scored = [(x, row) for x, row in zip(seen, steps, strict=True) if row["val_miou"]]
        for name, color in zip(("val_miou", "val_accuracy"), SERIES, strict=True):
            x, y = [x for x, _ in scored], [100 * float(row[name]) for _, row in scored]
            right.plot(x, y, "o-", color=color)
    left.set(ylabel="loss", ylim=(0, 3.1))
    left.legend(left.lines[1:3], ("cross entropy", "distance to the teacher"), frameon=False)
    right.set(ylabel="%", ylim=(0, 100))
    right.legend(right.lines[-2:], ("mean IoU", "pixel accuracy"), frameon=False)
    for axes in (left, right):
        axes.set(xlabel="thousand crops seen", xlim=(0, None))
    return figure


def examples() -> Figure:
    """Return all example photos with their labels over them and the largest classes named."""
    model = create_model("nano")
    photos = sorted(EXAMPLES.glob("*.jpg"))
    rows = -(-len(photos) // COLUMNS)
    figure = Figure(figsize=(3 * COLUMNS, 2.7 * rows), layout="constrained")
    for index, photo in enumerate(photos, start=1):
        result = segment(photo, model)
        image = result.overlay(0.55)
        image.thumbnail((SIDE, SIDE))
        axes = figure.add_subplot(rows, COLUMNS, index)
        axes.imshow(image)
        axes.set_axis_off()
        shares = ", ".join(f"{row.name} {row.share:.0%}" for row in result.table()[:4])
        axes.set_title(f"{photo.stem}\n{shares}", fontsize=7.5)
    return figure


def main() -> None:
    """Read the scores and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    reliability(options.scores).savefig(options.output / "nano-reliability.png", dpi=110)
    curve().savefig(options.output / "nano-curve.png", dpi=110)
    examples().savefig(
        options.output / "nano-examples.jpg", dpi=80, pil_kwargs={"quality": 82, "optimize": True}
    )


if __name__ == "__main__":
    main()
