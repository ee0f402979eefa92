"""How near is near enough: the effect of attending to a neighbourhood only, by its radius.

The causal form of the question whether global attention is redundant (arXiv 2201.09450, section 1):
if cutting all edges beyond a radius changes little, they were not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from analysis.core.targets import RegionScore
from analysis.interventions.attention import Neighbourhood
from analysis.interventions.effect import EffectReport, check_target, effect_report
from analysis.interventions.head_sweep import GLOBAL_STAGES


@dataclass(frozen=True)
class RadiusCurve:
    """Effects of attending to a neighbourhood only in all blocks of ``stages``, by its radius.

    ``radius_tokens`` (runs,) ascends from 0, oneself only, to one that covers the map, where no
    edge is cut. ``reports`` has one for each: the effect, and those of neighbourhoods of equal size
    around other tokens, apart from the first; where the map has no room for one, of the one that
    overlaps it least.
    """

    stages: tuple[int, ...]
    radius_tokens: np.ndarray
    reports: tuple[EffectReport, ...]


def radius_curve(
    trace: Trace,
    stages: Sequence[int] = GLOBAL_STAGES,
    *,
    target: RegionScore | None = None,
    seed: int = 0,
) -> Work[RadiusCurve]:
    """Let ``stages`` attend to growing neighbourhoods; yields progress and returns the curve.

    Radii double from one token on. The caller may stop between two runs. Raises
    :class:`AnalysisError` for a target that is no margin or of another picture, and for stages
    that do not attend.
    """
    check_target(trace, target)
    if not stages or not set(stages) <= set(GLOBAL_STAGES):
        raise AnalysisError("Only the blocks of stages 3 and 4 attend: choose one or both of them.")
    radii = _radii(max(side for stage in stages for side in trace.grid(stage).shape) - 1)
    reports = []
    for done, radius in enumerate(radii, start=1):
        cuts = [Neighbourhood(stage, None, radius) for stage in stages]
        reports.append(effect_report(trace, cuts, target=target, seed=seed))
        yield Progress(done, len(radii))
    return RadiusCurve(tuple(stages), np.array(radii), tuple(reports))


def _radii(largest: int) -> list[int]:
    doubling = (2**power for power in range(largest.bit_length()))
    return sorted({0, largest, *(radius for radius in doubling if radius < largest)})
