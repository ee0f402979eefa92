"""Which map can be believed? Several attribution methods, tested by removing what they mark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import numpy as np
from torch import Tensor

from analysis.attribution.attribute import Attribution, attribute
from analysis.attribution.methods import AttributionSettings
from analysis.core.errors import AnalysisError
from analysis.core.progress import Work, finish, part_of
from analysis.core.subject import Subject
from analysis.core.targets import RegionScore
from analysis.core.words import say
from analysis.faithfulness.deletion_insertion import Replacement
from analysis.faithfulness.infidelity import Squares, infidelities
from analysis.faithfulness.lead import lead_over
from analysis.faithfulness.parameter_randomisation import (
    parameter_randomisation,
)
from analysis.faithfulness.ranking import DeletionSettings, rank_maps
from analysis.faithfulness.second_opinion import (
    salience_coefficients,
    second_opinion,
)
from analysis.faithfulness.sensitivity import Explain, max_sensitivity
from analysis.questions.answer import Answer
from analysis.questions.common import (
    Asked,
    Label,
    RegionAsked,
    Seed,
    ShortSide,
    Steps,
    X,
    Y,
    question,
    start,
)
from analysis.questions.explaining import METHOD_NAMES, LayerStage, methods_named
from analysis.questions.faithfulness_verdict import Verdict, draw, numbers, sentence, tables
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

FEW = "integrated-gradients,gradient-x-activation,signed-grad-cam,layer-cam,eigen-cam"
"""One method of each family that takes seconds."""

NO_FORECAST = "smooth_grad"
"""A sensitivity without sign: it forecasts no change, so it has no infidelity."""

MethodsAsked = Annotated[str, f"methods to rank, of {', '.join(METHOD_NAMES)}"]
ShowAsked = Annotated[
    Literal["curves", "areas", "weights"],
    "figure: deletion curves, the areas under them, or the best map with scrambled weights",
]
ReplacementAsked = Annotated[Replacement, "what pixels are replaced by: blur or mean colour"]
CurvePoints = Annotated[int, "points of each curve, and of integrated gradients"]
CellSide = Annotated[int, "side of the squares replaced, in pixels of the network's input"]
Noisy = Annotated[
    int,
    "noisy pictures on which to see how far each map moves, the most of which is a lower bound of "
    "max-sensitivity; 0: none",
]


@dataclass(frozen=True)
class Trial:
    """What the methods are put to the test on, and how."""

    asked: Asked
    subject: Subject
    inputs: Tensor
    explainers: dict[str, Callable[[Segmenter, Tensor], Work[Attribution]]]
    deletion: DeletionSettings
    noisy: int
    check: bool

    @property
    def parts(self) -> int:
        """Parts of the work, for its progress: those of each method, and of all together."""
        return len(self.explainers) * (1 + (self.noisy > 0)) + 5 + self.check

    def explain(self, name: str) -> Explain:
        """Return what makes the map of a method."""
        return lambda model, inputs: finish(self.explainers[name](model, inputs)).map


@question
def faithfulness(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    x: X,
    y: Y,
    region: RegionAsked = "segment",
    label: Label = None,
    methods: MethodsAsked = FEW,
    stage: LayerStage = 4,
    show: ShowAsked = "curves",
    replacement: ReplacementAsked = "blur",
    steps: CurvePoints = 16,
    cell_px: CellSide = 16,
    noisy: Noisy = 0,
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Steps:
    """Which map can be believed here: methods ranked by removing what they call important.

    The region's probability is watched while pixels go, those first that a map marks most, beside
    random orders and one that goes outwards from the region; once more with the other replacement,
    to see whether they rank alike. Methods whose maps are blank are left out. A painted ``mask``
    (H, W), bool, is the region where ``region`` is "mask".
    """
    names = methods_named(methods)
    asked = start(model, image, short_side, any_network=True)
    subject = asked.subject(x, y, region, label, mask)
    settings = AttributionSettings(replacement, steps, steps, seed)
    trial = Trial(
        asked, subject, asked.inputs(),
        {name: partial(_found, METHOD_NAMES[name], subject, stage, settings) for name in names},
        DeletionSettings(replacement, cell_px, steps, seed=seed), noisy, show == "weights",
    )  # fmt: skip
    verdict = yield from _tried(trial)
    return _answer(trial, verdict, show)


def _found(
    method: str,
    subject: Subject,
    stage: int,
    settings: AttributionSettings,
    model: Segmenter,
    inputs: Tensor,
) -> Work[Attribution]:
    return attribute(
        model, inputs, subject.region, subject.label,
        method=method, stage=stage, settings=settings,
    )  # fmt: skip


def _tried(trial: Trial) -> Work[Verdict]:
    model, inputs, parts = trial.asked.trace.model, trial.inputs, trial.parts
    seed, maps, grades = trial.deletion.seed, {}, {}
    for part, (name, explain) in enumerate(trial.explainers.items()):
        found = yield from part_of(explain(model, inputs), part, parts)
        maps[name], grades[name] = found.map, found.grade
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
    errors = yield from part_of(
        infidelities(margin, inputs, forecasts, changes, seed=seed), part, parts
    )
    shares = {name: error.unexplained_share for name, error in errors.items()}
    ranked = rank_maps(probability, inputs, kept, deletion=trial.deletion, infidelities=shares)
    ranking = yield from part_of(ranked, part + 1, parts)
    about = probability, inputs, kept, trial.deletion
    second = yield from part_of(second_opinion(*about), part + 2, parts)
    salience = yield from part_of(salience_coefficients(*about), part + 3, parts)
    lead = None
    if len(kept) > 1:
        first, other = (kept[row.method] for row in ranking.rows[:2])
        ahead = lead_over(probability, inputs, first, other, trial.deletion, ranking.lead)
        lead = yield from part_of(ahead, part + 4, parts)
    moved = yield from _moved(trial, list(kept), part + 5)
    check = None
    if trial.check:
        best = trial.explain(ranking.rows[0].method)
        work = parameter_randomisation(model, inputs, trial.subject.region, best, seed=seed)
        check = yield from part_of(work, parts - 1, parts)
    return Verdict(maps, grades, ranking, lead, salience, second, errors, moved, trial.noisy, check)


def _moved(trial: Trial, names: list[str], first: int) -> Work[dict[str, float]]:
    """Yield progress from part ``first`` on, and return the max-sensitivity of maps by method."""
    found: dict[str, float] = {}
    for part, name in enumerate(names if trial.noisy else (), start=first):
        work = max_sensitivity(
            trial.asked.trace.model, trial.inputs, trial.explain(name),
            samples=trial.noisy, seed=trial.deletion.seed,
        )  # fmt: skip
        found[name] = (yield from part_of(work, part, trial.parts)).maximum
    return found


def _answer(trial: Trial, verdict: Verdict, show: str) -> Answer:
    asked, subject = trial.asked, trial.subject
    return asked.answer(
        title=say(
            "Which map says best why {name} at {region}?",
            name=asked.names[subject.label],
            region=subject.words,
        ),
        sentence=sentence(verdict),
        grade="statistic" if verdict.check else "causal",
        numbers={"class": asked.names[subject.label], **numbers(verdict)},
        arrays={"region": subject.region, **verdict.maps},
        tables=tables(verdict),
        draw=lambda: draw(verdict, show),
    )
