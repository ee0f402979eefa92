"""The question `affinity`: one pixel in one block, term by term or head by head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from analysis.affinity.global_affinity import GlobalAffinity
from analysis.affinity.in_degree import InDegree, in_degree
from analysis.affinity.local_affinity import LocalAffinity, position_affinity
from analysis.affinity.row_summary import Affinity, affinity_row, row_numbers
from analysis.core.checks import check_pixel, check_stage
from analysis.core.progress import Progress
from analysis.core.token_classes import TokenClasses, token_classes
from analysis.core.words import Said, joined, say, sentences
from analysis.questions.answer import Row
from analysis.questions.common import (
    Asked,
    Block,
    Head,
    ReachAsked,
    ShortSide,
    Stage,
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

ShowAsked = Annotated[
    Literal["weight", "length", "share"],
    "figure of stages 3 and 4: attention weights, or what each key adds, by length or signed share",
]

WEIGHT = "A large weight on a small value adds little."


@question
def affinity(
    model: Segmenter,
    image: PictureSource,
    *,
    x: X,
    y: Y,
    stage: Stage = 3,
    block: Block = None,
    head: Head = None,
    short_side: ShortSide = None,
    reach: ReachAsked = None,
    show: ShowAsked = "weight",
) -> Steps:
    """What did this pixel use in one block: the terms of a convolution, or every head's row?

    Stages 1 and 2: 25 terms that sum to the branch's output, and the kernel. Stages 3 and 4: the
    exact weights of each head, and what all queries give each token; `head` chooses whose numbers
    stand in the answer. Weight alone is not importance: shares of the output stand beside it.
    """
    asked = start(in_reach(model, reach), image, short_side)
    trace = asked.trace
    check_pixel(trace.picture_size_px, x, y)
    number = len(trace.windows[check_stage(stage) - 1]) - 1 if block is None else block
    row = affinity_row(trace, stage, number, x, y)
    tokens = token_classes(asked.labels, trace.grid(stage))
    found = row_numbers(trace, row, tokens, head)
    degrees, received = None, {}
    if isinstance(row, LocalAffinity):
        parts = term_rows(row)
    else:
        degrees = in_degree(trace, stage, number)
        received = {"in_degree": degrees.degree, "input_norm": degrees.input_norm}
        parts = _head_rows(asked, row, tokens, degrees)
    yield Progress(1, 1)
    return asked.answer(
        title=say(
            "What pixel ({x}, {y}) used in stage {stage}, block {block}",
            x=x,
            y=y,
            stage=stage,
            block=number,
        ),
        sentence=sentences(_looks(found), WEIGHT, _sink_words(degrees)),
        grade="exact",
        numbers={"x": x, "y": y, **found},
        arrays=row_arrays([row]) | received,
        tables={
            "terms" if degrees is None else "heads": parts,
            "position_encoding": term_rows(position_affinity(trace, stage, number, row.token)),
            "classes": class_rows(trace, row, tokens, head),
        },
        draw=lambda: _draw(asked, row, degrees, (x, y), show),
    )


def _head_rows(
    asked: Asked, row: GlobalAffinity, tokens: TokenClasses, degrees: InDegree
) -> list[Row]:
    """Return the numbers of every head, with its part in the block's output, and its sinks."""
    shares = row.signed_share.sum((1, 2)) + row.padding_signed_share
    return [
        {
            **row_numbers(asked.trace, row, tokens, head),
            "output_share": float(share),
            "output_share_of_padding": float(row.padding_signed_share[head]),
            "largest_in_degree": float(degrees.max_degree[head]),
            "share_received_by_top_1_percent": float(degrees.top_1_percent_share[head]),
            "has_sink": bool(degrees.has_sink[head]),
        }
        for head, share in enumerate(shares)
    ]


def _sink_words(degrees: InDegree | None) -> Said | None:
    """Return which heads have a token that all queries attend to; None if none has."""
    if degrees is None or not degrees.has_sink.any():
        return None
    return say(
        "Some token, a sink, draws much of the attention of all queries; heads with one: {heads} "
        "(of {all}).",
        heads=joined(str(head) for head in np.flatnonzero(degrees.has_sink)),
        all=len(degrees.has_sink),
    )


def _looks(row: Row) -> Said:
    """Return at what a row looks, and how far."""
    if row["kind"] == "local":
        whose: str = "The convolution"
    elif row["head"] == "mean":
        whose = "The mean of its heads"
    else:
        whose = say("Head {head}", head=row["head"])
    return say(
        "{whose} looks at {classes}, {distance} px of the picture away on average; evenly it would "
        "be {even} px.",
        whose=whose,
        classes=row["attended"],
        distance=f"{row['distance_picture_px']:.0f}",
        even=f"{row['uniform_distance_picture_px']:.0f}",
    )


def _draw(
    asked: Asked, row: Affinity, degrees: InDegree | None, pixel: tuple[int, int], show: ShowAsked
) -> Figure:
    from analysis.figures.affinity import heads_figure
    from analysis.figures.contributions import contributions_figure
    from analysis.figures.local_terms import local_figure

    if isinstance(row, LocalAffinity):
        return local_figure(asked.trace, asked.picture, row, pixel)
    if show != "weight":
        return contributions_figure(asked.trace, asked.picture, row, show, pixel)
    return heads_figure(asked.trace, asked.picture, row, degrees, pixel)
