"""The log of a run: a CSV with one row per interval, and its curves as a picture."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from uniformer.files import replace_file

COLUMNS = (
    "step",
    "pictures",
    "learning_rate",
    "loss",
    "segment",
    "distil",
    "cosine",
    "pictures_per_second",
    "cpu_seconds",
    "val_miou",
    "val_accuracy",
)


class TrainingLog:
    """Rows of ``COLUMNS`` in ``FOLDER/log.csv``; ``step`` is the number of steps done."""

    def __init__(self, folder: Path, done: int) -> None:
        """Open the log, and forget rows after step ``done``, which are about to be made again."""
        self.folder = folder
        self.file = folder / "log.csv"
        self.rows: list[dict[str, str]] = []
        if self.file.exists():
            with self.file.open(newline="", encoding="utf-8") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= done]

    def add(self, **values: float | int | None) -> None:
        """Add a row and write the log; columns without a value stay empty."""
        row = {name: values.get(name) for name in COLUMNS}
        self.rows.append({name: "" if v is None else f"{v:.6g}" for name, v in row.items()})
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        replace_file(self.file, lambda file: file.write(text.getvalue().encode()))

    def draw(self) -> None:
        """Draw loss and scores over pictures seen to ``FOLDER/curve.png``."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for name in ("loss", "segment", "distil", "cosine"):
            left.plot(*self._curve(name), label=name)
        for name in ("val_miou", "val_accuracy"):
            right.plot(*self._curve(name), marker="o", label=name)
        for axes, title in ((left, "training"), (right, "validation")):
            axes.set(title=title, xlabel="pictures seen")
            axes.grid(alpha=0.3)
            axes.legend()
        replace_file(
            self.folder / "curve.png", lambda file: figure.savefig(file, format="png", dpi=100)
        )

    def _curve(self, column: str) -> tuple[list[int], list[float]]:
        rows = [row for row in self.rows if row[column]]
        return [int(row["pictures"]) for row in rows], [float(row[column]) for row in rows]
