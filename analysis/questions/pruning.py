"""The question `pruning`: which tokens passed through the blocks of a Light model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.affinity.pruning import PRUNING_STAGES, BlockPruning
from analysis.affinity.pruning import pruning as pruned_blocks
from analysis.core.forward import Place
from analysis.core.progress import Progress
from analysis.core.token_classes import token_classes
from analysis.core.words import Said, percent, say, sentences
from analysis.questions.answer import Row
from analysis.questions.common import Asked, ShortSide, Steps, question, start
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGE_SHARE = 0.05
"""Area from which on the sentence speaks of a class."""


@question
def pruning(model: Segmenter, image: PictureSource, *, short_side: ShortSide = None) -> Steps:
    """Which tokens were kept at each block of stages 3 and 4, and of which classes are they?

    Light models (XXS, XS) pass only the half of the tokens through a block that their class token
    has attended to most; one token merged from the rest stands for it. Every block chooses anew,
    but kept tokens share attention with fewer others, so that their scores grow and they tend to
    stay. What was kept is exact. It does not say that dropped tokens do not matter: they get the
    merged token's update. Other models keep all tokens.
    """
    asked = start(model, image, short_side)
    found = pruned_blocks(asked.trace)
    classes = [row for one in found if one.prunes for row in _class_rows(asked, one)]
    yield Progress(1, 1)
    return asked.answer(
        title="Which tokens passed through the blocks of stages 3 and 4",
        sentence=_sentence(asked, found, classes),
        grade="exact",
        numbers={"stages": [_stage_row(found, stage) for stage in PRUNING_STAGES]},
        arrays={
            f"stage{one.stage}_block{one.block}_{name}": getattr(one, name)
            for one in found
            for name in ("kept", "score", "merged_share")
        },
        tables={"blocks": [_block_row(one) for one in found], "classes": classes},
        draw=lambda: _draw(asked, found),
    )


def _block_row(one: BlockPruning) -> Row:
    return {
        "name": Place(one.stage, one.block).name,
        "stage": one.stage,
        "block": one.block,
        "tokens": one.kept.size,
        "kept": int(one.kept.sum()),
        "score_of_kept": float(one.score[one.kept].sum()) if one.prunes else None,
        "largest_merged_share": float(one.merged_share.max()),
    }


def _stage_row(found: list[BlockPruning], stage: int) -> Row:
    """Return how many tokens all pruning blocks of a stage kept, and how many none did."""
    kept = [one.kept for one in found if one.stage == stage and one.prunes]
    times = np.sum(kept, axis=0) if kept else np.array([])
    return {
        "stage": stage,
        "pruning_blocks": len(kept),
        "always_kept_share": float((times == len(kept)).mean()) if kept else 1.0,
        "never_kept_share": float((times == 0).mean()) if kept else 0.0,
    }


def _class_rows(asked: Asked, one: BlockPruning) -> list[Row]:
    """Return how much of each predicted class a block kept, the most kept first."""
    tokens = token_classes(asked.labels, asked.trace.grid(one.stage))
    area = tokens.share.sum((0, 1))
    kept = tokens.share[one.kept].sum(0) / area
    return [
        {
            "stage": one.stage,
            "block": one.block,
            "class": asked.names[tokens.classes[at]],
            "kept_share": float(kept[at]),
            "area_share": float(area[at] / area.sum()),
        }
        for at in np.argsort(-kept, kind="stable")
    ]


def _sentence(asked: Asked, found: list[BlockPruning], classes: list[Row]) -> Said:
    if not classes:
        model = asked.trace.model.config.name
        return say("{model} prunes no tokens: all pass through every block.", model=model)
    kept = percent(float(np.mean([one.kept.mean() for one in found if one.prunes])))
    third = _stage_row(found, 3)
    passed = {
        "always": percent(third["always_kept_share"]),
        "blocks": third["pruning_blocks"],
        "never": percent(third["never_kept_share"]),
    }
    in_third = say(
        "In stage 3, {always}% pass through all {blocks} of them and {never}% through none.",
        **passed,
    )
    shares: dict[str, list[float]] = {}
    for row in classes:
        if row["stage"] == 3 and row["area_share"] >= LARGE_SHARE:
            shares.setdefault(row["class"], []).append(row["kept_share"])
    means = {name: float(np.mean(values)) for name, values in shares.items()}
    if len(means) > 1:
        most, least = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        in_third = say(
            "In stage 3, {always}% pass through all {blocks} of them and {never}% through none; "
            "most is kept of {most} ({highest}% of its area, mean over blocks) and least of "
            "{least} ({lowest}%).",
            **passed,
            most=most,
            highest=percent(means[most]),
            least=least,
            lowest=percent(means[least]),
        )
    return sentences(
        say("A pruning block keeps {kept}% of the tokens.", kept=kept),
        in_third,
        say("Where class did not matter, each would be kept by {kept}%.", kept=kept),
    )


def _draw(asked: Asked, found: list[BlockPruning]) -> Figure:
    from analysis.figures.pruning import pruning_figure

    return pruning_figure(asked.trace, asked.picture, found)
