"""What the tab on interventions asks, as plain functions."""

from __future__ import annotations

from typing import Any

from analysis import Trace
from ui.messages import what_if as messages
from ui.page.mask_editor import mask_of
from ui.service.actions import Actions
from ui.service.jobs import Job, pixel_of
from ui.service.selection import Selection

CHOICES = ("stage", "block", "head", "size", "fill", "padded", "paint")
"""What an intervention may leave to choose, in the order of the page."""

LOCAL_STAGES, GLOBAL_STAGES = (1, 2), (3, 4)


def stages_of(kind: str) -> tuple[int, ...]:
    """Return the stages in which the intervention can be made."""
    if kind == "centre-tap":
        return LOCAL_STAGES
    if kind in ("drop-block", "drop-position", "freeze-position"):
        return LOCAL_STAGES + GLOBAL_STAGES
    return GLOBAL_STAGES


def blocks_and_heads(trace: Trace, stage: int) -> tuple[list[Any], list[Any]]:
    """Return what can be chosen in a stage of the model: pairs of words and number, -1 for all."""
    heads = trace.block(stage, 0).attn.heads if stage in GLOBAL_STAGES else 0
    counts = (len(trace.windows[stage - 1]), heads)
    blocks, heads = ([(messages.ALL, -1), *((str(n), n) for n in range(count))] for count in counts)
    return blocks, heads


def what_if(
    actions: Actions,
    now: Selection,
    kind: str,
    given: dict[str, Any],
    painted: dict[str, Any] | None,
) -> Job:
    """Return the question; of ``given``, by names of ``CHOICES``, only what the kind uses counts.

    Raises ``ValueError`` where something should be painted and is not.
    """
    x, y = pixel_of(actions, now)
    used = {name: given[name] for name in messages.KINDS[kind][2]}
    asked: dict[str, Any] = {"kind": kind, "x": x, "y": y}
    if used.pop("paint", False):
        asked["mask"] = mask_of(painted, actions.stored(now).result.labels.shape)
        if asked["mask"] is None:
            raise ValueError(messages.NOTHING_PAINTED)
    for name in ("block", "head"):
        if used.get(name) == -1:
            used[name] = None
    if not used.get("size", True):
        used["size"] = None
    return Job("what-if", now, asked | used)
