"""Which map can be believed? Several attribution methods, tested by removing what they mark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from torch import Tensor

from analysis.answer import Answer, Row, provenance
from analysis.attribution.attribute import attribute_input
from analysis.attribution.methods import METHODS, Settings
from analysis.errors import AnalysisError
from analysis.faithfulness.infidelity import Infidelity, Squares, infidelities
from analysis.faithfulness.ranking import RankedMap, Ranking, Removal, rank_maps
from analysis.faithfulness.removal import Replacement
from analysis.faithfulness.sensitivity import Explain, max_sensitivity
from analysis.faithfulness.weight_check import WeightCheck, weight_check
from analysis.figures.faithfulness import curves_figure, ranking_figure, weight_check_figure
from analysis.progress import Progress, part_of
from analysis.questions.attribute import METHOD_NAMES
from analysis.questions.common import Label, Region, Seed, ShortSide, X, Y
from analysis.regions import predicted_labels
from analysis.subject import Subject, find_subject
from analysis.targets import RegionScore
from analysis.tracing import trace
from uniformer.pictures import PictureSource, open_picture
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FEW = "integrated-gradients,gradient-x-activation,signed-grad-cam,layer-cam,eigen-cam"
"""One method of each family that takes seconds."""

NO_FORECAST = "smooth_grad"
"""A sensitivity without sign: it forecasts no change, so it has no infidelity."""


def faithfulness(
    model: Segmenter,
    image: PictureSource,
    mask: np.ndarray | None = None,
    *,
    x: X,
    y: Y,
    region: Region = "segment",
    label: Label = None,
    methods: Annotated[str, f"methods to rank, of {', '.join(METHOD_NAMES)}"] = FEW,
    stage: Annotated[int, "stage whose map is looked at, by methods that look at one"] = 4,
    show: Annotated[
        Literal["curves", "areas", "weights"],
        "figure: removal curves, the areas under them, or the best map with scrambled weights",
    ] = "curves",
    replacement: Annotated[Replacement, "what pixels are replaced by: blur or mean colour"] = (
        "blur"
    ),
    steps: Annotated[int, "points of each curve, and of integrated gradients"] = 16,
    cell_px: Annotated[int, "side of the squares replaced, in pixels of the input"] = 16,
    noisy: Annotated[
        int, "noisy pictures on which to see how far each map moves (max-sensitivity); 0: none"
    ] = 0,
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Iterator[Progress | Answer]:
    """Which map can be believed here: methods ranked by removing what they call important.

    ``mask`` (H, W), bool, is the painted region where ``region`` is "mask". Raises
    :class:`analysis.errors.AnalysisError` for an unknown method, and if every map is blank.
    """
    names = _methods(methods)
    picture = open_picture(image)
    traced = trace(model, picture, short_side=short_side)
    subject = find_subject(
        predicted_labels(traced), model.classes, x, y, extent=region, label=label, mask=mask
    )
    inputs = preprocess(picture, traced.short_side, model.config.size_divisor)
    inputs = inputs.to(model.device, model.dtype)
    explainers = {
        name: _explainer(METHOD_NAMES[name], subject, stage, steps, replacement) for name in names
    }
    parts = len(names) * (1 + (noisy > 0)) + 2 + (show == "weights")
    maps = {}
    for part, (name, explain) in enumerate(explainers.items()):
        maps[name] = explain(model, inputs)
        yield from part_of(iter([Progress(1, 1), None]), part, parts)
    kept = {name: values for name, values in maps.items() if np.ptp(values) > 0}
    if not kept:
        raise AnalysisError("Every map is blank: choose other methods, another stage or region.")
    part = len(names)
    margin, probability = (
        RegionScore(model, subject.region, subject.label, score=score)
        for score in ("margin", "probability")
    )
    forecasts = {name: kept[name] for name in kept if METHOD_NAMES[name] != NO_FORECAST}
    changes = Squares(replacement, cell_px)
    errors = yield from part_of(
        infidelities(margin, inputs, forecasts, changes, seed=seed), part, parts
    )
    removal = Removal(replacement, cell_px, steps, seed=seed)
    shares = {name: error.unexplained_share for name, error in errors.items()}
    ranking = yield from part_of(
        rank_maps(probability, inputs, kept, removal=removal, infidelities=shares), part + 1, parts
    )
    moved: dict[str, float] = {}
    for number, name in enumerate(kept if noisy else (), start=part + 2):
        work = max_sensitivity(model, inputs, explainers[name], samples=noisy, seed=seed)
        moved[name] = (yield from part_of(work, number, parts)).maximum
    check, best = None, ranking.rows[0].method
    if show == "weights":
        work = weight_check(model, inputs, subject.region, explainers[best], seed=seed)
        check = yield from part_of(work, parts - 1, parts)
    yield Answer(
        question="faithfulness",
        title=f"Which map says best why {model.classes.names[subject.label]} at {subject.words}?",
        sentence=_sentence(ranking, check, [name for name in maps if name not in kept]),
        grade="statistic" if check else "causal",
        numbers=_numbers(ranking, check, subject, model),
        arrays={"region": subject.region, **maps},
        tables=_tables(ranking, errors, moved, check),
        settings=provenance(
            model, picture, x=x, y=y, region=region, label=label, methods=methods, stage=stage,
            show=show, replacement=replacement, steps=steps, cell_px=cell_px, noisy=noisy,
            seed=seed, short_side=traced.short_side,
        ),
        figure=lambda: _figure(show, ranking, check),
    )  # fmt: skip


def _methods(text: str) -> list[str]:
    """Return the methods named in ``text``, each once, or AnalysisError."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in METHOD_NAMES]
    if unknown or not names:
        raise AnalysisError(
            f"There is no method {unknown[0] if unknown else text!r}: name some of "
            f"{', '.join(METHOD_NAMES)}, with commas between them."
        )
    return names


def _explainer(
    method: str, subject: Subject, stage: int, steps: int, baseline: Replacement
) -> Explain:
    def explain(model: Segmenter, inputs: Tensor) -> np.ndarray:
        *_, found = attribute_input(
            model, inputs, subject.region, subject.label,
            method=method, stage=stage, settings=Settings(baseline, steps, steps),
        )  # fmt: skip
        return found.map

    return explain


def _sentence(ranking: Ranking, check: WeightCheck | None, blank: list[str]) -> str:
    best = ranking.rows[0]
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
    if blank:
        found.append(f"Left out, since their maps are blank: {', '.join(blank)}.")
    return " ".join(found)


def _numbers(
    ranking: Ranking, check: WeightCheck | None, subject: Subject, model: Segmenter
) -> dict[str, Any]:
    best = ranking.rows[0]
    numbers = {
        "class": model.classes.names[subject.label],
        "best_method": best.method,
        "best_separation": best.separation,
        "best_context_against_random": best.context_against_random,
        "region_share": ranking.region_share,
        "random_deletion_auc": float(np.mean([one.deletion.auc for one in ranking.random])),
        "distance_deletion_auc": ranking.distance.deletion.auc,
    }
    if check is not None:
        numbers["best_depends_on_weights"] = check.depends_on_weights
    return numbers


def _tables(
    ranking: Ranking,
    errors: dict[str, Infidelity],
    moved: dict[str, float],
    check: WeightCheck | None,
) -> dict[str, list[Row]]:
    tables = {"methods": [_row(row, errors, moved) for row in ranking.rows]}
    if check is not None:
        tables["weights"] = [
            {
                "scrambled": level.name,
                "spearman": level.picture.spearman,
                "spearman_corrected": level.picture.corrected,
                "region_spearman_corrected": level.region.corrected,
                "null_envelope": level.picture.envelope,
                "null_distance": check.distance_spearman,
            }
            for level in check.levels
        ]
    return tables


def _row(row: RankedMap, errors: dict[str, Infidelity], moved: dict[str, float]) -> Row:
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
        "infidelity_squared_nats": (
            errors[row.method].squared_error if row.method in errors else None
        ),
        "max_sensitivity": moved.get(row.method),
    }


def _figure(show: str, ranking: Ranking, check: WeightCheck | None) -> Figure:
    if check is not None:
        return weight_check_figure(check)
    return ranking_figure(ranking) if show == "areas" else curves_figure(ranking)
