"""The question `jacobian`: how strongly each token moves the output of one block at a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.affinity.jacobian import PARTS, TokenJacobian, token_jacobian
from analysis.affinity.statistics import DISTANCES, MASSES
from analysis.core.checks import check_pixel, check_stage
from analysis.core.progress import Progress
from analysis.core.words import percent, say
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


@question
def jacobian(
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
    """How strongly does each token move the output of one block here?

    One measure for convolution and attention: the norm of the Jacobian of the output at this pixel
    by each input token, for the block and, apart, for its affinity and its position encoding. It
    says what an infinitely small change would do, in this picture.
    """
    asked = start(in_reach(model, reach), image, short_side)
    trace = asked.trace
    check_pixel(trace.picture_size_px, x, y)
    number = len(trace.windows[check_stage(stage) - 1]) - 1 if block is None else block
    token = trace.grid(stage).token_at(x, y)
    found: list[TokenJacobian] = []
    for part in PARTS:
        found.append(token_jacobian(trace, stage, number, token, part))
        yield Progress(len(found), len(PARTS))
    rows = [_row(one) for one in found]
    return asked.answer(
        title=say(
            "What moves pixel ({x}, {y}) in stage {stage}, block {block}",
            x=x,
            y=y,
            stage=stage,
            block=number,
        ),
        sentence=_sentence(rows),
        grade="exact",
        numbers={"x": x, "y": y, "stage": stage, "block": number, "token": list(token)},
        arrays={f"{one.part}_norm": one.norm for one in found},
        tables={"parts": rows},
        draw=lambda: _draw(asked, found, (x, y)),
    )


def _row(found: TokenJacobian) -> Row:
    """Return how near the tokens are that move a part's output, by norm and by energy."""
    by_norm, by_energy = found.others_by_norm, found.others_by_energy
    return {
        "part": found.part,
        "tokens": int(np.count_nonzero(found.support)),
        "self_share": found.self_share,
        **{name: float(getattr(by_norm, name)[0]) for name in DISTANCES},
        **{name: float(getattr(by_norm, name)[0]) for name in MASSES},
        **{f"energy_{name}": float(getattr(by_energy, name)[0]) for name in MASSES},
    }


def _sentence(rows: list[Row]) -> str:
    whole, affinity = rows[0], rows[1]
    if whole["tokens"] < 2:
        return "No other token moves it."
    alone: str = "nothing is left"
    if affinity["tokens"] > 1:
        alone = say("{share}% by norm", share=percent(affinity["mass_5x5"]))
    return say(
        "Of what the other tokens do to the block's output, {norm}% lies within 5 x 5 tokens by "
        "norm and {energy}% by energy, which favours the few strong ones; of what they do through "
        "its affinity alone, {alone}.",
        norm=percent(whole["mass_5x5"]),
        energy=percent(whole["energy_mass_5x5"]),
        alone=alone,
    )


def _draw(asked: Asked, found: list[TokenJacobian], pixel: tuple[int, int]) -> Figure:
    from analysis.figures.jacobian import jacobian_figure

    return jacobian_figure(asked.trace, asked.picture, found, pixel)
