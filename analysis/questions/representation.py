"""What do the blocks hold? Alikeness, redundancy, rank and frequencies by depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from analysis.answer import Answer, Row, provenance
from analysis.figures.representation import representation_figure
from analysis.profile.nulls import random_weights_trace
from analysis.progress import Progress, part_of
from analysis.questions.common import Seed, ShortSide
from analysis.representation.block_cka import BlockCka, features_cka
from analysis.representation.survey import PARTS, Survey, survey
from analysis.tracing import trace
from uniformer.pictures import PictureSource, open_picture
from uniformer.segmenter import Segmenter

SENTENCE = (
    "Compares the outputs of all blocks for this picture, beside the same network with random "
    "weights: how alike the blocks are, how alike their tokens, of what rank and frequencies. It "
    "tells what the maps hold, not what the prediction rests on. CKA is often high with random "
    "weights too, as the layout of the picture passes through: read it beside that."
)


def representation(
    model: Segmenter, image: PictureSource, *, seed: Seed = 0, short_side: ShortSide = None
) -> Iterator[Progress | Answer]:
    """What the blocks hold: how alike they are, how redundant, of what rank and frequencies."""
    picture = open_picture(image)
    traced = trace(model, picture, short_side=short_side)
    found = yield from part_of(survey(traced), 0, 2)
    untrained = random_weights_trace(traced, picture, seed=seed)
    null = yield from part_of(survey(untrained), 1, 2)
    across = features_cka(found.features, null.features)
    yield Answer(
        question="representation",
        title="What the blocks hold, from first to last",
        sentence=SENTENCE,
        grade="statistic",
        numbers=_numbers(found, across),
        arrays=_arrays(found, across),
        tables={
            "blocks": found.rows(),
            "blocks_random_weights": null.rows(),
            "cka": _pairs(found.cka, across),
            "distance": _distances(found),
            "frequency": _frequencies(found),
        },
        settings=provenance(model, picture, seed=seed, short_side=traced.short_side),
        figure=lambda: representation_figure(found, null, across),
    )


def _numbers(found: Survey, across: BlockCka) -> dict[str, object]:
    """Return what is said in one number each; blocks are named as in the tables."""
    ranks = [block.rank_centered / block.rank_limit for block in found.blocks]
    kinds = {
        "local": [block for block in found.blocks if block.local],
        "global": [block for block in found.blocks if not block.local],
    }
    names = [block.name for block in found.blocks]
    return {
        "cka_first_last": float(found.cka.cka[0, -1]),
        "cka_random_weights_mean_of_same_block": _mean(np.diag(across.cka)),
        "cka_samples": found.cka.samples,
        "lowest_rank_share": float(np.min(ranks)),
        "lowest_rank_block": names[int(np.argmin(ranks))],
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


def _arrays(found: Survey, across: BlockCka) -> dict[str, np.ndarray]:
    maps = {f"gap_map_{block.name}": block.centered.gap_map for block in found.blocks}
    return {"cka": found.cka.cka, "cka_random_weights": across.cka, **maps}


def _pairs(cka: BlockCka, across: BlockCka) -> list[Row]:
    """Return the CKA of all pairs of blocks, and with the second block's weights random."""
    return [
        own | {"cka_random_weights": other["cka"]}
        for own, other in zip(cka.rows(), across.rows(), strict=True)
    ]


def _distances(found: Survey) -> list[Row]:
    """Return the mean cosine of tokens by distance, of all blocks."""
    return [
        {
            "block": block.name,
            "distance_px": int(distance),
            "pairs": int(pairs),
            "similarity": float(raw),
            "similarity_centered": float(centered),
        }
        for block in found.blocks
        for distance, pairs, raw, centered in zip(
            block.raw.distance_px,
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
            zip(shown.cycles_per_token, shown.cycles_per_px, strict=True)
        ):
            amplitudes = {
                f"log_amplitude_{part}": float(block.spectra[part].log_amplitude[ring])
                for part in PARTS[1:]
            }
            place = {"cycles_per_token": float(token), "cycles_per_px": float(pixel)}
            rows.append({"block": block.name} | place | amplitudes)
    return rows
