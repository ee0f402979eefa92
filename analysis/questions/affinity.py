"""The question `affinity`: one pixel in one block, term by term or head by head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.affinity_global import GlobalAffinity
from analysis.affinity_local import LocalAffinity
from analysis.answer import Row
from analysis.checks import check_pixel, check_stage
from analysis.composition import TokenClasses, token_classes
from analysis.questions.common import (
    Asked,
    Block,
    Head,
    Reach,
    ShortSide,
    Stage,
    Steps,
    X,
    Y,
    in_reach,
    question,
    start,
)
from analysis.questions.rows import (
    Affinity,
    affinity_row,
    class_rows,
    row_arrays,
    row_numbers,
    term_rows,
)
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    reach: Reach = None,
) -> Steps:
    """What did this pixel use in one block: the terms of a convolution, or every head's row?

    Stages 1 and 2: 25 terms that sum to the branch's output, and the kernel. Stages 3 and 4: the
    exact weights of each head; `head` chooses whose composition and numbers stand in the answer.
    Weight alone is not importance: the share of the output stands beside it.
    """
    asked = start(in_reach(model, reach), image, short_side)
    trace = asked.trace
    check_pixel(trace.picture_size_px, x, y)
    number = len(trace.windows[check_stage(stage) - 1]) - 1 if block is None else block
    row = affinity_row(trace, stage, number, x, y)
    tokens = token_classes(asked.labels, trace.grid(stage))
    found = row_numbers(trace, row, tokens, head)
    yield asked.answer(
        title=f"What pixel ({x}, {y}) used in stage {stage}, block {number + 1}",
        sentence=_words(found),
        grade="exact",
        numbers={"x": x, "y": y, **found},
        arrays=row_arrays([row]),
        tables={**_parts(asked, row, tokens), "classes": class_rows(trace, row, tokens, head)},
        draw=lambda: _draw(asked, row),
    )


def _parts(asked: Asked, row: Affinity, tokens: TokenClasses) -> dict[str, list[Row]]:
    """Return the table of a convolution's terms, or of a block's heads."""
    if isinstance(row, LocalAffinity):
        return {"terms": term_rows(row)}
    return {"heads": _head_rows(asked, row, tokens)}


def _head_rows(asked: Asked, row: GlobalAffinity, tokens: TokenClasses) -> list[Row]:
    """Return the numbers of every head, with its part in the block's output."""
    shares = row.signed_share.sum((1, 2)) + row.padding_signed_share
    return [
        {
            **row_numbers(asked.trace, row, tokens, head),
            "output_share": float(share),
            "output_share_of_padding": float(row.padding_signed_share[head]),
        }
        for head, share in enumerate(shares)
    ]


def _words(row: Row) -> str:
    if row["kind"] == "local":
        whose = "The convolution"
    else:
        # People count heads from 1, as the figure does.
        whose = "The mean of its heads" if row["head"] == "mean" else f"Head {row['head'] + 1}"
    return (
        f"{whose} looks at {row['attended']}, {row['distance_px']:.0f} px away on average; evenly "
        f"it would be {row['uniform_distance_px']:.0f} px. A large weight on a small value adds "
        "little."
    )


def _draw(asked: Asked, row: Affinity) -> Figure:
    from analysis.figures.affinity import heads_figure, local_figure

    if isinstance(row, LocalAffinity):
        return local_figure(asked.trace, asked.picture, row)
    return heads_figure(asked.trace, asked.picture, row)
