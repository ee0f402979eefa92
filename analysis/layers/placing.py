"""Give answers their place over the picture: a function per kind of answer.

Each takes the answer, its trace and what was asked, and returns where its content goes; what is
known of a map on the way is placed by the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from analysis.attribution.methods import METHODS
from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.uncertainty import with_error
from analysis.layers.layer import Box, Placed, Plot, Scale, Series
from analysis.questions.answer import Answer, Row
from analysis.questions.explaining import METHOD_NAMES

Place = Callable[[Answer, Trace, Mapping[str, Any]], Placed]

DECADES = 8
"""Powers of ten below its maximum down to which the energy of a field is shown."""

FOR_AND_AGAINST = "red speaks for it, blue against it"
SPEAKS_FOR = "the brighter, the more it speaks for it"
CHANGES = "a pixel has the class it gets"
KEPT = "bright tokens passed through the block, dark ones were merged into one"
KEPT_BY_BLOCKS = "1: the token passed through every block that prunes, 0: through none"


def attribution_scale(values: np.ndarray, method: str) -> Scale:
    """Return the scale of a map of one of the attribution methods."""
    chosen = METHODS[METHOD_NAMES.get(method, method)]
    most = float(np.nanmax(np.abs(values), initial=0.0))
    unit = chosen.unit.format(score="nats")
    if chosen.signed:
        return Scale("diverging", -most, most, unit, FOR_AND_AGAINST)
    return Scale("sequential", 0.0, most, unit, SPEAKS_FOR)


def attribution_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place the map of a method: at the tokens of a stage, or the pixels of the network's input."""
    values, numbers = answer.arrays["map"], answer.numbers
    stage = numbers["map_stage"]
    size = covering(values, trace) if stage is None else trace.grid(stage).token_size_px
    scale = attribution_scale(values, answer.settings["parameters"]["method"])
    scale = Scale(scale.kind, scale.low, scale.high, numbers["map_unit"], scale.words)
    return Placed("map", values, size, scale)


def covering(values: np.ndarray, trace: Trace) -> tuple[float, float]:
    """Return the height and width in the picture of a value of a map that covers all of it."""
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
        says = with_error(side, float("nan") if error is None else error, "px")
        boxes.append(Box(*edges, f"{percent} % of the energy", says))
    return Placed("map", placed.map, placed.token_size_px, placed.scale, boxes)


def _theoretical_box(row: Row, down: float, across: float) -> Iterator[Box]:
    """Yield the rectangle that a unit can see, where that is known."""
    if row["theoretical_height_input_px"] is None:
        return
    top, left = (row[f"theoretical_{edge}_input_px"] for edge in ("top", "left"))
    height, width = (row[f"theoretical_{side}_input_px"] for side in ("height", "width"))
    edges = left * across, top * down, (left + width) * across, (top + height) * down
    yield Box(*edges, "what it can see", f"{width * across:.0f} x {height * down:.0f} px")


def stage_map_place(name: str, scale: Callable[[np.ndarray], Scale]) -> Place:
    """Return what places the array ``name``, perhaps with ``{stage}``, on the stage asked for."""

    def place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
        stage = int(asked["stage"])
        values = answer.arrays[name.format(stage=stage)]
        return Placed("map", values, trace.grid(stage).token_size_px, scale(values))

    return place


def kept_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place which tokens passed through a block, 1 or 0, or through what share of the blocks."""
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
    """Place the map of what a region flows from, or of what speaks for its class."""
    values = answer.arrays["pixels"]
    most = float(np.abs(values).max())
    signed = (values < 0).any()
    words = FOR_AND_AGAINST if signed else "the brighter, the more of it flows from here"
    scale = Scale(
        "diverging" if signed else "sequential", -most if signed else 0.0, most,
        "share per pixel of the input", words,
    )  # fmt: skip
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
    return Placed("plot", plots=depth_plots(answer.tables["blocks"]))


def profile_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place the means over all queries, per block, of this picture and of what it stands beside."""
    tables = answer.tables["heads"]
    return Placed("plot", plots=depth_plots(tables, by=lambda row: str(row["of"])))


def depth_plots(rows: Iterable[Row], by: Callable[[Row], str] = lambda row: "") -> list[Plot]:
    """Return distance, entropy and mass through depth, means over the heads of a block."""
    rows = list(rows)
    names = list(dict.fromkeys(row["name"] for row in rows))
    plots = []
    for key, title, unit in (
        ("distance_picture_px", "How far", "px of the picture"),
        ("entropy", "How evenly", "share of the most"),
        ("mass_5x5", "On the 5 by 5 tokens around", "share"),
    ):
        series = []
        for group in dict.fromkeys(map(by, rows)):
            own = [row for row in rows if by(row) == group]
            series.append(_through(own, names, key, group or "this picture"))
            if key.startswith("distance"):
                series.append(_through(own, names, f"uniform_{key}", f"{group} evenly".strip()))
        plots.append(Plot(title, "block, from the first to the last", unit, series))
    return plots


def _through(rows: list[Row], names: list[str], key: str, title: str) -> Series:
    means = [
        float(np.mean([row[key] for row in rows if row["name"] == name], dtype=float))
        for name in names
    ]
    return Series(title, list(range(len(names))), means)


def radius_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place what near attention costs against its radius, beside random keys."""
    rows = answer.tables["radii"]
    radii = [float(row["radius_tokens"]) for row in rows]
    with_controls = [row for row in rows if np.isfinite(row["control_kl_nats"])]
    series = [
        Series("the nearest tokens", radii, [row["kl_nats"] for row in rows]),
        Series(
            "as many elsewhere",
            [float(row["radius_tokens"]) for row in with_controls],
            [row["control_kl_nats"] for row in with_controls],
            [row["control_kl_nats_low"] for row in with_controls],
            [row["control_kl_nats_high"] for row in with_controls],
        ),
    ]
    return Placed("plot", plots=[Plot("How far attention must reach", "radius, tokens",
                                      "change of the prediction, nats", series)])  # fmt: skip


def reach_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place what windows cost against the keys they leave."""
    rows = sorted(answer.tables["reaches"], key=lambda row: row["keys_per_query"])
    keys = [float(row["keys_per_query"]) for row in rows]
    series = [Series("change", keys, [row["kl_nats"] for row in rows])]
    return Placed("plot", plots=[Plot("What reach costs", "keys per query",
                                      "change of the prediction, nats", series)])  # fmt: skip


def table_place(answer: Answer, trace: Trace, asked: Mapping[str, Any]) -> Placed:
    """Place an answer that has tables and numbers only."""
    return Placed("plot")
