"""What is taken away to test the claims: every condition has a name and a list of interventions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from analysis.core.activation_cache import Trace
from analysis.core.forward import Place
from analysis.interventions import (
    HeadGate,
    Intervention,
    LocalKernel,
    Neighbourhood,
    SetWindow,
)
from uniformer.config import HYBRID_PERIOD

NEAR_TOKENS = {3: 2, 4: 1}
"""Radius of a neighbourhood in tokens: 80 and 96 pixels wide, alike in both stages."""

CONTROL = " (control)"
"""At the end of a condition's name: its random control."""

RADII_TOKENS = {3: (0, 1, 2, 4), 4: (0, 1, 2)}
"""Radii up to 64 pixels of the network's input in both stages."""

CONTROL_DRAWS = 4
"""Random changes per picture and change."""


@dataclass(frozen=True)
class Condition:
    """Interventions made together, in blocks that are counted from 0.

    ``controlled`` if random changes of that size are run too, ``tested`` if a claim rests on it:
    then it is run on the nulls as well.
    """

    name: str
    interventions: tuple[Intervention, ...]
    controlled: bool = False
    tested: bool = False


def conditions(trace: Trace) -> Iterator[Condition]:
    """Yield all conditions for the model and the size of map of ``trace``."""
    depth = {stage: len(trace.windows[stage - 1]) for stage in (3, 4)}
    for stage in (3, 4):
        for block in range(depth[stage]):
            near = Neighbourhood(stage, block, NEAR_TOKENS[stage])
            name = Place(stage, block).name
            yield Condition(f"near {name}", (near,), controlled=True)
            yield from _gated(name, stage, [block])
        for radius in RADII_TOKENS[stage]:
            cut = Neighbourhood(stage, None, radius)
            yield Condition(f"radius {radius} stage {stage}", (cut,), controlled=True)
        yield from _gated(f"stage {stage}", stage, range(depth[stage]))
        window = SetWindow(stage, None, _half(trace, stage))
        yield Condition(f"window stage {stage}", (window,), controlled=True)
        for name, blocks in window_groups(depth)[stage].items():
            cuts = tuple(SetWindow(stage, block, _half(trace, stage)) for block in blocks)
            yield Condition(name, cuts, tested=True)
    for name, blocks in halves(depth[3]).items():
        near = tuple(Neighbourhood(3, block, NEAR_TOKENS[3]) for block in blocks)
        yield Condition(f"near {name}", near, controlled=True, tested=True)
        yield from _gated(name, 3, blocks)
    for stage in (1, 2):
        kernel = LocalKernel(stage, None, "centre")
        yield Condition(f"centre tap stage {stage}", (kernel,), controlled=True)
    yield from _reaches(trace, depth[3])


def window_groups(depth: Mapping[int, int]) -> dict[int, dict[str, range]]:
    """Return names and blocks of groups with windows, by stage, equally many blocks in each group.

    ``depth`` is the number of blocks of stages 3 and 4. More windowed blocks cost more wherever
    they are: stages are compared by groups as large as the smaller stage.
    """
    size = min(depth.values())
    return {
        stage: {
            f"window {stage}.{first} to {stage}.{first + size - 1}": range(first, first + size)
            for first in range(0, blocks - size + 1, size)
        }
        for stage, blocks in depth.items()
    }


def halves(depth: int) -> dict[str, range]:
    """Return the blocks of the first and the second half of stage 3; a middle one is in neither."""
    return {"early": range(depth // 2), "late": range(depth - depth // 2, depth)}


def _gated(name: str, stage: int, blocks: Iterable[int]) -> Iterator[Condition]:
    """Yield attention silenced, and what every head gathers replaced by its mean over tokens."""
    for words, fill in (("silent", "zero"), ("mean", "mean")):
        gates = (HeadGate(stage, block, None, fill=fill) for block in blocks)
        yield Condition(f"{words} {name}", tuple(gates), tested=name == "stage 3")


def _half(trace: Trace, stage: int) -> int:
    """Return half the short side of a stage's map: windows cover equal areas in all stages."""
    return max(1, min(trace.grid(stage).shape) // 2)


def _reaches(trace: Trace, depth: int) -> Iterator[Condition]:
    """Yield the reaches of stage 3 other than global, as published and with masked windows."""
    half = _half(trace, 3)
    for part, size in (("quarter", max(1, half // 2)), ("half", half)):
        padded = [SetWindow(3, block, size, padded=True) for block in range(depth)]
        seeing = range(HYBRID_PERIOD - 1, depth, HYBRID_PERIOD)
        hybrid = [cut for block, cut in enumerate(padded) if block not in seeing]
        masked = SetWindow(3, None, size)
        tested = part == "half"
        yield Condition(f"reach hybrid, {part}", tuple(hybrid), tested=tested)
        yield Condition(f"reach padded window, {part}", tuple(padded), tested=tested)
        yield Condition(f"reach masked window, {part}", (masked,))
