"""What do the blocks hold? Alikeness, redundancy, rank and frequencies by depth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch

from analysis.core.errors import AnalysisError
from analysis.core.evidence import most_doubtful
from analysis.core.progress import Progress, part_of
from analysis.core.uncertainty import spread
from analysis.core.words import Said, say, sentences
from analysis.profile.nulls import NULL_DRAWS, null_seeds, random_weights_trace
from analysis.questions.answer import Row
from analysis.questions.common import Asked, Seed, ShortSide, Steps, question, start
from analysis.questions.peers import Peers, peers_named
from analysis.receptive_field.networks import peer_network
from analysis.receptive_field.networks.network import SIDE_MULTIPLE
from analysis.representation.block_cka import BlockCka, common_grid, features_cka, pooled
from analysis.representation.survey import PARTS, BlockSurvey, Survey, survey
from uniformer.pictures import PictureSource
from uniformer.segmenter import Segmenter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPARES = sentences(
    say(
        "Compares the outputs of all blocks for this picture, beside the same network with {draws} "
        "draws of random weights: how alike the blocks are, how alike their tokens, of what rank "
        "and frequencies.",
        draws=NULL_DRAWS,
    ),
    "It tells what the maps hold, not what the prediction rests on.",
    "CKA is often high with random weights too, as the layout of the picture passes through: read "
    "it beside that.",
)

ShowAsked = Annotated[
    Literal["overview", "frequencies", "distance", "redundancy", "peers"],
    "figure: all in short, frequencies after each part, likeness by distance, where maps are "
    "redundant, or the blocks beside those of other networks",
]


@question
def representation(
    model: Segmenter,
    image: PictureSource,
    *,
    peers: Peers = None,
    show: ShowAsked = "overview",
    seed: Seed = 0,
    short_side: ShortSide = None,
) -> Steps:
    """What the blocks hold: how alike they are, how redundant, of what rank and frequencies.

    With ``peers``, also how alike they are to the levels of other networks for the same picture.
    """
    names = peers_named(peers)
    if show == "peers" and not names:
        raise AnalysisError("Name the networks to set beside the model as peers, as in resnet50.")
    asked, parts = start(model, image, short_side), 1 + NULL_DRAWS + len(names)
    found = yield from part_of(survey(asked.trace), 0, parts)
    nulls: list[Survey] = []
    across: list[BlockCka] = []
    for drawn in null_seeds(seed):
        untrained = random_weights_trace(asked.trace, asked.picture, seed=drawn)
        null = yield from part_of(survey(untrained), 1 + len(nulls), parts)
        nulls.append(null)
        across.append(features_cka(found.features, null.features))
    beside = {}
    for number, name in enumerate(names, start=2 + NULL_DRAWS):
        label, cka = _peer(asked, found, name)
        beside[label] = cka
        yield Progress(number, parts)
    return asked.answer(
        title="What the blocks hold, from first to last",
        sentence=_sentence([found.cka, *beside.values()]),
        grade=most_doubtful(one.grade for one in (found.cka, *beside.values())),
        numbers=_numbers(found, nulls, across),
        arrays=_arrays(found, across) | {f"cka_{name}": cka.cka for name, cka in beside.items()},
        tables=_tables(found, nulls, across, beside),
        draw=lambda: _draw(asked, found, nulls, across, beside, show),
    )


def _sentence(compared: Sequence[BlockCka]) -> Said:
    """Return what is compared, and how well the CKAs are known."""
    errors = [one.largest_error for one in compared]
    error: str = "not known"
    if np.isfinite(errors).all():
        error = say("up to {error}", error=f"{max(errors):.2g}")
    cells = compared[0].samples
    if all(one.grade == "statistic" for one in compared):
        known = say(
            "Over {cells} cells of the picture the standard error of a CKA is {error}.",
            cells=cells,
            error=error,
        )
    else:
        known = say(
            "Over {cells} cells of the picture the standard error of a CKA is {error}: take it for "
            "a guess, or give a larger short side.",
            cells=cells,
            error=error,
        )
    return sentences(COMPARES, known)


def _peer(asked: Asked, found: Survey, name: str) -> tuple[str, BlockCka]:
    """Return what a network and its weights are called, and the CKA of all blocks with its levels.

    It sees the same picture, its sides rounded up to multiples of 32 pixels.
    """
    x = asked.inputs(SIDE_MULTIPLE).float().cpu()
    network = peer_network(name, tuple(x.shape[-2:]))
    with torch.no_grad():
        maps = network.maps(x)
    shape = common_grid(asked.trace)
    features = {level: pooled(out, shape) for level, out in maps.items()}
    own = {block: each.float().cpu() for block, each in found.features.items()}
    label = network.name
    if not network.trained:
        label = say("{network}, random weights", network=network.name)
    return label, features_cka(own, features)


def _tables(
    found: Survey,
    nulls: Sequence[Survey],
    across: Sequence[BlockCka],
    beside: dict[str, BlockCka],
) -> dict[str, list[Row]]:
    return {
        "blocks": found.rows(),
        "blocks_random_weights": [
            {"draw": number, **row} for number, null in enumerate(nulls) for row in null.rows()
        ],
        "cka": _pairs(found.cka, across),
        "cka_peers": [
            {"network": name} | row for name, cka in beside.items() for row in cka.rows()
        ],
        "distance": _distances(found),
        "frequency": _frequencies(found),
    }


def _numbers(
    found: Survey, nulls: Sequence[Survey], across: Sequence[BlockCka]
) -> dict[str, object]:
    """Return what is said in one number each, and what it comes to with random weights.

    Blocks are named as in the tables.
    """
    numbers, drawn = _in_short(found), [_in_short(null) for null in nulls]
    lowest = int(np.argmin(_ranks(found)))
    return {
        **numbers,
        "cka_first_last_error": float(found.cka.error[0, -1]),
        "cka_samples": found.cka.samples,
        "lowest_rank_block": found.blocks[lowest].name,
        **_range(
            "cka_random_weights_mean_of_same_block", [_mean(np.diag(one.cka)) for one in across]
        ),
        **{
            name: value
            for key in numbers
            for name, value in _range(f"random_weights_{key}", [one[key] for one in drawn]).items()
        },
    }


def _range(name: str, drawn: Sequence[float]) -> dict[str, float]:
    """Return the mean of the draws that have a value, and the range in which 95 % of them are."""
    return spread([value for value in drawn if np.isfinite(value)]).named(name)


def _ranks(found: Survey) -> list[float]:
    return [block.rank_centered / block.rank_limit for block in found.blocks]


def _in_short(found: Survey) -> dict[str, float]:
    """Return a survey in one number per quantity, of all blocks or of those of one kind."""
    kinds = {
        "local": [block for block in found.blocks if block.local],
        "global": [block for block in found.blocks if not block.local],
    }
    return {
        "cka_first_last": float(found.cka.cka[0, -1]),
        "lowest_rank_share": float(np.min(_ranks(found))),
        **{
            f"redundancy_gap_{kind}_blocks": _mean(block.centered.gap for block in blocks)
            for kind, blocks in kinds.items()
        },
        **{
            f"{part}_change_{kind}_blocks": _mean(block.change(part) for block in blocks)
            for part in PARTS[1:]
            for kind, blocks in kinds.items()
        },
    }


def _mean(values: Iterable[float]) -> float:
    """Return the mean of the values there are, NaN when there is none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _arrays(found: Survey, across: Sequence[BlockCka]) -> dict[str, np.ndarray]:
    maps = {f"gap_map_{block.name}": block.centered.gap_map for block in found.blocks}
    random = np.stack([one.cka for one in across])
    return {
        "cka": found.cka.cka,
        "cka_error": found.cka.error,
        "cka_random_weights": random,
        **maps,
    }


def _pairs(cka: BlockCka, across: Sequence[BlockCka]) -> list[Row]:
    """Return the CKA of all pairs of blocks, and with the second block's weights random."""
    return [
        own | _range("cka_random_weights", [float(other["cka"]) for other in others])
        for own, *others in zip(cka.rows(), *(one.rows() for one in across), strict=True)
    ]


def _place(block: BlockSurvey) -> Row:
    """Return which block it is, in the columns that all tables of blocks share."""
    return {"name": block.name, "stage": block.stage, "block": block.block}


def _distances(found: Survey) -> list[Row]:
    """Return the mean cosine of tokens by distance, of all blocks."""
    return [
        {
            **_place(block),
            "distance_picture_px": float(distance),
            "distance_input_px": int(on_input),
            "pairs": int(pairs),
            "similarity": float(raw),
            "similarity_centered": float(centered),
        }
        for block in found.blocks
        for distance, on_input, pairs, raw, centered in zip(
            block.raw.distance_picture_px,
            block.raw.distance_input_px,
            block.raw.pairs,
            block.raw.by_distance,
            block.centered.by_distance,
            strict=True,
        )
    ]


def _frequencies(found: Survey) -> list[Row]:
    """Return the log amplitudes after each part of all blocks, relative to the lowest ring."""
    rows = []
    for block in found.blocks:
        shown = block.spectra["produced"]
        for ring, (token, pixel) in enumerate(
            zip(shown.cycles_per_token, shown.cycles_per_input_px, strict=True)
        ):
            amplitudes = {
                f"log_amplitude_{part}": float(block.spectra[part].log_amplitude[ring])
                for part in PARTS[1:]
            }
            place = {"cycles_per_token": float(token), "cycles_per_input_px": float(pixel)}
            rows.append(_place(block) | place | amplitudes)
    return rows


def _draw(
    asked: Asked,
    found: Survey,
    nulls: Sequence[Survey],
    across: Sequence[BlockCka],
    beside: dict[str, BlockCka],
    show: str,
) -> Figure:
    from analysis.figures import representation as figures

    drawn = {
        "overview": lambda: figures.representation_figure(found, nulls, across),
        "frequencies": lambda: figures.spectrum_figure(found, nulls),
        "distance": lambda: figures.correlogram_figure(found, nulls),
        "redundancy": lambda: figures.gap_figure(found, asked.picture, nulls),
        "peers": lambda: figures.peers_figure(beside, asked.trace.model.config.name),
    }
    return drawn[show]()
