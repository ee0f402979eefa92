"""The figure of token Jacobians: what moves one token's output, for a block and for its parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.affinity.jacobian import TokenJacobian
from analysis.core.activation_cache import Trace
from analysis.figures.canvas import (
    INK,
    Limits,
    color_bar,
    heat_of_tokens,
    mark_pixel,
    new_figure,
    picture_height,
)

PANEL = 3.0
"""Width of a map in inches."""

DECADES = 4
"""Between the ends of the colour bar; what is fainter has the colour of its lower end."""

TITLES = {"block": "whole block", "affinity": "affinity alone", "position": "position encoding"}


def jacobian_figure(
    trace: Trace, picture: np.ndarray, found: Sequence[TokenJacobian], pixel: tuple[int, int]
) -> Figure:
    """Draw for each part how strongly other tokens move the output at ``pixel`` (x, y).

    Norms are shares of their sum over all tokens but the query, on one logarithmic scale.
    """
    first = found[0]
    figure = new_figure(
        PANEL * len(found) + 1,
        picture_height(picture.shape[:2], PANEL) + 1.7,
        f"What moves pixel ({pixel[0]}, {pixel[1]}) in stage {first.stage}, block {first.block}",
        "exact",
        "Norm of the Jacobian of the output at the marked pixel by each input token. The token "
        "itself, which a residual carries on, is left clear, as is what cannot move it at all. "
        "Norm and energy, its square, tell different stories: both stand below.",
    )
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    grid = trace.grid(first.stage)
    maps = [_log_share(one) for one in found]
    top = max((values[np.isfinite(values)].max(initial=-np.inf) for values in maps), default=0.0)
    limits = Limits(top - DECADES, top) if np.isfinite(top) else Limits(-DECADES, 0)
    for axes, one, values in zip(panels, found, maps, strict=True):
        image = heat_of_tokens(axes, values, limits, grid, picture)
        mark_pixel(axes, *pixel, size=5)
        axes.set_title(TITLES[one.part], fontsize=9, color=INK)
        axes.set_xlabel(_words(one), fontsize=8, color=INK)
    unit = "log10 of the share among other tokens"
    color_bar(figure, image, list(panels), unit, beyond="min")
    return figure


def _log_share(found: TokenJacobian) -> np.ndarray:
    """Return log10 of the share of each other token that can move the output; NaN elsewhere."""
    others = found.support.copy()
    others[found.token] = False
    values = np.full(found.norm.shape, np.nan)
    values[others] = np.log10(found.norm[others] / found.norm[others].sum())
    return values


def _words(found: TokenJacobian) -> str:
    """Return how near the other tokens are, by norm and by energy, and the query's own share."""
    near = found.others_by_norm.mass_5x5[0], found.others_by_energy.mass_5x5[0]
    if not np.isfinite(near).all():
        return "no other token moves it"
    return (
        f"within 5 x 5: {near[0]:.0%} by norm, {near[1]:.0%} by energy\n"
        f"the token itself: {found.self_share:.0%} of all by norm"
    )
