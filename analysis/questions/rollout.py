"""The question `rollout`: what a region flows from, or what speaks for a class in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from analysis.core.forward import Place
from analysis.core.subject import Subject
from analysis.core.targets import RegionScore
from analysis.core.token_classes import token_classes
from analysis.core.words import Said, joined, percent, say, sentences
from analysis.questions.answer import Row
from analysis.questions.common import (
    Asked,
    Label,
    ReachAsked,
    RegionAsked,
    ShortSide,
    Steps,
    X,
    Y,
    in_reach,
    question,
    start,
)
from analysis.rollout.agreement import Agreement, agreement
from analysis.rollout.relevance import Relevance, relevance
from analysis.rollout.rollout import Rollout
from analysis.rollout.rollout import rollout as flow_back
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rule = Literal["rollout", "relevance"]
RuleAsked = Annotated[Rule, "rollout knows no class; relevance is that for the class"]
Followed = Annotated[int, "stage, 1 to 4, whose output a rollout follows"]
Compared = Annotated[bool, "compare with the gradient and with hiding cells; slow"]


@question
def rollout(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    x: X,
    y: Y,
    region: RegionAsked = "segment",
    rule: RuleAsked = "rollout",
    label: Label = None,
    stage: Followed = 4,
    compare: Compared = False,
    short_side: ShortSide = None,
    reach: ReachAsked = None,
) -> Steps:
    """Where does what a region shows flow from, through all stages down to the pixels?

    A rollout mixes tokens as affinities and the lengths of branches say; relevance also asks what
    speaks for a class, by gradients. Both are heuristics: with compare, rank correlations with the
    gradient of the class's score and with hiding parts of the picture say how far to trust them.
    A painted ``mask`` (H, W), bool, is the region where ``region`` is "mask".
    """
    asked = start(in_reach(model, reach), image, short_side)
    trace, subject = asked.trace, asked.subject(x, y, region, label, mask)
    target = RegionScore(trace.model, subject.region, subject.label)
    by_class = rule == "relevance"
    found = relevance(trace, target) if by_class else flow_back(trace, subject.region, stage)
    compared = None
    if compare:
        compared = yield from agreement(trace, asked.picture, target, {rule: found.pixels})
    classes, name = _class_rows(asked, found), asked.names[subject.label]
    return asked.answer(
        title=_title(found, subject, name),
        sentence=_sentence(classes, compared, rule),
        grade="heuristic",
        numbers=_numbers(found, asked, subject),
        arrays=_arrays(found, subject),
        tables={"blocks": _block_rows(found), "classes": classes, "agreement": _likeness(compared)},
        draw=lambda: _draw(asked, found, subject, compared),
    )


def _title(found: Rollout | Relevance, subject: Subject, name: str) -> str:
    if isinstance(found, Relevance):
        return say("What speaks for {name} in {region}", name=name, region=subject.words)
    return say(
        "What the output of stage {stage} in {region} flows from",
        stage=found.stage,
        region=subject.words,
    )


def _numbers(found: Rollout | Relevance, asked: Asked, subject: Subject) -> dict[str, Any]:
    about = {
        "x": subject.x,
        "y": subject.y,
        "label": asked.names[subject.label],
        "region_pixels": int(subject.region.sum()),
    }
    if isinstance(found, Rollout):
        return about | {
            "stage": found.stage,
            "lost_mass": found.total_lost_mass,
            "conservation_error": found.conservation_error,
        }
    total = _total(found)
    return about | {
        "score_nats": found.score,
        "seed_shares": [float(seed.sum()) / total for seed in found.seeds],
        "lost_mass": found.lost_relevance / total,
    }


def _total(found: Relevance) -> float:
    """Return all relevance there is, in units of the score."""
    return sum(float(seed.sum()) for seed in found.seeds)


def _class_rows(asked: Asked, found: Rollout | Relevance) -> list[Row]:
    """Return the share of the flow in each predicted class, largest first, beside its area."""
    tokens = token_classes(asked.labels, asked.trace.grid(1))
    received = found.maps[0][0] / found.maps[0][0].sum()
    share = np.tensordot(received, tokens.share, axes=2)
    area = tokens.share.mean((0, 1))
    return [
        {
            "class": asked.names[tokens.classes[at]],
            "share": float(share[at]),
            "uniform_share": float(area[at]),
        }
        for at in np.argsort(-share, kind="stable")
    ]


def _block_rows(found: Rollout | Relevance) -> list[Row]:
    """Return what is left of the region at every block: of a rollout also what branches weigh."""
    rows = []
    for stage, maps in enumerate(found.maps, start=1):
        for block, received in enumerate(maps):
            row = {"name": Place(stage, block).name, "stage": stage, "block": block}
            if isinstance(found, Rollout):
                row["affinity_share"] = found.affinity_share[stage - 1][block]
                row["position_share"] = found.position_share[stage - 1][block]
                row["lost_mass"] = found.lost_mass[stage - 1][block]
                row["mass_received"] = float(received.sum())
            else:
                row["mass_received"] = float(received.sum()) / _total(found)
            rows.append(row)
    return rows


def _likeness(compared: Agreement | None) -> list[Row]:
    """Return the rank correlations of maps and references; none if nothing was compared."""
    return [
        {
            "map": one.map,
            "reference": one.reference,
            "spearman": one.correlation.spearman,
            "beyond_distance": one.correlation.corrected,
            "chance": one.chance,
        }
        for one in (compared.comparisons if compared else ())
    ]


def _arrays(found: Rollout | Relevance, subject: Subject) -> dict[str, np.ndarray]:
    """Return the map of the pixels and those of all blocks, named by stage and block from 0."""
    maps = {
        f"stage{stage}_block{block}": received
        for stage, maps in enumerate(found.maps, start=1)
        for block, received in enumerate(maps)
    }
    return {"pixels": found.pixels, "region": subject.region, **maps}


def _sentence(classes: list[Row], compared: Agreement | None, rule: Rule) -> Said:
    shares = joined(
        say("{share}% {name}", share=percent(row["share"]), name=row["class"])
        for row in classes[:3]
    )
    source = say("By predicted class it comes from {classes}.", classes=shares)
    if compared is None:
        return sentences(
            source, "Not compared with the gradient and with hiding: take it as a guess."
        )
    (found,) = (one for one in compared.comparisons if (one.map, one.reference) == (rule, "change"))
    numbers = {
        "correlation": f"{found.correlation.spearman:+.2f}",
        "corrected": f"{found.correlation.corrected:+.2f}",
    }
    if not np.isfinite(found.chance):
        return sentences(
            source,
            say(
                "Its rank correlation with the change when cells are hidden is {correlation}, "
                "beyond distance {corrected}; what chance gives is not known.",
                **numbers,
            ),
        )
    beyond = abs(found.correlation.spearman) > found.chance
    return sentences(
        source,
        say(
            "Its rank correlation with the change when cells are hidden is {correlation}, beyond "
            "distance {corrected}: {stands}, as 95 % of the same map moved elsewhere are within "
            "{chance}.",
            **numbers,
            stands="more than chance" if beyond else "which cannot be told apart from chance",
            chance=f"{found.chance:.2f}",
        ),
    )


def _draw(
    asked: Asked, found: Rollout | Relevance, subject: Subject, compared: Agreement | None
) -> Figure:
    from analysis.figures.rollout import relevance_figure, rollout_figure

    if isinstance(found, Rollout):
        return rollout_figure(found, asked.picture, subject.region, agreement=compared)
    name = asked.names[subject.label]
    return relevance_figure(found, asked.picture, subject.region, name, agreement=compared)
