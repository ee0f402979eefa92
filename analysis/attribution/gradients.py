"""Attribution by gradients with respect to the picture: along a path to a baseline, under noise.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", arXiv 1703.01365; Smilkov et
al., "SmoothGrad", arXiv 1706.03825. Gradients and quadrature are captum's.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from analysis.attribution.finding import Finding
from analysis.core.progress import Progress, Work
from analysis.core.targets import ScoreFunction
from analysis.core.words import say

PIECE = 2
"""Steps between two reports of progress: the path is cut into pieces of that many."""

MAX_GAP = 0.01
"""Of the score's change that the shares of an exact answer may miss."""

MAX_DOUBLINGS = 4
"""Times that the points of a piece are doubled where its shares miss its change."""

MAX_GROWTH = 8
"""Points are at most this many times those asked for."""

MAX_ERROR = 0.25
"""Standard error of SmoothGrad's map, as a share of its length, up to which it is a statistic."""

NOISE = 0.15
"""Standard deviation of SmoothGrad's noise, as a share of the range of the input's values."""


def integrated_gradients(
    score: ScoreFunction, x: Tensor, baseline: Tensor, steps: int
) -> Work[Finding]:
    """Find each pixel's share of score(x) - score(baseline), summed over its colours, (h, w).

    The shares add up to that change but for the error of the quadrature, which is measured:
    ``completeness_gap``. How a share is spread over pixels depends on the baseline: a pixel equal
    to its baseline gets 0, however much it matters.

    Attribution along a path is the sum over its pieces, so every piece is one call of captum's,
    Gauss-Legendre with up to 2 points; ``steps`` counts the points to begin with. Pieces are short
    near the baseline, their ends at squares of equal shares: the norms of a network react most
    where a picture has least contrast. A piece whose shares miss its own change is cut in two,
    which doubles its points, until all pieces together miss less than 1 %, or ``MAX_DOUBLINGS`` or
    ``MAX_GROWTH`` times ``steps`` points are reached. Where more is missed in the end the answer is
    a heuristic, and a note says how much.
    """
    from captum.attr import IntegratedGradients  # captum takes seconds to import

    def value(at: float) -> float:
        with torch.no_grad():
            return score(torch.lerp(baseline, x, at)).item()

    method, pieces = IntegratedGradients(score), -(-steps // PIECE)
    ends = [(piece / pieces) ** 2 for piece in range(pieces + 1)]
    left, reached = value(0.0), value(1.0)
    change, total = reached - left, torch.zeros_like(x)
    allowed, points, before = MAX_GAP * abs(change) / pieces, 0, left
    for piece in range(pieces):
        done = steps - PIECE * (pieces - 1 - piece)
        count = PIECE if piece else done
        after = value(ends[piece + 1]) if piece + 1 < pieces else reached
        waiting = [(ends[piece], before, ends[piece + 1], after, count, allowed, 0)]
        while waiting:
            start, low, end, high, count, miss, halved = waiting.pop()
            found = method.attribute(
                torch.lerp(baseline, x, end), torch.lerp(baseline, x, start),
                n_steps=count, internal_batch_size=1,
            )  # fmt: skip
            points += count
            off = abs(found.sum().item() - (high - low))
            if off > miss and halved < MAX_DOUBLINGS and points < MAX_GROWTH * steps:
                middle = (start + end) / 2
                between = value(middle)
                waiting.append((middle, between, end, high, PIECE, miss / 2, halved + 1))
                waiting.append((start, low, middle, between, PIECE, miss / 2, halved + 1))
            else:
                total += found
            yield Progress(done, steps, _shares(total))
        before = after
    shares = _shares(total)
    gap = abs(float(shares.sum()) - change) / max(abs(change), float(np.finfo(np.float32).tiny))
    note = None
    if gap > MAX_GAP:
        note = say(
            "The shares miss the change of the score by {gap} % of it, even with {points} points, "
            "so they are no exact account of it.",
            gap=f"{100 * gap:.2g}",
            points=points,
        )
    return Finding(
        shares,
        baseline_score=left,
        completeness_gap=gap,
        note=note,
        grade="heuristic" if gap > MAX_GAP else None,
        points=points,
    )


def _shares(total: Tensor) -> np.ndarray:
    """Return the sum over colours of what pixels have (1, 3, h, w), (h, w)."""
    return total.sum(dim=1)[0].detach().double().cpu().numpy()


def smooth_grad(score: ScoreFunction, x: Tensor, samples: int, seed: int) -> Work[Finding]:
    """Find how strongly the score reacts to each pixel, on average under noise, (h, w).

    The Euclidean norm over the colours of the mean gradient: an unbiased estimate of the gradient
    of the score of a noisy picture. It is a sensitivity, not a share of the score. captum's
    NoiseTunnel computes the same, but from the global random state, which other threads move. The
    note has the standard error of the mean gradient over the noisy pictures, as a share of its
    length: above ``MAX_ERROR``, or from a single picture, the answer is a heuristic.
    """
    from captum.attr import Saliency

    generator = torch.Generator().manual_seed(seed)
    sigma = NOISE * (x.max() - x.min())
    method, total, squares = Saliency(score), torch.zeros_like(x), 0.0
    for done in range(1, samples + 1):
        noisy = x + sigma * torch.randn(x.shape, generator=generator).to(x)
        gradient = method.attribute(noisy.requires_grad_(), abs=False)
        total += gradient
        squares += gradient.double().square().sum().item()
        yield Progress(done, samples, _lengths(total / done))
    mean = (total / samples).detach().double()
    error, note = _relative_error(squares, mean.square().sum().item(), samples), None
    if np.isfinite(error):
        note = say(
            "From {samples} noisy pictures: standard error {error} % of the map.",
            samples=samples,
            error=f"{100 * error:.2g}",
        )
    return Finding(
        _lengths(mean),
        note=note,
        grade=None if error <= MAX_ERROR else "heuristic",
    )


def _lengths(mean: Tensor) -> np.ndarray:
    """Return the length over colours of a mean gradient (1, 3, h, w), (h, w)."""
    return mean.detach().double().norm(dim=1)[0].cpu().numpy()


def _relative_error(squares: float, mean_square: float, samples: int) -> float:
    """Return the length of the standard error of a mean vector as a share of the mean's length.

    ``squares`` is the sum of the squared lengths of all ``samples``; NaN for a single one.
    """
    if samples < 2 or mean_square == 0:
        return float("nan")
    variance = max(squares - samples * mean_square, 0) / (samples - 1)
    return float(np.sqrt(variance / samples / mean_square))
