"""Which map can be believed? Several attribution methods, tested by removing what they mark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from torch import Tensor

from analysis.attribution.attribute import Attribution, attribute
from analysis.attribution.methods import METHODS, AttributionSettings
from analysis.core.errors import AnalysisError
from analysis.core.evidence import Grade
from analysis.core.progress import Work, finish, part_of
from analysis.core.subject import Subject
from analysis.core.targets import RegionScore
from analysis.faithfulness.deletion_insertion import Replacement
from analysis.faithfulness.infidelity import Infidelity, Squares, infidelities
from analysis.faithfulness.lead import CUTS, Lead, lead_over
from analysis.faithfulness.parameter_randomisation import (
    SCRAMBLES,
    ParameterRandomisation,
    parameter_randomisation,
)
from analysis.faithfulness.ranking import DeletionSettings, RankedMap, Ranking, rank_maps
from analysis.faithfulness.second_opinion import (
    SecondOpinion,
    salience_coefficients,
    second_opinion,
)
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


@dataclass(frozen=True)
class Verdict:
    """What a trial found: all maps, those that are not blank ranked, and how stable they are.

    ``grades`` are those of the maps. ``lead`` is that of the best map over the second, None for a
    single one. ``salience`` is their SaCo by method, ``second`` their score with another
    replacement. ``errors`` and ``moved`` (of ``noisy`` pictures) are infidelity and max-sensitivity
    by method, ``check`` the best map with scrambled weights; each as far as it was asked for and
    can be had.
    """

    maps: dict[str, np.ndarray]
    grades: dict[str, Grade]
    ranking: Ranking
    lead: Lead | None
    salience: dict[str, float]
    second: SecondOpinion
    errors: dict[str, Infidelity]
    moved: dict[str, float]
    noisy: int
    check: ParameterRandomisation | None

    @property
    def blank(self) -> list[str]:
        """The methods whose maps are the same everywhere."""
        return [name for name, values in self.maps.items() if np.ptp(values) == 0]

    @property
    def sure(self) -> bool:
        """Whether the best map is the best with both replacements, and ahead in all cuts."""
        ahead = self.lead is None or self.lead.known
        return ahead and self.ranking.rows[0].method == self.second.best


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
    random orders and one that goes outwards from the region; once more with the other replacement,
    to see whether they rank alike. Methods whose maps are blank are left out. A painted ``mask``
    (H, W), bool, is the region where ``region`` is "mask".
    """
    names = methods_named(methods)
    asked = start(model, image, short_side, any_network=True)
    subject = asked.subject(x, y, region, label, mask)
    settings = AttributionSettings(replacement, steps, steps)
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
        ahead = lead_over(probability, inputs, first, other, trial.deletion)
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
    found = [_best(verdict)]
    if best.standing != "better":
        found.append(f"Its deletion {_beside_chance(best.standing)}.")
    if best.context_standing not in ("better", None):
        found.append(
            f"Outside the region it {_beside_chance(best.context_standing)}, so it may only "
            "outline it."
        )
    if "integrated-gradients" in verdict.maps:
        found.append(
            "Integrated gradients are taken from the replacement that they are scored with first, "
            "which favours them."
        )
    if best.against_distance <= 0:
        found.append("Going outwards from the region lowers the probability as fast.")
    if check is not None:
        found.append(_scrambled(check))
    if verdict.moved:
        moved = verdict.moved[best.method]
        found.append(
            f"In {verdict.noisy} noisy pictures its map moves by up to {moved:.2g} of its length: "
            "a lower bound, as other noise may move it further."
        )
    if verdict.blank:
        found.append(f"Left out, since their maps are blank: {', '.join(verdict.blank)}.")
    return " ".join(found)


def _best(verdict: Verdict) -> str:
    """Return which map separates best, by how much, and whether that can be told."""
    ranking, second = verdict.ranking, verdict.second
    best, *others = ranking.rows
    words = {"blur": "the blurred picture", "mean": "the mean colour"}
    first, other = words[ranking.deletion.replacement], words[second.replacement]
    text = (
        f"With {first}, {_title(best.method)} separates insertion from deletion best, by "
        f"{best.separation:.3f}"
    )
    if not others or verdict.lead is None:
        return f"{text}; with {other} by {second.separations[best.method]:.3f}."
    low, high = verdict.lead.interval
    text += (
        f", {ranking.lead:.3f} ahead of {_title(others[0].method)} (over {CUTS} ways to cut the "
        f"picture into squares 95 %: {low:+.3f} to {high:+.3f})"
    )
    agreement = f"the rankings agree to {second.agreement(ranking):+.2f} (Kendall's tau)"
    if verdict.sure:
        return f"{text}; with {other} it is the best too, and {agreement}."
    if verdict.second.best == best.method:
        return (
            f"{text}, so which of the two is best cannot be told; with {other} it is the first "
            f"too, and {agreement}."
        )
    return (
        f"{text}; with {other} that is {_title(second.best)}, so which is best cannot be told, and "
        f"{agreement}."
    )


def _scrambled(check: ParameterRandomisation) -> str:
    """Return whether the map is still like itself once nothing learned is left."""
    words = {
        "lost": "is no more like itself than moved elsewhere",
        "kept": "is more like itself than moved elsewhere, so part of it does not come from what "
        "was learned",
        "cannot be told": "may be as like itself as moved elsewhere or more: it cannot be told",
        None: "leaves no map to compare",
    }
    drawn = check.kept
    numbers = (
        f" (rank correlation beyond distance {drawn.mean:+.2f}, by {SCRAMBLES} draws 95 % of them "
        f"are within {drawn.low:+.2f} to {drawn.high:+.2f}; moved up to {check.chance:.2f})"
    )
    return (
        f"With all weights scrambled its map {words[check.standing]}"
        f"{numbers if check.standing else ''}."
    )


def _beside_chance(standing: str | None) -> str:
    words = {
        "worse": "is worse than that of random orders",
        "cannot be told apart": "cannot be told apart from that of random orders",
    }
    return words.get(standing or "", "was compared with too few random orders to say")


def _title(name: str) -> str:
    return METHODS[METHOD_NAMES[name]].title


def _numbers(verdict: Verdict) -> dict[str, Any]:
    ranking, check = verdict.ranking, verdict.check
    best, random = ranking.rows[0], ranking.random_deletion
    return {
        "best_method": best.method,
        "best_separation": best.separation,
        "best_lead_over_second": ranking.lead,
        "best_lead_low": None if verdict.lead is None else verdict.lead.interval[0],
        "best_lead_high": None if verdict.lead is None else verdict.lead.interval[1],
        "best_with_both_replacements": best.method == verdict.second.best,
        "best_is_sure": verdict.sure,
        "second_replacement": verdict.second.replacement,
        "best_with_second_replacement": verdict.second.best,
        "replacements_kendall_tau": verdict.second.agreement(ranking),
        "best_saco": verdict.salience[best.method],
        "best_context_against_random": best.context_against_random,
        "best_context_standing": best.context_standing,
        "region_share": ranking.region_share,
        "random_orders": len(ranking.random),
        "random_deletion_auc": random.mean,
        "random_deletion_auc_low": random.low,
        "random_deletion_auc_high": random.high,
        "distance_deletion_auc": ranking.distance.deletion.auc,
        **({} if check is None else _check_numbers(check)),
    }


def _check_numbers(check: ParameterRandomisation) -> dict[str, Any]:
    """Return how alike the best map is to those of scrambled weights, and what chance gives."""
    drawn = check.kept
    return {
        "best_after_scrambling": check.standing,
        "best_scrambles": SCRAMBLES,
        "best_scrambled_spearman_corrected": drawn.mean,
        "best_scrambled_spearman_corrected_low": drawn.low,
        "best_scrambled_spearman_corrected_high": drawn.high,
        "best_scrambled_chance": check.chance,
    }


def _tables(verdict: Verdict) -> dict[str, list[Row]]:
    tables = {"methods": [_row(row, verdict) for row in verdict.ranking.rows]}
    if verdict.check is not None:
        tables["weights"] = [
            {
                "scrambled": level.name,
                "draw": draw,
                "spearman": picture.spearman,
                "spearman_corrected": picture.corrected,
                "region_spearman_corrected": region.corrected,
                "null_envelope": picture.envelope,
                "null_distance": verdict.check.distance_spearman,
                "null_moved": verdict.check.chance,
            }
            for level in verdict.check.levels
            for draw, (picture, region) in enumerate(
                zip(level.pictures, level.regions, strict=True)
            )
        ]
    return tables


def _row(row: RankedMap, verdict: Verdict) -> Row:
    error = verdict.errors.get(row.method)
    return {
        "method": row.method,
        "grade": verdict.grades[row.method],
        "separation": row.separation,
        "second_separation": verdict.second.separations[row.method],
        "saco": verdict.salience[row.method],
        "deletion_auc": row.deletion_auc,
        "insertion_auc": row.insertion_auc,
        "context_auc": row.context_auc,
        "against_random": row.against_random,
        "against_distance": row.against_distance,
        "context_against_random": row.context_against_random,
        "context_against_distance": row.context_against_distance,
        "standing": row.standing,
        "context_standing": row.context_standing,
        "infidelity_unexplained_share": row.infidelity,
        "infidelity_unexplained_share_error": None if error is None else error.unexplained_error,
        "infidelity_squared_nats": None if error is None else error.squared_error,
        "max_sensitivity_at_least": verdict.moved.get(row.method),
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
