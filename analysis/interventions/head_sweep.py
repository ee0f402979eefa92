"""What each attention head alone does for a region: silence one after the other and look.

After Michel, Levy and Neubig, "Are Sixteen Heads Really Better than One?", arXiv 1905.10650.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import numpy as np

from analysis.core.activation_cache import Trace
from analysis.core.progress import Progress, Work
from analysis.core.targets import RegionScore
from analysis.interventions.attention import HeadGate
from analysis.interventions.effect import check_target, kl_nats, margin_change_nats
from analysis.interventions.run import intervene_sized

GLOBAL_STAGES = (3, 4)


@dataclass(frozen=True)
class HeadSweep:
    """The effect of silencing each head, by stage: arrays (blocks, heads).

    ``margin_change_nats[stage]`` is negative where the head speaks for the region's class;
    ``kl_nats[stage]``, 0 or more, is its effect on the whole picture, ``size[stage]`` how large the
    change of its block's output was, as a share of its length. The other heads are the control: a
    head matters as far as it stands out from those as large. Heads can stand in for each other, so
    the effects of single heads do not add up. ``fill`` is that of :class:`HeadGate`.
    """

    margin_change_nats: dict[int, np.ndarray]
    kl_nats: dict[int, np.ndarray]
    size: dict[int, np.ndarray]
    fill: str
    seconds: float


def head_sweep(
    trace: Trace, target: RegionScore, *, fill: Literal["zero", "mean"] = "zero"
) -> Work[HeadSweep]:
    """Silence each head of stages 3 and 4 alone; yields progress and returns :class:`HeadSweep`.

    Each run starts at the head's block. The caller may stop between two runs. Raises
    :class:`AnalysisError` for a target that is no margin or of another picture.
    """
    check_target(trace, target)
    started = perf_counter()
    shapes = {
        stage: (len(trace.windows[stage - 1]), trace.block(stage, 0).attn.heads)
        for stage in GLOBAL_STAGES
    }
    margin, kl, size = ({stage: np.empty(shapes[stage]) for stage in shapes} for _ in range(3))
    places = [(stage, at) for stage, shape in shapes.items() for at in np.ndindex(shape)]
    for done, (stage, at) in enumerate(places, start=1):
        logits, sizes = intervene_sized(trace, [HeadGate(stage, at[0], at[1], fill=fill)])
        (size[stage][at],) = sizes.values()
        margin[stage][at] = margin_change_nats(target, trace.logits, logits)
        kl[stage][at] = kl_nats(trace.logits, logits)
        yield Progress(done, len(places))
    return HeadSweep(margin, kl, size, fill, perf_counter() - started)
