"""UniFormers for comparison, in the reaches they can be switched to with the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from analysis.core.checks import change_reach, check_blocks, check_evaluating, check_unpruned
from analysis.core.errors import AnalysisError
from analysis.core.forward import stage_maps
from analysis.core.grid import Token
from analysis.core.shared_weight_copy import shared_weight_copy
from analysis.core.words import say
from analysis.receptive_field.effective import Readout
from analysis.receptive_field.networks.network import Level, Network, check_size
from analysis.receptive_field.theoretical import uniformer_steps
from analysis.receptive_field.units import stage_units
from uniformer.config import STRIDES
from uniformer.segmenter import Segmenter

NetworkReach = Literal["global", "hybrid", "window", "local"]

RANDOM = "random: PyTorch's default initialisation"


def uniformer_network(
    model: Segmenter, size_px: tuple[int, int], reach: NetworkReach | None = None
) -> Network:
    """Return a copy of ``model`` in ``reach`` behind the protocol; None keeps the present reach.

    ``"local"`` leaves every token of stages 3 and 4 its own value as attention, so that only
    position encodings and patches mix tokens. It is no model that anybody trained. Levels are the
    normed outputs of the four stages. Raises :class:`AnalysisError` for an unknown reach, sides
    that are not multiples of 32 and models that are optimized or in training mode.
    """
    check_evaluating(model)
    check_blocks(model)
    check_size(size_px)
    reach = reach or model.reach
    if reach not in get_args(NetworkReach):
        choices = ", ".join(get_args(NetworkReach))
        raise AnalysisError(f"There is no reach {reach!r}: choose one of {choices}.")
    model = shared_weight_copy(model)
    if reach != "local":
        change_reach(model, reach)
    else:
        check_unpruned(model.backbone.blocks3[0], model)
        for block in [*model.backbone.blocks3, *model.backbone.blocks4]:
            block.window_size = 1
    said_reach: str = reach
    if reach == "hybrid":
        said_reach = say("hybrid {size}", size=model.window_size)
    elif reach == "window":
        said_reach = say("window {size}", size=model.window_size)
    stages = {f"stage {stage}": stage for stage in range(1, len(STRIDES) + 1)}
    steps = {name: tuple(uniformer_steps(model.backbone, stages[name])) for name in stages}

    def readout(units: Mapping[str, Token]) -> Readout[str]:
        read = stage_units(model, {stages[name]: unit for name, unit in units.items()})
        return lambda x: {f"stage {stage}": unit for stage, unit in read(x).items()}

    return Network(
        name=say("{model} ({reach})", model=model.config.name, reach=said_reach),
        size_px=size_px,
        trained=model.weights.trained,
        weights=say("trained: {source}", source=model.weights.source)
        if model.weights.trained
        else RANDOM,
        levels=tuple(Level(name, along, along) for name, along in steps.items()),
        maps=lambda x: dict(zip(stages, stage_maps(model, x), strict=True)),
        readout=readout,
    )
