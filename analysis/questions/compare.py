"""What does another setting see? One picture, two models, weights or reaches, side by side."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from analysis.core.activation_cache import trace
from analysis.core.checks import change_reach, check_blocks
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress
from analysis.core.shared_weight_copy import shared_weight_copy
from analysis.core.words import Said, joined, say, sentences
from analysis.evaluation.label_comparison import LabelComparison, compare_labels
from analysis.profile.nulls import random_model
from analysis.questions.common import ShortSide, Steps, question, start
from uniformer.config import MODELS, Reach
from uniformer.factory import create_model
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


OtherModel = Annotated[str | None, "model to compare with; by default the same", tuple(MODELS)]
OtherWeights = Annotated[
    Literal["same", "default", "none"],
    "its weights: the same, the model's own, or none (untrained)",
]
OtherReach = Annotated[
    Literal["global", "hybrid", "window"] | None, "its reach of stage 3; by default the same"
]
OtherWindowSize = Annotated[
    int | None, "side of its windows in stage-3 tokens; by default the same"
]


@question
def compare(
    model: Segmenter,
    image: PictureSource,
    *,
    other_model: OtherModel = None,
    other_weights: OtherWeights = "same",
    other_reach: OtherReach = None,
    other_window_size: OtherWindowSize = None,
    short_side: ShortSide = None,
) -> Steps:
    """What another setting makes of the picture: labels side by side, and where they differ.

    Another model must have the same classes. Untrained weights are the same ones every time. Where
    the two differ does not say which one is right.
    """
    asked = start(model, image, short_side)
    yield Progress(1, 3)
    other = _other(model, other_model, other_weights, other_reach, other_window_size)
    yield Progress(2, 3)
    found = compare_labels(
        asked.trace, trace(other, asked.picture, short_side=asked.trace.short_side)
    )
    yield Progress(3, 3)
    names = _words(model, other), _words(other, model)
    return asked.answer(
        title=joined(names, " | "),
        sentence=_sentence(found),
        grade="exact",
        numbers=_numbers(found, names, other),
        arrays={
            "labels_a": found.labels_a,
            "labels_b": found.labels_b,
            "differs": found.differs,
            "kl_nats": found.kl_map_nats,
        },
        tables={"classes": found.rows()},
        draw=lambda: _draw(found, names),
    )


def _other(
    model: Segmenter,
    name: str | None,
    weights: str,
    reach: Reach | None,
    window_size: int | None,
) -> Segmenter:
    """Return the model to compare with, never a changed ``model``."""
    if name in (None, model.config.name) and weights == "same":
        if reach is None and window_size is None:
            raise AnalysisError("Choose another model, weights, reach or window size to compare.")
        other = shared_weight_copy(model)
    else:
        if name is None:
            check_blocks(model)
        chosen = None if weights == "none" else "default"
        other = create_model(name or model.config.name, weights=chosen, device=model.device)
        other = other.to(model.dtype) if chosen else random_model(other.to(model.dtype))
    change_reach(other, reach or model.reach, window_size or model.window_size)
    if other.classes.names != model.classes.names:
        raise AnalysisError(
            f"{other.config.name} has other classes ({other.classes.title}) than "
            f"{model.config.name} ({model.classes.title}): their labels cannot be compared."
        )
    return other


def _words(one: Segmenter, other: Segmenter) -> Said:
    """Return how ``one`` is set, as far as it differs from ``other``; its name if it does not."""
    parts: list[str] = [one.config.name]
    if one.weights != other.weights:
        parts.append("trained" if one.weights.trained else "untrained")
    reaches = [(each.reach, each.window_size) for each in (one, other)]
    if reaches[0] != reaches[1]:
        parts.append(
            {
                "global": "global",
                "hybrid": say("hybrid {size}", size=one.window_size),
                "window": say("window {size}", size=one.window_size),
            }[one.reach]
        )
    return joined(parts)


def _sentence(found: LabelComparison) -> Said:
    kl = f"{found.kl_nats:.3g}"
    if not found.differs.any():
        return say("Nothing changed: both give every pixel the same label (KL {kl} nats).", kl=kl)
    return sentences(
        say(
            "{share} % of the pixels have another label; KL of the second from the first is {kl} "
            "nats.",
            share=f"{100 * found.differing_share:.2f}",
            kl=kl,
        ),
        "Neither is the truth: the map shows where they differ, not which one is right.",
    )


def _numbers(found: LabelComparison, names: tuple[Said, Said], other: Segmenter) -> dict[str, Any]:
    return {
        "a": names[0],
        "b": names[1],
        "differing_share": found.differing_share,
        "mean_iou": found.mean_iou,
        "kl_nats": found.kl_nats,
        "confidence_a": found.confidence_a,
        "confidence_b": found.confidence_b,
        "other_reach": other.reach,
        "other_window_tokens": other.window_size,
        "other_weights": asdict(other.weights),
    }


def _draw(found: LabelComparison, names: tuple[str, str]) -> Figure:
    from analysis.figures.comparison import comparison_figure

    return comparison_figure(found, names)
