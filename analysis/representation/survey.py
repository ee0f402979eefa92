"""Alikeness, redundancy, rank and frequencies of all blocks of a model for one picture."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.core.activation_cache import Trace
from analysis.core.forward import Place
from analysis.core.progress import Progress, Work
from analysis.representation.block_cka import (
    BlockCka,
    Features,
    common_grid,
    features_cka,
    pooled,
)
from analysis.representation.query_redundancy import QueryRedundancy, query_redundancy
from analysis.representation.rank import effective_rank
from analysis.representation.redundancy import Cosines, cosines
from analysis.representation.spectrum import Spectrum, spectrum
from analysis.representation.streams import Streams, streams
from uniformer.blocks import LocalBlock
from uniformer.config import STRIDES
from uniformer.layers import to_tokens

PARTS = ("received", "encoded", "gathered", "produced")
"""The stream of a block before and after each of its three parts, as in :class:`Streams`."""


@dataclass(frozen=True)
class BlockSurvey:
    """What the output of one block holds, before any norm; blocks are counted from 0.

    ``raw`` and ``centered`` are cosines of its tokens with their mean and without it, and so are
    ``rank`` and ``rank_centered``, effective ranks of at most ``rank_limit``. ``queries`` is None
    for a local block, which has no queries. ``spectra`` has the frequencies of the stream before
    and after each part, by the names of ``PARTS``.
    """

    stage: int
    block: int
    local: bool
    raw: Cosines
    centered: Cosines
    rank: float
    rank_centered: float
    rank_limit: int
    queries: QueryRedundancy | None
    spectra: dict[str, Spectrum]

    @property
    def name(self) -> str:
        """Stage and block as in a state dict: "3.5" is ``blocks3.5``."""
        return Place(self.stage, self.block).name

    def change(self, part: str) -> float:
        """Return how much ``part`` of ``PARTS`` raises the log amplitude of high frequencies.

        It is the change of :attr:`Spectrum.high_over_low` from the stream before it: negative for a
        part that smooths.
        """
        before = PARTS[PARTS.index(part) - 1]
        return self.spectra[part].high_over_low - self.spectra[before].high_over_low


@dataclass(frozen=True)
class Survey:
    """All blocks of a model for one picture, first to last; ``cka`` compares them by tokens.

    ``features`` are the pooled outputs that ``cka`` is made of: see :func:`features_cka` to compare
    them with those of another model for the same picture.
    """

    blocks: tuple[BlockSurvey, ...]
    cka: BlockCka
    features: Features

    def rows(self) -> list[dict[str, str | int | float]]:
        """Return one row per block for a table; blocks are counted from 0."""
        return [_row(block) for block in self.blocks]


def survey(trace: Trace) -> Work[Survey]:
    """Yield progress block by block, and return the survey of all blocks.

    Memory grows with the tokens, not with their square; time does, for the queries of global
    blocks. Raises :class:`AnalysisError` for maps of fewer than 4 tokens.
    """
    shape, total = common_grid(trace), sum(map(len, trace.block_inputs))
    blocks, features = [], {}
    for stream in streams(trace):
        blocks.append(_surveyed(trace, stream))
        features[stream.name] = pooled(stream.produced, shape)
        yield Progress(len(blocks), total)
    return Survey(tuple(blocks), features_cka(features), features)


def _surveyed(trace: Trace, stream: Streams) -> BlockSurvey:
    stage, block = stream.place
    stride, produced = STRIDES[stage - 1], stream.produced
    tokens = to_tokens(produced)[0]
    local = isinstance(trace.block(stage, block), LocalBlock)
    return BlockSurvey(
        stage=stage,
        block=block,
        local=local,
        raw=cosines(produced[0], trace.grid(stage), centered=False),
        centered=cosines(produced[0], trace.grid(stage), centered=True),
        rank=effective_rank(tokens, centered=False),
        rank_centered=effective_rank(tokens, centered=True),
        rank_limit=min(tokens.shape),
        queries=None if local else query_redundancy(trace, stage, block),
        spectra={part: spectrum(getattr(stream, part)[0], stride) for part in PARTS},
    )


def _row(block: BlockSurvey) -> dict[str, str | int | float]:
    queries = block.queries
    return {
        "stage": block.stage,
        "name": block.name,
        "block": block.block,
        "kind": "local" if block.local else "global",
        "similarity": block.raw.all_pairs,
        "similarity_centered": block.centered.all_pairs,
        "neighbour_similarity": float(block.raw.neighbours.mean()),
        "neighbour_similarity_centered": float(block.centered.neighbours.mean()),
        "gap": block.raw.gap,
        "gap_centered": block.centered.gap,
        "query_similarity": "" if queries is None else float(queries.all_pairs.mean()),
        "neighbour_query_similarity": "" if queries is None else float(queries.neighbours.mean()),
        "effective_rank": block.rank,
        "effective_rank_centered": block.rank_centered,
        "rank_limit": block.rank_limit,
        "variance": block.spectra["produced"].variance,
        "high_over_low": block.spectra["produced"].high_over_low,
        **{f"{part}_change": block.change(part) for part in PARTS[1:]},
    }
