"""Interventions in global affinity: who may attend to whom, and which heads are heard.

Cutting edges follows Geva et al., "Dissecting Recall of Factual Associations", arXiv 2304.14767
(attention knockout); gating heads follows Michel et al., "Are Sixteen Heads Really Better than
One?", arXiv 1905.10650. The softmax runs over the keys that are left. A token left without any key
gathers nothing: the branch gives it the projection's bias.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from analysis.core.activation_cache import Trace
from analysis.core.errors import AnalysisError
from analysis.core.forward import AttentionMask, positions
from analysis.core.words import say
from analysis.interventions.base import BlockIntervention
from analysis.interventions.elsewhere import moved_elsewhere, offsets_apart, shared_edges
from analysis.interventions.tokens import check_tokens
from uniformer.blocks import GlobalBlock
from uniformer.config import MAX_WINDOW_SIZE


@dataclass(frozen=True)
class SetWindow(BlockIntervention):
    """Attend within windows of ``size`` x ``size`` tokens, or to the whole map if that is None.

    ``padded`` windows are those that were published: where a window reaches beyond the map, zero
    tokens fill it and take part in the softmax. Windows that are not ``padded`` are masked: nothing
    but the tokens of the map is attended to. Both are equal where ``size`` divides the map.
    With an ``offset`` of rows and columns each token sees the masked window of the token that is so
    far away, beyond a border that at the opposite one: as many keys, elsewhere.
    """

    kinds: ClassVar[tuple[type, ...]] = (GlobalBlock,)
    scaled: ClassVar[bool] = False

    size: int | None
    padded: bool = False
    offset: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if self.size is not None and not 1 <= self.size <= MAX_WINDOW_SIZE:
            raise AnalysisError(
                f"A window must be 1 to {MAX_WINDOW_SIZE} tokens wide, not {self.size}."
            )
        if self.padded and any(self.offset):
            raise AnalysisError("Only masked windows can be moved: choose padded or an offset.")

    @property
    def action(self) -> str:
        """What is done there, in a few words."""
        if self.size is None:
            return "attends to the whole map"
        if self.padded:
            return say("padded windows of {size} tokens", size=self.size)
        if any(self.offset):
            return say("masked windows of {size} tokens of other tokens", size=self.size)
        return say("masked windows of {size} tokens", size=self.size)

    def window(self, size: int | None) -> int | None:
        """Return the side of the windows used instead of ``size``."""
        return self.size if self.padded else None

    def attention_mask(self) -> tuple[AttentionMask, ...]:
        """Return the conditions that an edge must meet to be kept."""
        return () if self.size is None or self.padded else (self._same_window,)

    def controls(
        self, trace: Trace, rng: np.random.Generator, count: int, picture: np.ndarray | None = None
    ) -> list[Self]:
        """Return the masked windows of other tokens; none for the other kinds of windows."""
        if self.size is None or self.padded or self.size >= max(max(_sides(self, trace))):
            return []
        steps = offsets_apart(_sides(self, trace), self.size, rng, count)
        return [replace(self, offset=step) for step in steps]

    def overlap(self, control: Self, trace: Trace) -> float:
        """Return which share of the keys that it leaves ``control`` leaves too, 0 to 1."""
        return _shared(self, control, trace)

    def _same_window(self, query: Tensor, key: Tensor) -> Tensor:
        here, there = _moved(query, key, self.offset) // self.size, key // self.size
        return (here[:, None] == there).all(-1)


@dataclass(frozen=True)
class Neighbourhood(BlockIntervention):
    """Attend only to the tokens at most ``radius`` rows and columns away; 0 is to oneself only.

    With a ``dilation`` d it is every d-th row and column, as many of them as without, so that a
    neighbourhood reaches d times as far with as many keys. Where blocks have windows, their borders
    stay. ``offset`` rows and columns move the centre of every neighbourhood, beyond a border to the
    opposite one.
    """

    kinds: ClassVar[tuple[type, ...]] = (GlobalBlock,)
    scaled: ClassVar[bool] = False

    radius: int
    offset: tuple[int, int] = (0, 0)
    dilation: int = 1

    def __post_init__(self) -> None:
        if self.radius < 0:
            raise AnalysisError(f"The radius must be 0 tokens or more, not {self.radius}.")
        if self.dilation < 1:
            raise AnalysisError(f"The dilation must be 1 token or more, not {self.dilation}.")

    @property
    def action(self) -> str:
        """What is done there, in a few words."""
        side = 2 * self.radius + 1
        seen = say("{side} x {side} tokens", side=side)
        if self.dilation != 1:
            seen = say("{tokens}, {step} tokens apart,", tokens=seen, step=self.dilation)
        if any(self.offset):
            return say("attends to {tokens} moved elsewhere", tokens=seen)
        return say("attends to {tokens} around each", tokens=seen)

    def attention_mask(self) -> tuple[AttentionMask, ...]:
        """Return the conditions that an edge must meet to be kept."""
        return (self._near,)

    def controls(
        self, trace: Trace, rng: np.random.Generator, count: int, picture: np.ndarray | None = None
    ) -> list[Self]:
        """Return neighbourhoods of equal size around other tokens, all moved by the same step."""
        sides, reach = _sides(self, trace), self.radius * self.dilation
        if reach >= max(max(sides)) - 1:
            return []
        steps = offsets_apart(sides, 2 * reach + 1, rng, count)
        return [replace(self, offset=step) for step in steps]

    def overlap(self, control: Self, trace: Trace) -> float:
        """Return which share of the keys that it leaves ``control`` leaves too, 0 to 1."""
        return _shared(self, control, trace)

    def _near(self, query: Tensor, key: Tensor) -> Tensor:
        steps = _moved(query, key, self.offset)[:, None] - key
        near = steps.abs().amax(-1) <= self.radius * self.dilation
        return near & (steps % self.dilation == 0).all(-1)


@dataclass(frozen=True)
class WithoutKeys(BlockIntervention):
    """Nobody attends to ``tokens`` (rows, columns) of the stage; they still attend to the others.

    See :func:`region_tokens` for the tokens of a region of the picture.
    """

    kinds: ClassVar[tuple[type, ...]] = (GlobalBlock,)
    scaled: ClassVar[bool] = False

    tokens: np.ndarray

    def check(self, trace: Trace) -> None:
        """Raise :class:`AnalysisError` if the settings do not fit ``trace``."""
        check_tokens(self.tokens, trace, self.stage)

    @property
    def action(self) -> str:
        """What is done there, in a few words."""
        return say("{tokens} tokens cannot be attended to", tokens=np.count_nonzero(self.tokens))

    def attention_mask(self) -> tuple[AttentionMask, ...]:
        """Return the conditions that an edge must meet to be kept."""
        return (self._visible,)

    def controls(
        self, trace: Trace, rng: np.random.Generator, count: int, picture: np.ndarray | None = None
    ) -> list[Self]:
        """Return the same number of tokens elsewhere."""
        return [replace(self, tokens=each) for each in moved_elsewhere(self.tokens, rng, count)]

    def overlap(self, control: Self, trace: Trace) -> float:
        """Return which share of the tokens that it hides ``control`` hides too, 0 to 1."""
        return float(control.tokens[self.tokens].mean())

    def _visible(self, query: Tensor, key: Tensor) -> Tensor:
        last = key.new_tensor(self.tokens.shape) - 1
        row, column = torch.minimum(key, last).unbind(-1)
        hidden = torch.from_numpy(self.tokens).to(key.device)[row, column]
        padding = (key > last).any(-1)
        return (~hidden | padding).expand(len(query), -1)


@dataclass(frozen=True)
class HeadGate(BlockIntervention):
    """Multiply what ``head`` gathers by ``gate``, 0 to 1, before it is projected; None: all heads.

    The rest, 1 - ``gate``, is filled with nothing or, for ``fill`` "mean", with the head's own mean
    over all tokens: that takes away only what differs from place to place, and leaves the next
    layers closer to what they are used to.
    """

    kinds: ClassVar[tuple[type, ...]] = (GlobalBlock,)

    head: int | None
    gate: float = 0.0
    fill: Literal["zero", "mean"] = "zero"

    def __post_init__(self) -> None:
        if not 0 <= self.gate <= 1:
            raise AnalysisError(f"A gate must be from 0 to 1, not {self.gate}.")
        if self.fill not in ("zero", "mean"):
            raise AnalysisError(f"A head is filled with zero or mean, not {self.fill!r}.")

    def check(self, trace: Trace) -> None:
        """Raise :class:`AnalysisError` if the settings do not fit ``trace``."""
        count = self._count(trace)
        if self.head is not None and not 0 <= self.head < count:
            raise AnalysisError(
                f"There is no head {self.head} in stage {self.stage}: its heads are 0 to "
                f"{count - 1}."
            )

    @property
    def action(self) -> str:
        """What is done there, in a few words."""
        which = "all heads" if self.head is None else say("head {head}", head=self.head)
        gate = f"{self.gate:g}"
        if self.fill == "mean":
            return say("{heads} x {gate}, filled with the mean", heads=which, gate=gate)
        return say("{heads} x {gate}", heads=which, gate=gate)

    def heads(self, heads: Tensor) -> Tensor:
        """Return what the heads gather instead of ``heads``."""
        chosen = slice(None) if self.head is None else slice(self.head, self.head + 1)
        heads = heads.clone()
        kept = heads[:, chosen] * self.gate
        if self.fill == "mean":
            kept = kept + (1 - self.gate) * heads[:, chosen].mean(dim=2, keepdim=True)
        heads[:, chosen] = kept
        return heads

    def others(self, trace: Trace) -> list[Self]:
        """Return the same for other heads of the stage, or other blocks if all heads are gated."""
        depth = len(trace.windows[self.stage - 1])
        blocks = [None] if self.block is None else range(depth)
        heads = [None] if self.head is None else range(self._count(trace))
        options = [replace(self, block=block, head=head) for block in blocks for head in heads]
        return [option for option in options if option != self]

    def _count(self, trace: Trace) -> int:
        return trace.block(self.stage, 0).attn.heads


def _moved(at: Tensor, keys: Tensor, offset: tuple[int, int]) -> Tensor:
    """Return ``at`` (N, 2) moved by ``offset``, round the borders of the map that ``keys`` fill."""
    first = keys.amin(0)
    return (at - first + at.new_tensor(offset)) % (keys.amax(0) + 1 - first) + first


def _sides(intervention: BlockIntervention, trace: Trace) -> set[tuple[int, int]]:
    """Return the heights and widths in tokens of the maps or windows of the blocks that change."""
    windows = {trace.windows[stage - 1][block] for stage, block in intervention.places(trace)}
    whole = trace.grid(intervention.stage).shape
    return {
        whole if size is None else (min(size, whole[0]), min(size, whole[1])) for size in windows
    }


def _shared(kept: BlockIntervention, control: BlockIntervention, trace: Trace) -> float:
    """Return which share of the edges of ``kept`` is left by ``control`` too, on the whole map."""
    (mine,), (theirs,) = kept.attention_mask(), control.attention_mask()
    return shared_edges(mine, theirs, positions(trace.grid(kept.stage).shape, None)[0])
