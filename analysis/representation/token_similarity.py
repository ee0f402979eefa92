"""How alike one token is to all others of its stage, and what varies most over a stage's tokens.

What viewers of self-supervised features show: the cosine of a clicked patch with all others, and
the first three principal components as a colour picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.grid import Token
from analysis.representation.redundancy import unit_tokens

COMPONENTS = 3
"""As many as a picture has colours."""


@dataclass(frozen=True)
class TokenSimilarity:
    """One ``token`` beside all others in the output of ``stage``.

    ``raw`` and ``centered`` (rows, columns) are its cosines with every token, -1 to 1 and 1 with
    itself, before and after the mean token is taken off. ``components`` (rows, columns, 3) are the
    projections of all centred tokens on the directions that vary most, in units of the features;
    each direction's sign is arbitrary and the same for all tokens. ``explained`` (3,) is the share
    of the variance along each, 0 to 1.

    A cosine says that two tokens hold alike things, not that either looked at the other.
    """

    stage: int
    token: Token
    raw: np.ndarray
    centered: np.ndarray
    components: np.ndarray
    explained: np.ndarray


def token_similarity(trace: Trace, stage: int, token: Token) -> TokenSimilarity:
    """Return what the output of ``stage``, 1 to 4, says of ``token``, in float64.

    Raises :class:`AnalysisError` for a stage that does not exist and a token outside its map.
    """
    row, column = trace.grid(stage).check(token)
    features = trace.stage_outputs[stage - 1][0]
    raw, centered = (
        torch.einsum("c,crk->rk", units[:, row, column], units).cpu().numpy()
        for units in (unit_tokens(features, centered=False), unit_tokens(features, centered=True))
    )
    components, explained = principal_components(features)
    return TokenSimilarity(stage, (row, column), raw, centered, components, explained)


def principal_components(features: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the first three components of a map (C, rows, columns) and the variance they explain.

    (rows, columns, 3) and (3,), as in :class:`TokenSimilarity`. All zero where nothing varies.
    """
    tokens = features.double().flatten(1).T
    tokens = tokens - tokens.mean(0)
    variance, directions = torch.linalg.eigh(tokens.T @ tokens)
    largest = torch.arange(len(variance) - 1, len(variance) - 1 - COMPONENTS, -1)
    projected = (tokens @ directions[:, largest]).reshape(*features.shape[1:], COMPONENTS)
    total = variance.sum()
    explained = variance[largest] / total if total > 0 else torch.zeros(COMPONENTS)
    return projected.cpu().numpy(), explained.clamp(min=0).cpu().numpy()
