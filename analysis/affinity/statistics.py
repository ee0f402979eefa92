"""How far and how evenly rows of an affinity spread over their keys: the formulas, in one place.

Mean attention distance: Dosovitskiy et al., arXiv 2010.11929, appendix D.7. Entropy and divergence
between heads: Xie et al., "Revealing the Dark Secrets of Masked Image Modeling", arXiv 2205.13543.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from analysis.core.grid import Grid

DISTANCES = ("distance_picture_px", "distance_input_px")
MASSES = ("mass_3x3", "mass_5x5", "mass_7x7")


@dataclass(frozen=True)
class AffinityStatistics:
    """How far and how evenly rows (rows,) of weights spread over their keys.

    ``distance_picture_px`` is the mean distance from query to key, weighted, between the centres of
    tokens, in pixels of the picture as it was given; ``distance_input_px`` the same in pixels of
    the network's input, to which the picture was resized. ``entropy`` is a share of its maximum,
    log(keys): 0 where one key has all the weight, 1 where all have the same. ``mass_3x3``,
    ``mass_5x5`` and ``mass_7x7``, 0 to 1, is the weight on the square of tokens around the query.
    """

    distance_picture_px: np.ndarray
    distance_input_px: np.ndarray
    entropy: np.ndarray
    mass_3x3: np.ndarray
    mass_5x5: np.ndarray
    mass_7x7: np.ndarray


class Rows(NamedTuple):
    """The rows of some queries of a block, all of which have the same number of keys.

    ``weight`` (windows, heads, queries, keys) holds what the keys weigh, at any scale, and
    ``padding_mass`` (windows, heads, queries) the share of attention on padding, which has no place
    in the picture and is none of the keys. ``queries`` (windows, queries, 2) are row and column of
    each query on the map, ``offsets`` (queries, keys, 2) the steps from query to key in tokens, and
    ``inside`` (queries, keys) says which keys are on the map, in all windows.
    """

    weight: Tensor
    padding_mass: Tensor
    queries: Tensor
    offsets: Tensor
    inside: Tensor


def spreads(rows: Rows, grid: Grid) -> tuple[Tensor, Tensor]:
    """Return the numbers of :class:`AffinityStatistics` of rows, and of uniform weights.

    (windows, heads, queries, 6), each head's row scaled to sum 1, and (queries, 6), over the same
    keys. ``grid`` is that of the tokens. A number of the heads of a block is always the mean of
    these numbers, one for each head, and never the number of their mean row: heads that each look
    at one place, every head at another, are sharp, and their mean row is not. What is linear in the
    weights, such as the share on a class, is the same.
    """
    share = rows.weight / rows.weight.sum(-1, keepdim=True)
    keys = rows.inside.sum(-1)
    even = rows.inside.to(share.dtype) / keys[:, None]
    return tuple(affinity_statistics(each, rows.offsets, keys, grid) for each in (share, even))


def affinity_statistics(share: Tensor, offsets: Tensor, keys: Tensor, grid: Grid) -> Tensor:
    """Return the numbers of :class:`AffinityStatistics`, in its order, (..., queries, 6).

    ``share`` (..., queries, keys) sums to 1 for each query, ``offsets`` (queries, keys, 2) are the
    steps from query to key in tokens and ``keys`` (queries,) is how many of them count. NaN stands
    where nothing can be said: for shares that are NaN, and for the entropy of a single key.
    """
    down, across = offsets.to(share.dtype).abs().unbind(-1)
    rings = torch.maximum(down, across)
    height, width = grid.token_size_px
    measures = [torch.hypot(down * height, across * width), torch.hypot(down, across) * grid.stride]
    measures += [(rings <= ring).to(share.dtype) for ring in (1, 2, 3)]
    means = torch.einsum("...qk,qkm->...qm", share, torch.stack(measures, -1))
    entropy = entropy_nats(share) / keys.to(share.dtype).log()
    return torch.cat([means[..., :2], entropy[..., None], means[..., 2:]], dim=-1)


def entropy_nats(share: Tensor) -> Tensor:
    """Return the entropy of rows (..., keys) that sum to 1."""
    # A product with a logarithm is four times as fast as torch.special.entr.
    return -(share * share.clamp_min(torch.finfo(share.dtype).tiny).log()).sum(-1)


def head_divergence(share: Tensor) -> Tensor:
    """Return the mean Jensen-Shannon divergence between the rows of two heads, all pairs, 0 to 1.

    ``share`` is (..., heads, queries, keys), the result (..., queries): 0 where all heads attend
    alike, 1 where no two heads share a key; NaN with a single head.
    """
    heads = share.shape[-3]
    mixed = [
        entropy_nats((share[..., first : first + 1, :, :] + share[..., first + 1 :, :, :]) / 2)
        for first in range(heads - 1)
    ]
    if not mixed:
        return torch.full_like(share[..., 0, :, 0], torch.nan)
    # Each head is in heads - 1 of the pairs, so that the mean over pairs is that over heads.
    nats = torch.cat(mixed, dim=-2).mean(-2) - entropy_nats(share).mean(-2)
    return (nats / np.log(2)).clamp_min(0)
