"""What the tab on attribution asks, as plain functions."""

from __future__ import annotations

from typing import Any

from analysis.attribution.methods import METHODS
from analysis.core.evidence import GRADES
from analysis.questions.explaining import METHOD_NAMES
from ui.messages import why as messages
from ui.page.mask_editor import mask_of
from ui.service.actions import Actions
from ui.service.jobs import Job, pixel_of
from ui.service.selection import Selection

DEFAULT_METHOD = "integrated-gradients"
DEFAULT_METHODS = ("integrated-gradients", "segment-ablation", "grad-cam")


def method_choices() -> list[tuple[str, str]]:
    """Return title and name of every method, what can be trusted most first."""
    return [(METHODS[key].title, name) for name, key in METHOD_NAMES.items()]


def method_words(name: str) -> tuple[list[str], str]:
    """Return what a method answers, how it misleads and what it takes, and its evidence grade."""
    method = METHODS[METHOD_NAMES[name]]
    cost = messages.COST.format(cost=method.cost)
    return [method.description, method.misleads, cost], GRADES[method.grade]


def uses_stage(name: str) -> bool:
    """Return whether the method looks at the map of a stage."""
    return METHODS[METHOD_NAMES[name]].uses_stage


def class_choices(actions: Actions, now: Selection, default: str) -> list[tuple[str, str]]:
    """Return the model's classes, those in the picture first, after ``default`` for none chosen."""
    result = actions.stored(now).result
    present = [row.name for row in result.table()]
    others = [name for name in result.classes.names if name not in present]
    return [(default, ""), *((name, name) for name in [*present, *others])]


def place(
    actions: Actions,
    now: Selection,
    region: str,
    label: str | None,
    against: str | None,
    painted: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return the parameters that say what is asked about."""
    x, y = pixel_of(actions, now)
    asked = {"x": x, "y": y, "region": region, "label": label or None, "against": against or None}
    if region == "mask":
        asked["mask"] = mask_of(painted, actions.stored(now).result.labels.shape)
    return asked


def why(now: Selection, asked: dict[str, Any], method: str, stage: int) -> Job:
    """Return the question of one method."""
    return Job("attribute", now, asked | {"method": method, "stage": stage})


def trust(now: Selection, asked: dict[str, Any], methods: list[str], stage: int, show: str) -> Job:
    """Return the question which of several methods to believe; it is about one class alone."""
    rest = {name: value for name, value in asked.items() if name != "against"}
    return Job("faithfulness", now, rest | _several(methods, stage) | {"show": show})


def side_by_side(now: Selection, asked: dict[str, Any], methods: list[str], stage: int) -> Job:
    """Return the question of several methods, in their own order."""
    return Job("attributions", now, asked | _several(methods, stage))


def _several(methods: list[str], stage: int) -> dict[str, Any]:
    chosen = [name for name in METHOD_NAMES if name in methods]
    return {"methods": ",".join(chosen), "stage": stage}
