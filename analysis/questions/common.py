"""What questions share: parameters described once, the trace they start from, the answer's form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from analysis.answer import Answer, Row, provenance
from analysis.attribution.twin import private_twin
from analysis.evidence import Grade
from analysis.subject import Extent
from analysis.tracing import Trace, trace
from analysis.untrained import untrained_note
from uniformer.pictures import PictureSource, open_picture
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

X = Annotated[int, "column of the pixel, from 0 at the left"]
Y = Annotated[int, "row of the pixel, from 0 at the top"]
Stage = Annotated[int, "stage, 1 to 4"]
Block = Annotated[int | None, "block of the stage, from 0; by default the last"]
Head = Annotated[int | None, "head of the block, from 0; by default the mean over heads"]
Region = Annotated[Extent, "region asked about: the pixel, its segment or all of its class"]
Label = Annotated[str | None, "class asked about, by name or number; by default the predicted one"]
Against = Annotated[str | None, "class to compare with: why the one rather than the other"]
ShortSide = Annotated[int | None, "short side of the network's input in pixels, 64 to 2048"]
Seed = Annotated[int, "seed of what is drawn at random"]
Reach = Annotated[
    Literal["global", "hybrid", "window"] | None, "reach of stage 3; by default the model's own"
]


@dataclass(frozen=True)
class Asked:
    """A ``picture``, uint8 (H, W, 3), its ``trace``, and what stands beside any finding about it.

    ``note`` is one sentence if the weights are untrained, else None.
    """

    picture: np.ndarray
    trace: Trace
    note: str | None

    def answer(
        self,
        question: str,
        parameters: dict[str, Any],
        *,
        title: str,
        sentence: str,
        grade: Grade,
        numbers: dict[str, Any],
        arrays: dict[str, np.ndarray],
        tables: dict[str, list[Row]],
        draw: Callable[[], Figure],
    ) -> Answer:
        """Return the answer; the note, if there is one, is in sentence, numbers and figure.

        ``parameters`` are the question's own as they were asked, ``draw`` makes the figure.
        """
        return Answer(
            question=question,
            title=title,
            sentence=f"{sentence} {self.note or ''}".strip(),
            grade=grade,
            numbers={**numbers, **({"warning": self.note} if self.note else {})},
            arrays=arrays,
            tables=tables,
            settings=provenance(self.trace.model, self.picture, **parameters),
            figure=lambda: _noted(draw(), self.note),
        )


def ask(
    model: Segmenter,
    image: PictureSource,
    *,
    short_side: int | None = None,
) -> Asked:
    """Return ``image`` and what it leaves in ``model``: what most questions start from.

    Raises what :func:`analysis.tracing.trace` raises.
    """
    picture = open_picture(image)
    traced = trace(model, picture, short_side=short_side)
    return Asked(picture, traced, untrained_note(traced))


def in_reach(model: Segmenter, reach: str | None) -> Segmenter:
    """Return ``model``, or a twin in ``reach`` that shares its weights; ``model`` stays as is."""
    if reach in (None, model.reach):
        return model
    twin = private_twin(model)
    twin.set_reach(reach)
    return twin


def _noted(figure: Figure, note: str | None) -> Figure:
    """Return the figure with the note at the end of its caption."""
    if note:
        figure.supxlabel(f"{figure.get_supxlabel()} {note}")
    return figure
