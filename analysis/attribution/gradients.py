"""Attribution by gradients with respect to the picture: along a path to a baseline, under noise.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365; Smilkov et
al., "SmoothGrad", arXiv 1706.03825. Gradients and quadrature are captum's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from analysis.attribution.finding import Finding
from analysis.core.progress import Progress

Score = Callable[[Tensor], Tensor]
"""Maps network inputs (B, 3, h, w) to one number each (B,)."""

PIECE = 2
"""Steps between two reports of progress: the path is cut into pieces of that many."""

MAX_GAP = 0.05
NOISE = 0.15
"""Standard deviation of SmoothGrad's noise, as a share of the range of the input's values."""


def integrated_gradients(
    score: Score, x: Tensor, baseline: Tensor, steps: int
) -> Iterator[Progress | Finding]:
    """Find each pixel's share of score(x) - score(baseline), summed over its colours, (h, w).

    The shares add up to that change but for the error of the quadrature, which is measured:
    ``completeness_gap``, with a note above 5 %. How a share is spread over pixels depends on the
    baseline: a pixel equal to its baseline gets 0, however much it matters.

    Attribution along a path is the sum over its pieces, so every piece is one call of captum's,
    Gauss-Legendre with up to 2 points; ``steps`` counts the points of all. Pieces are short near
    the baseline, their ends at squares of equal shares: the norms of a network react most where a
    picture has least contrast. Equal pieces missed up to the whole change from a mean colour.
    """
    from captum.attr import IntegratedGradients  # captum takes seconds to import

    pieces = -(-steps // PIECE)
    method, total = IntegratedGradients(score), torch.zeros_like(x)
    for piece in range(pieces):
        done = steps - PIECE * (pieces - 1 - piece)
        count = PIECE if piece else done
        start = torch.lerp(baseline, x, (piece / pieces) ** 2)
        end = torch.lerp(baseline, x, ((piece + 1) / pieces) ** 2)
        total += method.attribute(end, start, n_steps=count, internal_batch_size=1)
        yield Progress(done, steps)
    with torch.no_grad():
        reached, left = score(x).item(), score(baseline).item()
    shares = total.sum(dim=1)[0].detach().double().cpu().numpy()
    change = reached - left
    gap = abs(float(shares.sum()) - change) / max(abs(change), np.finfo(np.float32).tiny)
    note = None
    if gap > MAX_GAP:
        note = (
            f"The shares miss the change of the score by {100 * gap:.0f} % of it: take more than "
            f"{steps} steps."
        )
    yield Finding(shares, baseline_score=left, completeness_gap=gap, note=note)


def smooth_grad(score: Score, x: Tensor, samples: int, seed: int) -> Iterator[Progress | Finding]:
    """Find how strongly the score reacts to each pixel, on average under noise, (h, w).

    The Euclidean norm over the colours of the mean gradient: an unbiased estimate of the gradient
    of the score of a noisy picture. It is a sensitivity, not a share of the score. captum's
    NoiseTunnel computes the same, but from the global random state, which other threads move.
    """
    from captum.attr import Saliency

    generator = torch.Generator().manual_seed(seed)
    sigma = NOISE * (x.max() - x.min())
    method, total = Saliency(score), torch.zeros_like(x)
    for done in range(1, samples + 1):
        noisy = x + sigma * torch.randn(x.shape, generator=generator).to(x)
        total += method.attribute(noisy.requires_grad_(), abs=False)
        yield Progress(done, samples)
    yield Finding((total / samples).norm(dim=1)[0].detach().double().cpu().numpy())
