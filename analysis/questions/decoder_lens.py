"""The question `decoder-lens`: after which block the labels can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.core.checks import check_pixel, check_stage
from analysis.core.forward import Place
from analysis.core.words import Said, percent, say, sentences
from analysis.interventions import decoder_lens as lens
from analysis.interventions.decoder_lens import EarlyEnd
from analysis.questions.answer import Row
from analysis.questions.common import (
    Asked,
    Block,
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
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SETTLED = 0.9
"""Share of the labels that are the final ones from which on the picture counts as settled."""


@question
def decoder_lens(
    model: Segmenter,
    image: PictureSource,
    *,
    x: X,
    y: Y,
    stage: Stage = 3,
    block: Block = None,
    short_side: ShortSide = None,
    reach: ReachAsked = None,
) -> Steps:
    """What would the decoder read if the network ended after each block?

    All later blocks are left out, one network after another: the class at the pixel, the share of
    labels that are final already, and all labels after one block. No network was trained to end
    early: what cannot be read yet may be there in another form.
    """
    asked = start(in_reach(model, reach), image, short_side)
    trace = asked.trace
    check_pixel(trace.picture_size_px, x, y)
    depth = len(trace.windows[check_stage(stage) - 1])
    shown = Place(stage, depth - 1 if block is None else block)
    trace.block(*shown)  # it says which blocks there are
    ends = yield from lens.decoder_lens(trace)
    (early,) = (end for end in ends if end.place == shown)
    rows = _rows(asked, ends, (x, y))
    numbers = _numbers(asked, ends, rows)
    return asked.answer(
        title=say("What the decoder reads after each block, at pixel ({x}, {y})", x=x, y=y),
        sentence=_sentence(numbers, rows),
        grade="causal",
        numbers={"x": x, "y": y, "stage": stage, "block": shown.block, **numbers},
        arrays={
            "labels_after": early.trace.labels,
            "best_class_of_cells": np.stack([end.cells for end in ends]),
        },
        tables={"blocks": rows},
        draw=lambda: _draw(ends, rows, numbers["one_class_same_share"]),
    )


def _rows(asked: Asked, ends: Sequence[EarlyEnd], pixel: tuple[int, int]) -> list[Row]:
    """Return what can be read after each block, in the picture and at the pixel."""
    final = int(ends[-1].trace.probabilities(*pixel).argmax())
    rows = []
    for end in ends:
        probabilities = end.trace.probabilities(*pixel)
        best = int(probabilities.argmax())
        rows.append(
            {
                "name": end.place.name,
                "stage": end.place.stage,
                "block": end.place.block,
                "same_share": end.same_share,
                "kl_nats": end.kl_nats,
                "class": asked.names[best],
                "probability": float(probabilities[best]),
                "final_class_probability": float(probabilities[final]),
            }
        )
    return rows


def _numbers(asked: Asked, ends: Sequence[EarlyEnd], rows: Sequence[Row]) -> dict[str, Any]:
    """Return from which block on pixel and picture stay as they end.

    Beside the picture stands what calling everything by its most frequent class would share.
    """
    final = rows[-1]["class"]
    counts = np.bincount(ends[-1].cells.ravel(), minlength=len(asked.names))
    return {
        "class": final,
        "pixel_settled_after": _settled(rows, lambda row: row["class"] == final)["name"],
        "picture_settled_after": _settled(rows, lambda row: row["same_share"] >= SETTLED)["name"],
        "one_class": asked.names[int(counts.argmax())],
        "one_class_same_share": float(counts.max() / counts.sum()),
    }


def _settled(rows: Sequence[Row], holds: Callable[[Row], bool]) -> Row:
    """Return the row of the first block from which on ``holds`` is true of all."""
    *earlier, settled = rows
    for row in reversed(earlier):
        if not holds(row):
            break
        settled = row
    return settled


def _sentence(numbers: dict[str, Any], rows: Sequence[Row]) -> Said:
    by_name = {row["name"]: row for row in rows}
    pixel, picture = (by_name[numbers[f"{of}_settled_after"]] for of in ("pixel", "picture"))
    name = numbers["class"]
    reads = say("At the pixel the decoder reads {name} after every block.", name=name)
    if pixel is not rows[0]:
        reads = say(
            "At the pixel the decoder reads {name} from stage {stage}, block {block} on; one block "
            "earlier it reads {other}.",
            name=name,
            stage=pixel["stage"],
            block=pixel["block"],
            other=rows[rows.index(pixel) - 1]["class"],
        )
    settles = say(
        "From stage {stage}, block {block} on at least {settled}% of the labels are the final "
        "ones; {name} everywhere would share {share}%.",
        stage=picture["stage"],
        block=picture["block"],
        settled=percent(SETTLED),
        name=numbers["one_class"],
        share=percent(numbers["one_class_same_share"]),
    )
    return sentences(
        reads,
        settles,
        "No network was trained to end early: what cannot be read yet may be there in another "
        "form.",
    )


def _draw(ends: Sequence[EarlyEnd], rows: Sequence[Row], one_class_share: float) -> Figure:
    from analysis.figures.decoder_lens import decoder_lens_figure

    return decoder_lens_figure(ends, rows, one_class_share)
