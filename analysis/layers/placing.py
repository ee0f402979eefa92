"""Give answers their place over the picture: a function per kind of answer.

Each takes the answer, its trace and what was asked, and returns where its content goes; what is
known of a map on the way is placed by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from analysis.attribution.methods import METHODS
from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.targets import Score
from analysis.core.uncertainty import FEWEST, spread, with_error
from analysis.core.words import say
from analysis.layers.layer import LabelledBox, Placed, Plot, Scale, Series
from analysis.questions.answer import Answer, Row
from analysis.questions.explaining import METHOD_NAMES

Placing = Callable[[Answer, Trace, Mapping[str, Any]], Placed]

DECADES = 8
"""Powers of ten below its maximum down to which the energy of a field is shown."""

CHANGES = "a pixel has the class it gets"
KEPT = "bright tokens passed through the block, dark ones were merged into one"
KEPT_BY_BLOCKS = "1: the token passed through every block that prunes, 0: through none"


def attribution_scale(values: np.ndarray, method: str, score: Score) -> Scale:
    """Return the scale of a map (rows, columns) of an attribution ``method`` and score."""
    chosen = METHODS[METHOD_NAMES[method]]
    most = float(np.nanmax(np.abs(values), initial=0.0))
    unit = chosen.unit_of(score)
    if chosen.signed:
        return Scale("diverging", -most, most, unit, chosen.scale_words)
    return Scale("sequential", 0.0, most, unit, chosen.scale_words)


def attribution_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place the map of a method: at the tokens of a stage, or the pixels of the network's input."""
    values, stage = answer.arrays["map"], answer.numbers["map_stage"]
    size = covering(values, trace) if stage is None else trace.grid(stage).token_size_px
    parameters = answer.settings["parameters"]
    scale = attribution_scale(values, parameters["method"], parameters["score"])
    return Placed("map", values, size, scale)


def covering(values: np.ndarray, trace: Trace) -> tuple[float, float]:
    """Return the height and width, px of the picture, of a value of a map that covers all of it."""
    (height, width), (rows, columns) = trace.picture_size_px, values.shape
    return height / rows, width / columns


def effect_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place the labels after a change."""
    return labels_place("labels_after", answer, trace)


def labels_place(name: str, answer: Answer, trace: Trace) -> Placed:
    """Place labels of the picture's size, as they are called among the arrays."""
    last = float(len(trace.model.classes) - 1)
    scale = Scale("categorical", 0.0, last, "class", CHANGES)
    return Placed("labels", answer.arrays[name], scale=scale)


def row_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place one row of a block: attention of a head, or the shares of a convolution's terms."""
    parameters = answer.settings["parameters"]
    stage, head = parameters["stage"], parameters["head"]
    row, column = trace.grid(stage).token_at(parameters["x"], parameters["y"])
    rows, columns = trace.grid(stage).shape
    (name,) = (key for key in answer.arrays if key.endswith(("_weight", "_norm_share")))
    values = answer.arrays[name]
    if values.ndim == 3:
        values = values.mean(0) if head is None else values[head]
        unit = "share of the attention"
    else:
        terms, radius = values, len(values) // 2
        padded = np.full((rows + 2 * radius, columns + 2 * radius), np.nan)
        padded[row : row + len(terms), column : column + len(terms)] = terms
        values, unit = padded[radius:-radius, radius:-radius], "share of what is added"
    most = float(np.nanmax(values))
    scale = Scale("sequential", 0.0, most, unit, "the brighter, the more it is used")
    return Placed("map", values, trace.grid(stage).token_size_px, scale)


def field_map(energy: np.ndarray, trace: Trace) -> Placed:
    """Place the energy (h, w) of a field in powers of ten of its maximum; NaN where none is."""
    most = energy.max()
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.log10(energy / most)
    values[~(values >= -DECADES)] = np.nan
    words = "0: the pixel that moves it most; every step less is a tenth"
    scale = Scale("sequential", -float(DECADES), 0.0, "powers of ten", words)
    return Placed("map", values, covering(values, trace), scale)


def field_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place the field of one unit: its energy, what it can see, and the squares it does see."""
    (row,) = answer.tables["fields"]
    (name,) = (key for key in answer.arrays if key.startswith("field"))
    placed = field_map(answer.arrays[name], trace)
    down, across = placed.token_size_px
    boxes = list(_theoretical_box(row, down, across))
    for percent in (50, 95):
        half = row[f"side_{percent}_input_px"] / 2
        y, x = (row[f"center_{axis}_input_px"] + 0.5 for axis in ("row", "column"))
        edges = (x - half) * across, (y - half) * down, (x + half) * across, (y + half) * down
        side, error = (row[f"side_{percent}_{end}picture_px"] for end in ("", "error_"))
        says = say("{side} px", side=with_error(side, float("nan") if error is None else error))
        name = say("{percent} % of the energy", percent=percent)
        boxes.append(LabelledBox(*edges, name, says))
    return Placed("map", placed.map, placed.token_size_px, placed.scale, boxes)


def _theoretical_box(row: Row, down: float, across: float) -> Iterator[LabelledBox]:
    """Yield the rectangle that a unit can see, where that is known."""
    if row["theoretical_height_input_px"] is None:
        return
    top, left = (row[f"theoretical_{edge}_input_px"] for edge in ("top", "left"))
    height, width = (row[f"theoretical_{side}_input_px"] for side in ("height", "width"))
    edges = left * across, top * down, (left + width) * across, (top + height) * down
    says = say(
        "{width} x {height} px", width=f"{width * across:.0f}", height=f"{height * down:.0f}"
    )
    yield LabelledBox(*edges, "what it can see", says)


def stage_map_place(name: str, scale: Callable[[np.ndarray], Scale]) -> Placing:
    """Return what places the array ``name``, perhaps with ``{stage}``, on the stage asked for."""

    def place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
        stage = int(asked["stage"])
        values = answer.arrays[name.format(stage=stage)]
        return Placed("map", values, trace.grid(stage).token_size_px, scale(values))

    return place


def kept_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place which tokens passed through a block, 1 or 0, or through what share of the blocks.

    Raises :class:`AnalysisError` for a block that the stage does not have.
    """
    stage, block = int(asked["stage"]), asked["block"]
    depth = len(trace.block_inputs[stage - 1])
    if block is not None and not 0 <= block < depth:
        raise AnalysisError(
            f"There is no block {block} in stage {stage}: its blocks are 0 to {depth - 1}."
        )
    kept = [answer.arrays[f"stage{stage}_block{at}_kept"] for at in range(depth)]
    pruning = [one for one in kept if not one.all()] or kept
    chosen, unit, words = pruning, "share of the blocks", KEPT_BY_BLOCKS
    if block is not None:
        chosen, unit, words = [kept[block]], "kept", KEPT
    scale = Scale("sequential", 0.0, 1.0, unit, words)
    return Placed("map", np.mean(chosen, axis=0), trace.grid(stage).token_size_px, scale)


def pixels_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place the map of what a region flows from, or of what speaks for its class, 0 or more."""
    values = answer.arrays["pixels"]
    by_class = answer.settings["parameters"]["rule"] == "relevance"
    unit = "nats per pixel of the input" if by_class else "share per pixel of the input"
    words = "the brighter, the more of it flows from here"
    scale = Scale("sequential", 0.0, float(values.max()), unit, words)
    return Placed("map", values, covering(values, trace), scale)


def cosine_scale(values: np.ndarray) -> Scale:
    """Return the scale of cosines."""
    return Scale("diverging", -1.0, 1.0, "cosine", "red holds the same, blue the opposite")


def norm_scale(values: np.ndarray) -> Scale:
    """Return the scale of lengths, from 0."""
    most = float(np.nanmax(values, initial=0.0))
    return Scale("sequential", 0.0, most, "norm", "the brighter, the more it moves the output")


def depth_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place the numbers of a pixel's rows through all blocks; heads are in a table."""
    return Placed("plot", plots=depth_plots({"this picture": [answer.tables["blocks"]]}))


def profile_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place the means over all queries, per block, of this picture and of what it stands beside."""
    draws: dict[str, dict[int, list[Row]]] = {}
    for row in answer.tables["heads"]:
        draws.setdefault(row["of"], {}).setdefault(row["draw"], []).append(row)
    return Placed("plot", plots=depth_plots({of: [*found.values()] for of, found in draws.items()}))


def depth_plots(draws: Mapping[str, Sequence[Sequence[Row]]]) -> list[Plot]:
    """Return distance, entropy and mass through depth, means over the heads of a block.

    ``draws`` are tables by what they are of, each of one draw or of several, of which the range is
    shown that 95 % are in. Uniform weights are those of the first: they follow from the grid.
    """
    own, *_ = draws.values()
    plots = []
    for key, title, unit in (
        ("distance_picture_px", "How far", "px of the picture"),
        ("entropy", "How evenly", "share of the most"),
        ("mass_5x5", "On the 5 by 5 tokens around", "share"),
    ):
        series = [_through(of, tables, key) for of, tables in draws.items()]
        if key.startswith("distance"):
            series.insert(1, _through("evenly", own, f"uniform_{key}"))
        plots.append(Plot(title, "block, from the first to the last", unit, series))
    return plots


def _through(title: str, tables: Sequence[Sequence[Row]], key: str) -> Series:
    """Return the mean of a column over the heads of every block, and its spread over tables."""
    blocks = dict.fromkeys(row["name"] for row in tables[0])
    means = [
        [float(np.mean([row[key] for row in rows if row["name"] == name])) for name in blocks]
        for rows in tables
    ]
    found = [spread(drawn) for drawn in zip(*means, strict=True)]
    low, high = ([getattr(one, end) for one in found] for end in ("low", "high"))
    known = (low, high) if len(tables) >= FEWEST else ()
    return Series(title, list(range(len(found))), [one.mean for one in found], *known)


def radius_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place what near attention costs against its radius, beside random keys."""
    rows, x = answer.tables["radii"], "radius_tokens"
    series = [_costs("the nearest tokens", rows, x), _controls(rows, x)]
    return Placed(
        "plot", plots=[_cost_plot("How far attention must reach", "radius, tokens", series)]
    )


def reach_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place what each kind of window costs against the keys it leaves, beside random keys."""
    x = "keys_per_query"
    rows = sorted(answer.tables["reaches"], key=lambda row: row[x])
    series = [
        _costs(reach, [row for row in rows if row["reach"] == reach], x)
        for reach in dict.fromkeys(row["reach"] for row in answer.tables["reaches"])
    ]
    plot = _cost_plot("What reach costs", "keys per query", [*series, _controls(rows, x)])
    return Placed("plot", plots=[plot])


def _costs(title: str, rows: Sequence[Row], x: str) -> Series:
    return Series(title, [float(row[x]) for row in rows], [row["kl_nats"] for row in rows])


def _controls(rows: Sequence[Row], x: str) -> Series:
    """Return what as many keys elsewhere cost, where they are apart and their range is known."""
    apart = [
        row
        for row in rows
        if row["control_overlap_share"] == 0 and np.isfinite(row["control_kl_nats_low"])
    ]
    ends = ([row[f"control_kl_nats{end}"] for row in apart] for end in ("", "_low", "_high"))
    return Series("as many elsewhere", [float(row[x]) for row in apart], *ends)


def _cost_plot(title: str, x_title: str, series: Sequence[Series]) -> Plot:
    return Plot(title, x_title, "change of the prediction, nats", series)


def table_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place an answer that has tables and numbers only."""
    return Placed("plot")
