"""Which map can be believed? Several attribution methods, tested by removing what they mark."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from torch import Tensor

from analysis.attribution.attribute import attribute
from analysis.attribution.methods import METHODS, AttributionSettings
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, part_of
from analysis.core.subject import Subject
from analysis.core.targets import RegionScore
from analysis.faithfulness.deletion_insertion import Replacement
from analysis.faithfulness.infidelity import Infidelity, Squares, infidelities
from analysis.faithfulness.parameter_randomisation import (
    ParameterRandomisation,
    parameter_randomisation,
)
from analysis.faithfulness.ranking import DeletionSettings, RankedMap, Ranking, rank_maps
from analysis.faithfulness.sensitivity import Explain, max_sensitivity
from analysis.questions.answer import Answer, Row
from analysis.questions.common import (
    Asked,
    Label,
    Region,
    Seed,
    ShortSide,
    Steps,
    X,
    Y,
    question,
    start,
)
from analysis.questions.explaining import METHOD_NAMES, LayerStage, methods_named
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = "integrated-gradients,gradient-x-activation,signed-grad-cam,layer-cam,eigen-cam"
"""One method of each family that takes seconds."""

NO_FORECAST = "smooth_grad"
"""A sensitivity without sign: it forecasts no change, so it has no infidelity."""

MethodsAsked = Annotated[str, f"methods to rank, of {', '.join(METHOD_NAMES)}"]
Show = Annotated[
    Literal["curves", "areas", "weights"],
    "figure: removal curves, the areas under them, or the best map with scrambled weights",
]
ReplacementAsked = Annotated[Replacement, "what pixels are replaced by: blur or mean colour"]
CurvePoints = Annotated[int, "points of each curve, and of integrated gradients"]
CellSide = Annotated[int, "side of the squares replaced, in pixels of the input"]
Noisy = Annotated[
    int, "noisy pictures on which to see how far each map moves (max-sensitivity); 0: none"
]


@dataclass(frozen=True)
class Trial:
    """What the methods are put to the test on, and how."""

    asked: Asked
    subject: Subject
    inputs: Tensor
    explainers: dict[str, Explain]
    deletion: DeletionSettings
    noisy: int
    check: bool

    @property
    def parts(self) -> int:
        """Parts of the work, for its progress: those of each method, and of all together."""
        return len(self.explainers) * (1 + (self.noisy > 0)) + 2 + self.check


@dataclass(frozen=True)
class Verdict:
    """What a trial found: all maps, those that are not blank ranked, and how stable they are.

    ``errors`` and ``moved`` are infidelity and max-sensitivity by method, ``check`` the best map
    with scrambled weights; each as far as it was asked for and can be had.
    """

    maps: dict[str, np.ndarray]
    ranking: Ranking
    errors: dict[str, Infidelity]
    moved: dict[str, float]
    check: ParameterRandomisation | None

    @property
    def blank(self) -> list[str]:
        """The methods whose maps are the same everywhere."""
        return [name for name, values in self.maps.items() if np.ptp(values) == 0]


@question
def faithfulness(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    x: X,
    y: Y,
    region: Region = "segment",
    label: Label = None,
    methods: MethodsAsked = FEW,
    stage: LayerStage = 4,
    show: Show = "curves",
    replacement: ReplacementAsked = "blur",
    steps: CurvePoints = 16,
    cell_px: CellSide = 16,
    noisy: Noisy = 0,
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Steps:
    """Which map can be believed here: methods ranked by removing what they call important.

    The region's probability is watched while pixels go, those first that a map marks most, beside
    random orders and one that goes outwards from the region. Methods whose maps are blank here are
    left out. A painted ``mask`` (H, W), bool, is the region where ``region`` is "mask".
    """
    names = methods_named(methods)
    asked = start(model, image, short_side, any_network=True)
    subject = asked.subject(x, y, region, label, mask)
    settings = AttributionSettings(replacement, steps, steps)
    trial = Trial(
        asked, subject, asked.inputs(),
        {name: partial(_map, METHOD_NAMES[name], subject, stage, settings) for name in names},
        DeletionSettings(replacement, cell_px, steps, seed=seed), noisy, show == "weights",
    )  # fmt: skip
    verdict = yield from _tried(trial)
    yield _answer(trial, verdict, show)


def _map(
    method: str,
    subject: Subject,
    stage: int,
    settings: AttributionSettings,
    model: Segmenter,
    inputs: Tensor,
) -> np.ndarray:
    *_, found = attribute(
        model, inputs, subject.region, subject.label,
        method=method, stage=stage, settings=settings,
    )  # fmt: skip
    return found.map


def _tried(trial: Trial) -> Generator[Progress, None, Verdict]:
    """Yield progress, and return the verdict."""
    model, inputs, parts = trial.asked.trace.model, trial.inputs, trial.parts
    seed, maps = trial.deletion.seed, {}
    for part, (name, explain) in enumerate(trial.explainers.items()):
        maps[name] = explain(model, inputs)
        yield from part_of(iter([Progress(1, 1), None]), part, parts)
    kept = {name: values for name, values in maps.items() if np.ptp(values) > 0}
    if not kept:
        raise AnalysisError("Every map is blank: choose other methods, another stage or region.")
    part = len(maps)
    margin, probability = (
        RegionScore(model, trial.subject.region, trial.subject.label, score=score)
        for score in ("margin", "probability")
    )
    forecasts = {name: kept[name] for name in kept if METHOD_NAMES[name] != NO_FORECAST}
    changes = Squares(trial.deletion.replacement, trial.deletion.cell_px)
    work = infidelities(margin, inputs, forecasts, changes, seed=seed)
    errors = yield from part_of(work, part, parts)
    shares = {name: error.unexplained_share for name, error in errors.items()}
    work = rank_maps(probability, inputs, kept, deletion=trial.deletion, infidelities=shares)
    ranking = yield from part_of(work, part + 1, parts)
    moved = yield from _moved(trial, list(kept), part + 2)
    check = None
    if trial.check:
        best = trial.explainers[ranking.rows[0].method]
        work = parameter_randomisation(model, inputs, trial.subject.region, best, seed=seed)
        check = yield from part_of(work, parts - 1, parts)
    return Verdict(maps, ranking, errors, moved, check)


def _moved(
    trial: Trial, names: list[str], first: int
) -> Generator[Progress, None, dict[str, float]]:
    """Yield progress from part ``first`` on, and return the max-sensitivity of maps by method."""
    found: dict[str, float] = {}
    for part, name in enumerate(names if trial.noisy else (), start=first):
        work = max_sensitivity(
            trial.asked.trace.model, trial.inputs, trial.explainers[name],
            samples=trial.noisy, seed=trial.deletion.seed,
        )  # fmt: skip
        found[name] = (yield from part_of(work, part, trial.parts)).maximum
    return found


def _answer(trial: Trial, verdict: Verdict, show: str) -> Answer:
    asked, subject = trial.asked, trial.subject
    return asked.answer(
        title=f"Which map says best why {asked.names[subject.label]} at {subject.words}?",
        sentence=_sentence(verdict),
        grade="statistic" if verdict.check else "causal",
        numbers={"class": asked.names[subject.label], **_numbers(verdict)},
        arrays={"region": subject.region, **verdict.maps},
        tables=_tables(verdict),
        draw=lambda: _draw(verdict, show),
    )


def _sentence(verdict: Verdict) -> str:
    best, check = verdict.ranking.rows[0], verdict.check
    title = METHODS[METHOD_NAMES[best.method]].title
    found = [f"{title} separates insertion from deletion best, by {best.separation:.3f}."]
    if best.context_against_random <= 0:
        found.append(
            "Outside the region it is no better than a random order, so it may only outline it."
        )
    if best.against_distance <= 0:
        found.append("Going outwards from the region lowers the probability as fast.")
    if check is not None:
        changes = "changes" if check.depends_on_weights else "hardly changes"
        found.append(f"Its map {changes} when all weights are scrambled.")
    if verdict.blank:
        found.append(f"Left out, since their maps are blank: {', '.join(verdict.blank)}.")
    return " ".join(found)


def _numbers(verdict: Verdict) -> dict[str, Any]:
    ranking, check = verdict.ranking, verdict.check
    best = ranking.rows[0]
    return {
        "best_method": best.method,
        "best_separation": best.separation,
        "best_context_against_random": best.context_against_random,
        "region_share": ranking.region_share,
        "random_deletion_auc": float(np.mean([one.deletion.auc for one in ranking.random])),
        "distance_deletion_auc": ranking.distance.deletion.auc,
        **({} if check is None else {"best_depends_on_weights": check.depends_on_weights}),
    }


def _tables(verdict: Verdict) -> dict[str, list[Row]]:
    tables = {"methods": [_row(row, verdict) for row in verdict.ranking.rows]}
    if verdict.check is not None:
        tables["weights"] = [
            {
                "scrambled": level.name,
                "spearman": level.picture.spearman,
                "spearman_corrected": level.picture.corrected,
                "region_spearman_corrected": level.region.corrected,
                "null_envelope": level.picture.envelope,
                "null_distance": verdict.check.distance_spearman,
            }
            for level in verdict.check.levels
        ]
    return tables


def _row(row: RankedMap, verdict: Verdict) -> Row:
    error = verdict.errors.get(row.method)
    return {
        "method": row.method,
        "grade": METHODS[METHOD_NAMES[row.method]].grade,
        "separation": row.separation,
        "deletion_auc": row.deletion_auc,
        "insertion_auc": row.insertion_auc,
        "context_auc": row.context_auc,
        "against_random": row.against_random,
        "against_distance": row.against_distance,
        "context_against_random": row.context_against_random,
        "context_against_distance": row.context_against_distance,
        "infidelity_unexplained_share": row.infidelity,
        "infidelity_squared_nats": None if error is None else error.squared_error,
        "max_sensitivity": verdict.moved.get(row.method),
    }


def _draw(verdict: Verdict, show: str) -> Figure:
    from analysis.figures.faithfulness import (
        curves_figure,
        parameter_randomisation_figure,
        ranking_figure,
    )

    if verdict.check is not None:
        return parameter_randomisation_figure(verdict.check)
    return ranking_figure(verdict.ranking) if show == "areas" else curves_figure(verdict.ranking)
