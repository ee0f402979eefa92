"""How many directions the tokens of a map really use."""

from __future__ import annotations

import torch
from torch import Tensor


def effective_rank(x: Tensor, *, centered: bool) -> float:
    """Return exp(entropy of the singular values, scaled to sum 1) of tokens (L, C).

    1 for a single direction, min(L, C) at most, where all directions are used alike; NaN for zeros.
    ``centered`` takes the mean token off first, which would otherwise count as a direction of its
    own and often the strongest. Roy and Vetterli, "The Effective Rank", EUSIPCO 2007; that it falls
    with depth in plain attention: Dong et al., arXiv 2103.03404.
    """
    x = x.double()
    if centered:
        # The first off, too, so that equal tokens leave exactly nothing.
        x = x - x[:1]
        x = x - x.mean(0)
    # The smaller Gram matrix has the squares of the singular values.
    gram = x.T @ x if len(x) > x.shape[1] else x @ x.T
    values = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt()
    share = values / values.sum()
    return float(torch.special.entr(share).sum().exp())
