"""The numbers of an answer one by one, with their units, errors and one line of help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from analysis.core.words import Said, say
from analysis.layers.layer import Number

UNITS = {
    "picture_px": "px of the picture",
    "input_px": "px of the network's input",
    "px": "px",
    "nats": "nats",
    "share": "share",
    "percent": "%",
    "tokens": "tokens",
    "pixels": "pixels",
    "seconds": "s",
    "auc": "area",
}
"""What the ends of names say; a share is a part of 1."""

ERROR = "_error"

HELP = {
    "kl_nats": "How far the class probabilities moved, mean over the picture; 0: not at all.",
    "flipped_share": "Part of the pixels that got another label.",
    "margin_change_nats": "Change of the evidence for the watched class over all others.",
    "size_share": "How large the change itself is, as a share of what it changes.",
    "verdict": "Whether it does more than random changes as large.",
    "controls": "Random changes as large that it is compared with.",
    "control_kl_nats": "The same of the random changes, on average.",
    "control_kl_nats_low": "From here on: 95 % of the random changes lie between both ends.",
    "control_kl_nats_high": "Up to here: 95 % of the random changes lie between both ends.",
    "control_flipped_share": "The same of the random changes, on average.",
    "class_before": "The label of the marked pixel as it is.",
    "class_after": "Its label after the change.",
    "score_value": "How strongly the region is the class.",
    "baseline_score_value": "The same of the picture that is compared with.",
    "completeness_gap_share": "Part of the score's change that the map misses.",
    "positive_share_in_region": "Part of what speaks for the class that lies in the region itself.",
    "evidence_distance_picture_px": "Mean distance from the region of what speaks for the class.",
    "uniform_evidence_distance_picture_px": "The same if it were spread evenly over the picture.",
    "map_sum": "All of the map together.",
    "distance_picture_px": "Mean distance of what is looked at.",
    "uniform_distance_picture_px": "The same if all were looked at evenly.",
    "entropy": "How evenly the weight is spread: 0 on one token, 1 on all.",
    "effective_keys": "As many tokens of equal weight would be as even.",
    "mass_5x5": "Weight on the 5 by 5 tokens around.",
    "padding_mass": "Weight on padding, which is no part of the picture.",
    "attended": "What the weight falls on, by predicted class.",
    "side_50_picture_px": "Side of the square with half of the energy.",
    "side_95_picture_px": "Side of the square with 95 % of the energy.",
    "theoretical_height_picture_px": "What could matter whatever the weights: its height.",
    "theoretical_width_picture_px": "What could matter whatever the weights: its width.",
    "pixel_settled_after": "From this block on the pixel has its final class: stage.block.",
    "picture_settled_after": "From this block on at least 90 % of the labels are the final ones.",
    "one_class": "The most frequent class.",
    "one_class_same_share": "What it everywhere would share with the final labels.",
    "probes": "Random probes the energy is the mean of.",
}

FIRST = (
    "class_before", "class_after", "flipped_share", "kl_nats", "margin_change_nats", "verdict",
    "control_kl_nats", "score_value", "positive_share_in_region",
    "evidence_distance_picture_px", "uniform_evidence_distance_picture_px",
    "completeness_gap_share",
    "distance_picture_px", "uniform_distance_picture_px", "entropy", "attended",
    "side_50_picture_px", "side_95_picture_px", "theoretical_height_picture_px",
    "theoretical_width_picture_px",
)  # fmt: skip
"""What stands beside the sentence; the rest is behind "all numbers"."""

LEFT_OUT = ("x", "y", "warning", "score_unit", "map_unit", "map_signed", "map_stage")
"""What the selection, the sentence and the layer itself say already."""

UNIT_IN = {"score_value": "score_unit", "baseline_score_value": "score_unit", "map_sum": "map_unit"}
"""Numbers whose unit is another of the answer's values."""

STARTS: dict[str, Callable[[str], Said]] = {
    "random_weights_": lambda name: say("random weights {name}", name=name),
    "control_": lambda name: say("control {name}", name=name),
}
ENDS: dict[str, Callable[[str], Said]] = {
    "_global_blocks": lambda name: say("{name} global blocks", name=name),
    "_local_blocks": lambda name: say("{name} local blocks", name=name),
    "_low": lambda name: say("{name} low", name=name),
    "_high": lambda name: say("{name} high", name=name),
    "_nats": lambda name: say("{name} nats", name=name),
    "_share": lambda name: say("{name} share", name=name),
}
"""What names of numbers are made with, in words."""


def numbers_of(values: dict[str, Any]) -> tuple[Number, ...]:
    """Return the plain values among ``values``, those of ``FIRST`` first; lists are in tables."""
    errors = {
        owner: value
        for key, value in values.items()
        if ERROR in key and (owner := key.replace(ERROR, "")) in values
    }
    found = [
        _number(key, value, errors.get(key), values.get(UNIT_IN.get(key, ""), ""))
        for key, value in values.items()
        if not (key in LEFT_OUT or (ERROR in key and key.replace(ERROR, "") in errors))
        and not isinstance(value, dict | list | tuple)
    ]
    return tuple(sorted(found, key=lambda number: _rank(number.key)))


def _rank(key: str) -> int:
    return FIRST.index(key) if key in FIRST else len(FIRST)


def _number(key: str, value: Any, error: float | None, unit: str) -> Number:
    name = key
    if not isinstance(value, str | bool) and not unit:
        for end, says in UNITS.items():
            if f"_{end}_" in f"_{key}_":
                unit, name = says, key.removesuffix(f"_{end}")
                break
    return Number(
        key=key,
        name=_in_words(name),
        value=value,
        error=error,
        unit=unit,
        help=HELP.get(key, ""),
        first=key in FIRST,
    )


def _in_words(name: str) -> str:
    """Return the name of a number in words, which remember what it was made with."""
    stem, _, percent = name.rpartition("_")
    if stem and percent.isdecimal():
        return say("{name} {percent}", name=_in_words(stem), percent=percent)
    for end, said in ENDS.items():
        if name.endswith(end):
            return said(_in_words(name.removesuffix(end)))
    for start, said in STARTS.items():
        if name.startswith(start):
            return said(_in_words(name.removeprefix(start)))
    return name.replace("_", " ")
