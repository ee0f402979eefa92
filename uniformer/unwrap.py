"""Find the weights in what training programs save round them.

A checkpoint of a training run holds more than a model: wrappers (``state_dict``,
``model_state_dict``, ...), prefixes of data-parallel, compiled or Lightning modules, averaged
copies, counters of profilers, buffers of losses. The names that UniFormer itself gives to its
tensors tell which part is the model; what else there is, is named and left out.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

_WELL_KNOWN = ("state_dict", "model", "model_state_dict", "model_state")
_AVERAGED = re.compile(r"(?<![a-z])(ema|swa|averaged?|teacher)(?![a-z])", re.IGNORECASE)
_FIRST_LAYER = re.compile(r"((?:[^.]+\.)*?)(?:backbone\.)?patch_embed1\.")
_PARALLEL = ("module.", "_orig_mod.", "model.", "state_dict.")
_COUNTERS = ("total_ops", "total_params")
_MMCV_COPY = "ema_"
_DEPTH = 2
_EXAMPLES = 3


@dataclass(frozen=True)
class WeightSet:
    """One set of weights in a checkpoint, under the names it has without ``prefix``.

    ``wrapper`` is the entry that held it, None when it was bare. ``left_out`` are phrases about
    what stood beside it, ``recognised`` whether the names are those of a UniFormer.
    """

    state: dict[str, Tensor]
    wrapper: str | None
    prefix: str = ""
    left_out: list[str] = field(default_factory=list)
    recognised: bool = False


def find_weights(loaded: Mapping[str, Any]) -> dict[str, WeightSet]:
    """Return the sets of weights in a checkpoint by the names they are chosen by, the best first.

    A set is called after its entry (``state_dict_ema``, ``""`` when it is bare), or after its
    prefix where one entry holds several (``teacher``). Sets that look like a UniFormer come before
    others, those that no name calls averaged before averaged ones. Averaged copies that mmcv's
    hook keeps among the weights, ``ema_backbone_...``, are called ``ema``.
    """
    found: dict[str, WeightSet] = {}
    seen: set[int] = set()

    def look(path: tuple[str, ...], value: Mapping[Any, Any]) -> None:
        if id(value) in seen:  # a pickle can name one entry a million times
            return
        seen.add(id(value))
        if any(isinstance(item, Tensor) for item in value.values()):
            for name, weights in _split(path, value).items():
                found.setdefault(name, weights)
        if len(path) < _DEPTH:
            for key, item in value.items():
                if isinstance(key, str) and isinstance(item, Mapping):
                    look((*path, key), item)

    look((), loaded)
    return dict(sorted(found.items(), key=_rank))


def describe(weights: WeightSet, others: list[str], file: str) -> str:
    """Say what was taken of ``file`` and what left out, and how to choose one of ``others``.

    Empty when the file held the weights and nothing else.
    """
    said = []
    if weights.wrapper or weights.prefix or weights.left_out:
        taken = f"the entry {weights.wrapper}" if weights.wrapper else "the weights"
        prefix = f" without the prefix '{weights.prefix}'" if weights.prefix else ""
        left = f", left out {', '.join(weights.left_out)}" if weights.left_out else ""
        said.append(f"Took {taken} of {file}{prefix}{left}.")
    if others:
        what = "An averaged copy is" if _AVERAGED.search(others[0]) else "Other weights are"
        said.append(f"{what} there too ({some(others)}): choose it as {file}#{others[0]}.")
    return " ".join(said)


def some(names: list[str]) -> str:
    """Return the first names of a list, in words."""
    more = len(names) - _EXAMPLES
    return ", ".join(names[:_EXAMPLES]) + (f" and {more} more" if more > 0 else "")


def _rank(item: tuple[str, WeightSet]) -> tuple[bool, bool, int]:
    name, weights = item
    order = _WELL_KNOWN.index(name) if name in _WELL_KNOWN else len(_WELL_KNOWN)
    return not weights.recognised, _AVERAGED.search(name) is not None, order


def _split(path: tuple[str, ...], entry: Mapping[Any, Any]) -> dict[str, WeightSet]:
    """Return the sets of weights in one entry, by the prefixes before UniFormer's own names."""
    keys = [key for key in entry if isinstance(key, str) and isinstance(entry[key], Tensor)]
    matches = map(_FIRST_LAYER.match, keys)
    prefixes = list(dict.fromkeys(match[1] for match in matches if match))
    recognised = bool(prefixes)
    if not recognised:
        prefixes = [_common_prefix(keys)]
    found = {}
    for prefix in prefixes:
        nested = tuple(each for each in prefixes if each != prefix and each.startswith(prefix))
        others = tuple(each for each in prefixes if each not in ("", prefix))
        inside: dict[Any, Any] = {}
        outside: list[str] = []
        for key, value in entry.items():
            text = key if isinstance(key, str) else ""
            if text.startswith(prefix) and not (nested and text.startswith(nested)):
                inside[text.removeprefix(prefix) if prefix else key] = value
            elif not (others and text.startswith(others)):
                outside.append(str(key))
        state, left, copies = _clean(inside)
        own = (prefix.strip("."),) if prefix and len(prefixes) > 1 else ()
        wrapper = ".".join(path) or None
        if outside:
            left.append(some(outside))
        name = ".".join((*path, *own))
        found[name] = WeightSet(state, wrapper, prefix, left, recognised)
        if copies:
            averaged = {key: copies.get(_mmcv_name(key), value) for key, value in state.items()}
            name = ".".join((*path, *own, "ema"))
            found[name] = WeightSet(averaged, wrapper, prefix, left[1:], recognised)
    return found


def _common_prefix(keys: list[str]) -> str:
    """Return what data-parallel and compiled modules put before every name."""
    prefix = ""
    while keys and (
        more := next(
            (word for word in _PARALLEL if all(k.startswith(prefix + word) for k in keys)), ""
        )
    ):
        prefix += more
    return prefix


def _clean(entry: dict[Any, Any]) -> tuple[dict[str, Tensor], list[str], dict[str, Tensor]]:
    """Return the weights in ``entry``, phrases about the rest, and mmcv's averaged copies."""
    names = {_mmcv_name(key) for key in entry if isinstance(key, str)}
    state: dict[str, Tensor] = {}
    copies: dict[str, Tensor] = {}
    counters: list[str] = []
    losses: list[str] = []
    rest: list[str] = []
    for key, value in entry.items():
        parts = key.split(".") if isinstance(key, str) else []
        if not isinstance(value, Tensor) or key == "n_averaged":
            rest.append(str(key))
        elif key in names:
            copies[key] = value
        elif parts and parts[-1] in _COUNTERS:
            counters.append(key)
        elif any(part.startswith("loss_") for part in parts):
            losses.append(key)
        else:
            state[key] = value
    groups = (
        ("averaged copies", list(copies)),
        ("counters of a profiler", counters),
        ("buffers of a loss", losses),
    )
    phrases = [f"{title} ({some(keys)})" for title, keys in groups if keys]
    return state, phrases + ([some(rest)] if rest else []), copies


def _mmcv_name(key: Hashable) -> str:
    return _MMCV_COPY + str(key).replace(".", "_")
