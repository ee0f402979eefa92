"""What a trial of maps found, in words, numbers, tables and a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.attribution.methods import METHODS
from analysis.core.evidence import Grade
from analysis.core.words import Said, joined, say, sentences
from analysis.faithfulness.infidelity import Infidelity
from analysis.faithfulness.lead import CUTS, Lead
from analysis.faithfulness.parameter_randomisation import SCRAMBLES, ParameterRandomisation
from analysis.faithfulness.ranking import RankedMap, Ranking
from analysis.faithfulness.second_opinion import SecondOpinion
from analysis.questions.answer import Row
from analysis.questions.explaining import METHOD_NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
        """Whether the best map is the best with both replacements, and its lead is known."""
        ahead = self.lead is None or self.lead.known
        return ahead and self.ranking.rows[0].method == self.second.best


def sentence(verdict: Verdict) -> Said:
    """Return what was found, and what it does not say."""
    best, check = verdict.ranking.rows[0], verdict.check
    found: list[str] = [_best(verdict)]
    if best.standing != "better":
        found.append(say("Its deletion {beside}.", beside=_beside_chance(best.standing)))
    if best.context_standing not in ("better", None):
        found.append(
            say(
                "Outside the region it {beside}, so it may only outline it.",
                beside=_beside_chance(best.context_standing),
            )
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
        found.append(
            say(
                "In {pictures} noisy pictures its map moves by up to {moved} of its length: a "
                "lower bound, as other noise may move it further.",
                pictures=verdict.noisy,
                moved=f"{verdict.moved[best.method]:.2g}",
            )
        )
    if verdict.blank:
        methods = joined(verdict.blank)
        found.append(say("Left out, since their maps are blank: {methods}.", methods=methods))
    return sentences(*found)


def _best(verdict: Verdict) -> Said:
    """Return which map separates best, by how much, and whether that can be told."""
    ranking, second = verdict.ranking, verdict.second
    best, *others = ranking.rows
    words = {"blur": "the blurred picture", "mean": "the mean colour"}
    named = {
        "first": words[ranking.deletion.replacement],
        "other": words[second.replacement],
        "best": _title(best.method),
        "by": f"{best.separation:.3f}",
    }
    if not others or verdict.lead is None:
        return say(
            "With {first}, {best} separates insertion from deletion best, by {by}; with {other} by "
            "{by_other}.",
            **named,
            by_other=f"{second.separations[best.method]:.3f}",
        )
    low, high = verdict.lead.interval
    lead = say(
        "{lead} ahead of {next} (over {cuts} ways to cut the picture into squares 95 %: {low} to "
        "{high})",
        lead=f"{ranking.lead:.3f}",
        next=_title(others[0].method),
        cuts=CUTS,
        low=f"{low:+.3f}",
        high=f"{high:+.3f}",
    )
    agreement = f"{second.agreement(ranking):+.2f}"
    if verdict.sure:
        return say(
            "With {first}, {best} separates insertion from deletion best, by {by}, {lead}; with "
            "{other} it is the best too, and the rankings agree to {agreement} (Kendall's tau).",
            **named,
            lead=lead,
            agreement=agreement,
        )
    if verdict.second.best == best.method:
        return say(
            "With {first}, {best} separates insertion from deletion best, by {by}, {lead}, so "
            "which of the two is best cannot be told; with {other} it is the first too, and the "
            "rankings agree to {agreement} (Kendall's tau).",
            **named,
            lead=lead,
            agreement=agreement,
        )
    return say(
        "With {first}, {best} separates insertion from deletion best, by {by}, {lead}; with "
        "{other} that is {second}, so which is best cannot be told, and the rankings agree to "
        "{agreement} (Kendall's tau).",
        **named,
        lead=lead,
        second=_title(second.best),
        agreement=agreement,
    )


def _scrambled(check: ParameterRandomisation) -> Said:
    """Return whether the map is still like itself once nothing learned is left."""
    if check.standing is None:
        return say("With all weights scrambled its map leaves no map to compare.")
    drawn = check.kept
    return say(
        "With all weights scrambled its map {stands} (rank correlation beyond distance {mean}, by "
        "{draws} draws 95 % of them are within {low} to {high}; moved up to {chance}).",
        stands={
            "lost": "is no more like itself than moved elsewhere",
            "kept": "is more like itself than moved elsewhere, so part of it does not come from "
            "what was learned",
            "cannot be told": "may be as like itself as moved elsewhere or more: it cannot be told",
        }[check.standing],
        mean=f"{drawn.mean:+.2f}",
        draws=SCRAMBLES,
        low=f"{drawn.low:+.2f}",
        high=f"{drawn.high:+.2f}",
        chance=f"{check.chance:.2f}",
    )


def _beside_chance(standing: str | None) -> str:
    words = {
        "worse": "is worse than that of random orders",
        "cannot be told apart": "cannot be told apart from that of random orders",
    }
    return words.get(standing or "", "was compared with too few random orders to say")


def _title(name: str) -> str:
    return METHODS[METHOD_NAMES[name]].title


def numbers(verdict: Verdict) -> dict[str, Any]:
    """Return the numbers of the best map, of the ranking and of chance; shares are 0 to 1."""
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
        **random.named("random_deletion_auc"),
        "distance_deletion_auc": ranking.distance.deletion.auc,
        **({} if check is None else _check_numbers(check)),
    }


def _check_numbers(check: ParameterRandomisation) -> dict[str, Any]:
    """Return how alike the best map is to those of scrambled weights, and what chance gives."""
    return {
        "best_after_scrambling": check.standing,
        "best_scrambles": SCRAMBLES,
        **check.kept.named("best_scrambled_spearman_corrected"),
        "best_scrambled_chance": check.chance,
    }


def tables(verdict: Verdict) -> dict[str, list[Row]]:
    """Return a row for each method, and for each draw of scrambled weights if there are."""
    rows: dict[str, list[Row]] = {"methods": [_row(row, verdict) for row in verdict.ranking.rows]}
    if verdict.check is not None:
        rows["weights"] = [
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
    return rows


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


def draw(verdict: Verdict, show: str) -> Figure:
    """Return the figure: curves, areas, or maps of scrambled weights where these were made."""
    from analysis.figures.faithfulness import (
        curves_figure,
        parameter_randomisation_figure,
        ranking_figure,
    )

    if verdict.check is not None:
        return parameter_randomisation_figure(verdict.check)
    return ranking_figure(verdict.ranking) if show == "areas" else curves_figure(verdict.ranking)
