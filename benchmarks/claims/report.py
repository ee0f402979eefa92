"""The report on the claims: Markdown with tables and figures, CSV and JSON, whatever came out."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.questions.answer import DOTS_PER_INCH, writing
from benchmarks.claims.conditions import CONTROL, CONTROL_DRAWS
from benchmarks.claims.figures import FIGURES
from benchmarks.claims.findings import ALPHA, Findings
from benchmarks.claims.intervals import Interval
from benchmarks.claims.measuring import TRACED
from uniformer.files import replace_file

CAPTIONS = {
    "claims-spread": "How local the attention of each block is, beside its nulls.",
    "claims-redundancy": "What each block loses when it keeps near edges only.",
    "claims-radius": "What a stage loses as its attention reaches less far.",
    "claims-reach": "What each reach of stage 3 costs.",
}


def write_report(found: Findings, output: Path, command: str) -> list[Path]:
    """Write claims.md, .csv and .json and the figures into ``output``; return the files.

    ``command`` is the one that made the report. Raises ``OSError``.
    """
    figures = output / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    files = [
        replace_file(
            figures / f"{name}.png",
            lambda file, draw=draw: draw(found).savefig(file, format="png", dpi=DOTS_PER_INCH),
        )
        for name, draw in FIGURES.items()
    ]
    texts = {
        "claims.md": markdown(found, command),
        "claims.csv": _csv(found),
        "claims.json": json.dumps(_plain(asdict(found)), indent=1, allow_nan=False) + "\n",
    }
    for name, text in texts.items():
        files.append(replace_file(output / name, writing(text)))
    return files


def markdown(found: Findings, command: str) -> str:
    """Return the report as Markdown, figures linked by relative path."""
    return "\n".join(
        [
            *_head(found, command),
            *_verdicts(found),
            *_spread(found),
            *_figure("claims-spread"),
            *_effects(found),
            *(line for name in list(FIGURES)[1:] for line in _figure(name)),
            *_limits(),
        ]
    )


def _head(found: Findings, command: str) -> list[str]:
    weights = found.settings["weights"]
    origin = f"sha256 `{weights['sha256'][:16]}...`" if weights["sha256"] else weights["note"]
    accuracy = found.accuracy
    scored = (
        f" Pixel accuracy of the unchanged model (annotated: {accuracy.pictures}): "
        f"{_percent(accuracy)}."
        if accuracy.pictures
        else ""
    )
    return [
        "# The paper's claims, tested on a trained model",
        "",
        f"Model `{found.settings['model']}`, weights {origin}, attending globally in stages 3 and "
        f"4; {found.pictures} pictures at short side {found.settings['short_side']}.{scored}",
        "",
        f"    {command}",
        "",
        "Every number is a mean over pictures with a 95 % bootstrap interval (whole pictures are "
        "drawn, each with the mean of its random controls). Effects compare predictions before "
        "and after on the same weights. Blocks are counted from 0. The rules for the verdicts were "
        "fixed before the run: what is measured must differ from 0 and, in the same pictures, from "
        "both nulls, random weights and shuffled pixels; p is the largest of these three, "
        "corrected for the number of tests by Holm's method, and must be below "
        f"{ALPHA:g}.",
        "",
    ]


def _verdicts(found: Findings) -> list[str]:
    rows = [
        _row([
            test.claim, test.question, test.measured, _number(test.difference),
            *(_number(one) for one in test.over_nulls.values()),
            f"{test.corrected:.3f}" if test.difference.pictures else "-", test.verdict,
        ])
        for test in found.tests
    ]  # fmt: skip
    nulls = [f"over {null}" for null in found.tests[0].over_nulls]
    return [
        "## Verdicts",
        "",
        _row(["claim", "question", "measured", "mean [interval]", *nulls, "p (Holm)", "verdict"]),
        _row(["---"] * (6 + len(nulls))),
        *rows,
        "",
    ]


def _spread(found: Findings) -> list[str]:
    lines = []
    for title, key in (
        ("C1: attention within 5 x 5 tokens, share", "mass_5x5"),
        ("C1: mean distance over that of uniform attention", "distance_over_uniform"),
    ):
        header = ["block", "uniform", *("this model" if s == TRACED else s for s in found.spread)]
        lines += [f"## {title}", "", _row(header), _row(["---"] * len(header))]
        for block, values in found.spread[TRACED].items():
            cells = [_number(blocks[block][key]) for blocks in found.spread.values()]
            even = values["uniform_mass_5x5"].mean if key == "mass_5x5" else 1
            lines.append(_row([block, f"{even:.3f}", *cells]))
        lines.append("")
    return lines


def _effects(found: Findings) -> list[str]:
    rows = []
    for name, values in found.effects.items():
        if name.endswith(CONTROL):
            continue
        control = found.effects.get(name + CONTROL)
        rows.append(
            _row(
                [
                    name,
                    _number(values["kl_nats"]),
                    "-" if control is None else _number(control["kl_nats"]),
                    _sizes(values, control),
                    _percent(values["flipped_share"]),
                    _points(values["accuracy_change"]),
                ]
            )
        )
    return [
        "## C2, C3 and reach: what every change costs",
        "",
        "`near` keeps edges to 5 x 5 tokens in stage 3, 3 x 3 in stage 4; `radius` those up to "
        "that many tokens away, in all blocks of a stage; `silent` removes the attention, `mean` "
        "gives every token what a head gathers on average; `early` and `late` are the halves of "
        "stage 3; `window` has windows of half the short side, in all blocks of a stage or in "
        "those named; `centre tap` takes the neighbours from the local affinity. Controls keep as "
        "many keys elsewhere, apart from those kept, or shuffle the taps to a change as large: "
        f"{CONTROL_DRAWS} draws for every picture and change; none where the map has no room for a "
        "place apart. Sizes are the change of the blocks' outputs, in percent of their length, of "
        "the change and of its control. The last column is the change of pixel accuracy in "
        "percentage points.",
        "",
        _row([
            "change", "KL, nats", "its control, nats", "sizes, %", "pixels flipped",
            "accuracy, points",
        ]),
        _row(["---"] * 6),
        *rows,
        "",
    ]  # fmt: skip


def _figure(name: str) -> list[str]:
    return [f"![{CAPTIONS[name]}](figures/{name}.png)", ""]


def _limits() -> list[str]:
    return [
        "## What this does not show",
        "",
        "- The paper's premise is about vision transformers that attend globally from the first "
        "block. Here stages 1 and 2 are convolutions, local by construction, so the premise is "
        "tested on the first blocks that are free to look anywhere.",
        "- Interventions act at test time on weights trained otherwise. A large effect says that "
        "these weights use the edges, not that a model trained without them would be worse.",
        "- One small model was tested, beside one draw of random weights: other sizes, data and "
        "lengths of training may come out differently.",
        "- Intervals are for these pictures. The p-values of the verdicts are corrected for their "
        "number, the intervals in the tables are not.",
        "",
    ]


def _csv(found: Findings) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kind", "name", "measure", "mean", "low", "high", "pictures", "p_value"])
    for name, values in found.effects.items():
        for key, value in values.items():
            writer.writerow(["effect", name, key, *asdict(value).values()])
    for source, blocks in found.spread.items():
        for block, values in blocks.items():
            for key, value in values.items():
                writer.writerow([f"spread, {source}", block, key, *asdict(value).values()])
    for test in found.tests:
        writer.writerow(["test", test.claim, test.measured, *asdict(test.difference).values()])
        for null, value in test.over_nulls.items():
            name = f"{test.claim}, over {null}"
            writer.writerow(["test", name, test.measured, *asdict(value).values()])
    return text.getvalue()


def _number(value: Interval) -> str:
    if not value.pictures:
        return "-"
    return f"{value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]"


def _percent(value: Interval) -> str:
    if not value.pictures:
        return "-"
    return f"{100 * value.mean:.1f} % [{100 * value.low:.1f}, {100 * value.high:.1f}]"


def _sizes(values: dict[str, Interval], control: dict[str, Interval] | None) -> str:
    """Return how large a change is, and its control if there is one, in percent."""
    sizes = [values["size"].mean, *([] if control is None else [control["size"].mean])]
    return " / ".join(f"{100 * size:.0f}" for size in sizes)


def _points(value: Interval) -> str:
    if not value.pictures:
        return "-"
    return f"{100 * value.mean:+.1f} [{100 * value.low:+.1f}, {100 * value.high:+.1f}]"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(value: Any) -> Any:
    """Return ``value`` with NaN as None: strict JSON has none."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
