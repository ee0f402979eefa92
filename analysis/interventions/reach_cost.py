"""What a shorter reach costs: stage 3 in windows, with and without padding, beside full sight.

UniFormer's weights do not depend on the reach, and the authors test one checkpoint in several
(Sense-X/UniFormer, ``semantic_segmentation/README.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.progress import Progress, Work
from analysis.core.targets import RegionScore
from analysis.interventions.attention import SetWindow
from analysis.interventions.effect import EffectReport, check_target, effect_report
from uniformer.config import HYBRID_PERIOD


@dataclass(frozen=True)
class ReachRun:
    """One reach of stage 3 and what it changes, beside what as many keys elsewhere do.

    ``window_tokens`` is the side of the windows, None for the whole map; ``keys_per_query`` the
    mean length of the softmax in stage 3, padding included: what the reach spares. Only masked
    windows, those of a single token too, can be moved: the ``report`` of the others has no
    controls, and masked windows of their size stand beside them.
    """

    name: str
    window_tokens: int | None
    keys_per_query: float
    report: EffectReport


@dataclass(frozen=True)
class ReachCost:
    """The effects of all reaches tried, against the reach that was traced."""

    runs: tuple[ReachRun, ...]


def reach_cost(
    trace: Trace,
    window_sizes: Sequence[int],
    *,
    target: RegionScore | None = None,
    seed: int = 0,
) -> Work[ReachCost]:
    """Give stage 3 each reach in turn; yields progress and returns :class:`ReachCost`.

    Global first; for every size the hybrid and the window reach as published, and masked windows,
    which tell the loss of sight from the harm of padding; then every token on its own. Beside
    masked windows stand those of other tokens, all blocks by one step. The weights stay: a model
    trained in a reach may do better in it. The caller may stop between two runs. Raises
    :class:`AnalysisError` for no window or one that cannot be, and for a target that is no margin
    or of another picture.
    """
    check_target(trace, target)
    if not window_sizes:
        raise AnalysisError("Choose at least one window size.")
    blocks = range(len(trace.windows[2]))
    reaches = [("global", [SetWindow(3, block, None) for block in blocks])]
    for size in window_sizes:
        padded = [SetWindow(3, block, size, padded=True) for block in blocks]
        hybrid = [
            SetWindow(3, block, None) if (block + 1) % HYBRID_PERIOD == 0 else padded[block]
            for block in blocks
        ]
        masked = [SetWindow(3, None, size)]
        reaches += [("hybrid", hybrid), ("padded window", padded), ("masked window", masked)]
    reaches.append(("self only", [SetWindow(3, None, 1)]))
    runs = []
    for done, (name, settings) in enumerate(reaches, start=1):
        keys = sum(_keys_per_query(trace, setting) for setting in settings) / len(settings)
        report = effect_report(trace, settings, target=target, seed=seed)
        runs.append(ReachRun(name, settings[0].size, keys, report))
        yield Progress(done, len(reaches))
    return ReachCost(tuple(runs))


def _keys_per_query(trace: Trace, setting: SetWindow) -> float:
    rows, columns = trace.grid(3).shape
    if setting.size is None:
        return rows * columns
    if setting.padded:
        return setting.size**2
    return _mean_side(rows, setting.size) * _mean_side(columns, setting.size)


def _mean_side(length: int, size: int) -> float:
    """Return how many of ``length`` tokens in a row are in the window of one, on average."""
    sides = (min(size, length - start) for start in range(0, length, size))
    return sum(side * side for side in sides) / length
