"""The figure of what the decoder reads after each block: two curves, and the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis.figures.canvas import INK, QUIET, new_figure, picture_height, plot_axes, shade_stages
from analysis.figures.palette import SERIES
from analysis.interventions.decoder_lens import EarlyEnd

PANEL, COLUMNS = 1.6, 7
"""Width of a label map in inches, and how many stand side by side."""

CURVES = 2.6
"""Height of the curves in inches."""

NAMED = 8
"""Classes that are named, those with the largest areas after all blocks together."""


def decoder_lens_figure(
    ends: Sequence[EarlyEnd], rows: Sequence[Mapping[str, Any]], one_class_share: float
) -> Figure:
    """Draw agreement with the final labels through depth, and the labels after each block.

    ``rows`` are those of the answer's table, one for each of ``ends``; ``one_class_share``, 0 to 1,
    is what the most frequent class everywhere would share with the final labels.
    """
    final = ends[-1].trace
    lines = -(-len(ends) // COLUMNS)
    tall = picture_height(final.picture_size_px, PANEL) + 0.3
    figure = new_figure(
        PANEL * COLUMNS + 0.6,
        CURVES + lines * tall + 1.4,
        "What the decoder reads if the network ends after each block",
        "causal",
        "All later blocks are left out; the last is the whole network. Colours are classes, one "
        "for each cell of the logits. No network was trained to end early.",
    )
    parts = figure.add_gridspec(2, height_ratios=(CURVES, lines * tall))
    upper, lower = figure.add_subfigure(parts[0]), figure.add_subfigure(parts[1])
    axes = upper.subplots()
    at = range(len(ends))
    axes.plot(
        at, [end.same_share for end in ends], "o-", color=SERIES[0], label="labels that are final"
    )
    axes.plot(
        at, [row["final_class_probability"] for row in rows], "s--", color=SERIES[1],
        label=f"probability of {rows[-1]['class']} at the pixel",
    )  # fmt: skip
    axes.axhline(one_class_share, color=QUIET, lw=1, ls=":", label="one class everywhere")
    axes.set_ylim(0, 1.05)
    axes.set_xticks(at, [end.place.name for end in ends], rotation=90 if len(ends) > 20 else 0)
    plot_axes(axes, "last block", "share, probability")
    shade_stages(axes, [end.place.stage for end in ends], named=True)
    axes.legend(fontsize=7, edgecolor="none", loc="best")
    panels = lower.subplots(lines, COLUMNS, squeeze=False).ravel()
    for panel, end in zip(panels, ends, strict=False):
        panel.imshow(final.model.classes.palette[end.cells], interpolation="nearest", aspect="auto")
        panel.set_title(f"{end.place.name}: {end.same_share:.0%}", fontsize=8, color=INK)
    for panel in panels:
        panel.set_axis_off()
    lower.legend(
        handles=_names(ends), fontsize=7, edgecolor="none", ncols=NAMED, loc="outside lower center"
    )
    return figure


def _names(ends: Sequence[EarlyEnd]) -> list[Patch]:
    classes = ends[-1].trace.model.classes
    areas = np.bincount(np.ravel([end.cells for end in ends]), minlength=len(classes))
    largest = [at for at in np.argsort(-areas, kind="stable")[:NAMED] if areas[at]]
    return [Patch(color=classes.colors[at], label=classes.names[at]) for at in largest]
