"""What the decoder reads after each block, as if the network ended there: later blocks left out.

DecoderLens: Langedijk et al., arXiv 2310.03686. Encoders there have one width throughout. Here the
embeddings between stages stay, since the decoder reads all four maps; blocks alone are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analysis.core.activation_cache import Trace
from analysis.core.forward import Place
from analysis.core.progress import Progress, Work
from analysis.interventions.run import intervene
from analysis.interventions.tokens import DropBlock


@dataclass(frozen=True)
class EarlyEnd:
    """The prediction of a network that ends with the block at ``place``.

    ``trace`` has its logits, and with them its labels and probabilities; its maps are those of the
    whole network. ``cells`` (rows, columns) is the best class of every cell of the logits' grid,
    ``same_share``, 0 to 1, the part of the cells where it is the final one, and ``kl_nats``, 0 or
    more, the mean over cells of KL(final || this).
    """

    place: Place
    trace: Trace
    cells: np.ndarray
    same_share: float
    kl_nats: float


def decoder_lens(trace: Trace) -> Work[tuple[EarlyEnd, ...]]:
    """Return the prediction after each block, from the first to the last, which is the final one.

    Raises :class:`AnalysisError` for a model whose blocks prune tokens, which cannot be left out.
    """
    places = [
        Place(stage, block)
        for stage, windows in enumerate(trace.windows, start=1)
        for block in range(len(windows))
    ]
    ends = []
    for number, place in enumerate(places, start=1):
        later = [DropBlock(*other) for other in places[number:]]
        logits = intervene(trace, later) if later else trace.logits
        ends.append(_early_end(replace(trace, logits=logits), place, trace))
        yield Progress(number, len(places))
    return tuple(ends)


def _early_end(early: Trace, place: Place, final: Trace) -> EarlyEnd:
    log_early, log_final = (each.logits[0].log_softmax(dim=0) for each in (early, final))
    kl = (log_final.exp() * (log_final - log_early)).sum(dim=0).mean()
    cells, final_cells = (each.argmax(dim=0) for each in (log_early, log_final))
    return EarlyEnd(
        place=place,
        trace=early,
        cells=cells.cpu().numpy(),
        same_share=(cells == final_cells).double().mean().item(),
        kl_nats=kl.item(),
    )
