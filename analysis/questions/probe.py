"""The question `probe`: what one pixel used, in all four stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.affinity.global_affinity import GlobalAffinity
from analysis.affinity.local_affinity import LocalAffinity
from analysis.affinity.row_summary import Affinity, affinity_row, row_numbers
from analysis.core.checks import check_pixel
from analysis.core.progress import Progress
from analysis.core.token_classes import token_classes
from analysis.core.words import Said, say, sentences
from analysis.questions.answer import Row
from analysis.questions.common import (
    Asked,
    Head,
    ReachAsked,
    ShortSide,
    Steps,
    X,
    Y,
    in_reach,
    question,
    start,
)
from analysis.questions.rows import class_rows, row_arrays, term_rows
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@question
def probe(
    model: Segmenter,
    image: PictureSource,
    *,
    x: X,
    y: Y,
    head: Head = None,
    short_side: ShortSide = None,
    reach: ReachAsked = None,
) -> Steps:
    """What did this pixel use, in each of the four stages?

    Exact shares of the terms of the convolutions of stages 1 and 2, attention weights of stages 3
    and 4, and by predicted class what they fall on. Maps and classes are those of the last block of
    each stage; the tables of blocks and heads have all of them. Weight alone is not importance: ask
    what-if.
    """
    asked = start(in_reach(model, reach), image, short_side)
    trace = asked.trace
    check_pixel(trace.picture_size_px, x, y)
    last, blocks, heads, classes = [], [], [], []
    for stage, windows in enumerate(trace.windows, start=1):
        tokens = token_classes(asked.labels, trace.grid(stage))
        rows = [affinity_row(trace, stage, block, x, y) for block in range(len(windows))]
        blocks += [row_numbers(trace, row, tokens, head) for row in rows]
        heads += [
            row_numbers(trace, row, tokens, number)
            for row in rows
            if isinstance(row, GlobalAffinity)
            for number in range(len(row.weight))
        ]
        last.append((rows[-1], blocks[-1]))
        classes += class_rows(trace, rows[-1], tokens, head)
        yield Progress(stage, len(trace.windows))
    rows, stages = (list(each) for each in zip(*last, strict=True))
    name = asked.names[asked.labels[y, x]]
    return asked.answer(
        title=say("What pixel ({x}, {y}), labelled {name}, used", x=x, y=y, name=name),
        sentence=sentences(*map(_words, stages)),
        grade="exact",
        numbers={"x": x, "y": y, "label": name, "stages": stages},
        arrays={"labels": asked.labels, **row_arrays(rows)},
        tables={"blocks": blocks, "heads": heads, "classes": classes, "terms": _terms(rows)},
        draw=lambda: _draw(asked, rows, head, (x, y)),
    )


def _terms(rows: list[Affinity]) -> list[Row]:
    return [term for row in rows if isinstance(row, LocalAffinity) for term in term_rows(row)]


def _words(row: Row) -> Said:
    """Return one sentence on what a block looked at."""
    known = np.isfinite(row["entropy"])
    return say(
        "Stage {stage} ({kind}): {classes}, {distance} px of the picture away on average (evenly: "
        "{even}), entropy {entropy}.",
        stage=row["stage"],
        kind=row["kind"],
        classes=row["attended"],
        distance=f"{row['distance_picture_px']:.0f}",
        even=f"{row['uniform_distance_picture_px']:.0f}",
        entropy=f"{row['entropy']:.0%}" if known else "none",
    )


def _draw(asked: Asked, rows: list[Affinity], head: int | None, pixel: tuple[int, int]) -> Figure:
    from analysis.figures.affinity import stages_figure

    return stages_figure(asked.trace, asked.picture, rows, head, pixel)
