"""The question `similarity`: which tokens hold the same as the one at a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.core.checks import check_pixel
from analysis.core.progress import Progress
from analysis.core.token_classes import token_classes
from analysis.core.words import Said, say, sentences
from analysis.questions.answer import Row
from analysis.questions.common import (
    Asked,
    ReachAsked,
    ShortSide,
    Steps,
    X,
    Y,
    in_reach,
    question,
    start,
)
from analysis.representation.token_similarity import TokenSimilarity, token_similarity
from uniformer.config import STRIDES
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STAGES = range(1, len(STRIDES) + 1)


@question
def similarity(
    model: Segmenter,
    image: PictureSource,
    *,
    x: X,
    y: Y,
    short_side: ShortSide = None,
    reach: ReachAsked = None,
) -> Steps:
    """Which tokens hold the same as the one at this pixel, after each stage?

    The cosine of its token with all others, and the three principal components of all tokens as
    colours. It tells what the maps hold, not what the pixel looked at nor why its class.
    """
    asked = start(in_reach(model, reach), image, short_side)
    trace = asked.trace
    check_pixel(trace.picture_size_px, x, y)
    found = [token_similarity(trace, stage, trace.grid(stage).token_at(x, y)) for stage in STAGES]
    classes = _class_rows(asked, found)
    yield Progress(1, 1)
    return asked.answer(
        title=say("Which tokens hold the same as the one at pixel ({x}, {y})", x=x, y=y),
        sentence=_sentence(classes),
        grade="statistic",
        numbers={
            "x": x,
            "y": y,
            "variance_explained": {f"stage{one.stage}": one.explained.tolist() for one in found},
        },
        arrays={
            f"stage{one.stage}_{name}": getattr(one, name)
            for one in found
            for name in ("raw", "centered", "components")
        },
        tables={"classes": classes},
        draw=lambda: _draw(found, asked.picture, (x, y)),
    )


def _class_rows(asked: Asked, found: list[TokenSimilarity]) -> list[Row]:
    """Return the mean cosine with the tokens of each predicted class, the most alike first."""
    rows = []
    for one in found:
        tokens = token_classes(asked.labels, asked.trace.grid(one.stage))
        area = tokens.share.sum((0, 1))
        means = np.tensordot(one.centered, tokens.share, axes=2) / area
        rows += [
            {
                "stage": one.stage,
                "class": asked.names[tokens.classes[at]],
                "mean_cosine": float(means[at]),
                "area_share": float(area[at] / area.sum()),
            }
            for at in np.argsort(-means)
        ]
    return rows


def _sentence(classes: list[Row]) -> Said:
    last = [row for row in classes if row["stage"] == STAGES[-1]]
    most, least = last[0], last[-1]
    named = {"most": most["class"], "cosine": f"{most['mean_cosine']:+.2f}"}
    found = say(
        "After the last stage its token is most like those of {most}, mean cosine {cosine}.",
        **named,
    )
    if most is not least:
        found = say(
            "After the last stage its token is most like those of {most}, mean cosine {cosine}, "
            "and least like those of {least}, {lowest}.",
            **named,
            least=least["class"],
            lowest=f"{least['mean_cosine']:+.2f}",
        )
    return sentences(found, "Alike features do not mean that it looked there.")


def _draw(found: list[TokenSimilarity], picture: np.ndarray, pixel: tuple[int, int]) -> Figure:
    from analysis.figures.token_similarity import similarity_figure

    return similarity_figure(found, picture, pixel)
