"""Rows as the page computes them in the browser, against the analysis: numbers and classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from javascript import base64_of, with_modules

from analysis.affinity.attended_classes import attended_classes
from analysis.affinity.global_affinity import GlobalAffinity, normed_input
from analysis.affinity.local_rows import contribution_norms
from analysis.affinity.row_summary import LOCAL_STAGES, affinity_row, row_numbers
from analysis.core.activation_cache import Trace, trace
from analysis.core.token_classes import token_classes
from uniformer import create_model
from uniformer.config import STRIDES

SIZE = (85, 121)
"""Of the picture: neither side is a multiple of a token, and the last row of pixels sees none."""

BLOCKS = ((1, 1), (2, 2), (3, 2), (3, 3), (4, 1))
PIXELS = ((0, 0), (120, 84), (60, 40), (119, 3), (1, 70))

PROGRAM = """
  const labels = bytes(given.labels);
  return given.blocks.map((block) => {
    for (const name of ["q", "k", "paddingKey", "norms"]) {
      if (name in block) block[name] = floats(block[name]);
    }
    const stage = given.stages[block.stage - 1];
    const tokens = tokenClasses(labels, given.width, stage);
    return given.pixels.map(([x, y]) => {
      const row = rowOf(block, tokenAt(stage, x, y));
      const heads = [null, ...Array(row.heads).keys()];
      return heads.map((head) => ({
        token: row.token,
        map: [...placed(row, stage, head)],
        numbers: rowNumbers(row, stage, head),
        attended: attendedClasses(row, tokens, stage, head),
        classes: tokens.classes,
      }));
    });
  });
"""


@pytest.fixture(scope="module")
def traced() -> Trace:
    """A picture in hybrid reach: stage 3 has windows that reach beyond the map, and one without."""
    model = create_model("nano", reach="hybrid", window_size=4)
    picture = np.random.default_rng(5).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    picture[:40] //= 4
    return trace(model, picture, short_side=72)


def test_rows_numbers_and_classes_are_those_of_the_analysis(traced: Trace) -> None:
    answers = with_modules(["rows.js"], PROGRAM, _given(traced))
    for (stage, block), places in zip(BLOCKS, answers, strict=True):
        tokens = token_classes(traced.labels, traced.grid(stage))
        for (x, y), found in zip(PIXELS, places, strict=True):
            row = affinity_row(traced, stage, block, x, y)
            local = stage in LOCAL_STAGES
            heads = [None, 0] if local else [None, *range(len(row.weight))]
            assert len(found) == len(heads)
            for head, each in zip(heads, found, strict=True):
                assert tuple(each["token"]) == row.token
                assert each["classes"] == tokens.classes.tolist()
                np.testing.assert_allclose(each["map"], _map(row, head).ravel(), atol=1e-5)
                _same_numbers(each["numbers"], row_numbers(traced, row, tokens, head))
                expected = attended_classes(row, tokens, None if local else head)
                _same_classes(each["attended"], expected)


def test_the_windows_tested_have_padding_and_some_have_none(traced: Trace) -> None:
    masses = [
        affinity_row(traced, 3, block, x, y).padding_mass.sum()
        for block in (2, 3)
        for x, y in PIXELS
    ]
    assert min(masses) == 0
    assert max(masses) > 0.1


def _given(traced: Trace) -> dict[str, Any]:
    return {
        "width": SIZE[1],
        "labels": base64_of(traced.labels),
        "pixels": PIXELS,
        "stages": [_stage(traced, stage) for stage in (1, 2, 3, 4)],
        "blocks": [_block(traced, stage, block) for stage, block in BLOCKS],
    }


def _stage(traced: Trace, stage: int) -> dict[str, Any]:
    grid = traced.grid(stage)
    height, width = grid.token_size_px
    rows, columns = grid.shape
    return {
        "stride": STRIDES[stage - 1],
        "rows": rows,
        "columns": columns,
        "tokenHeight": height,
        "tokenWidth": width,
    }


def _block(traced: Trace, stage: int, block: int) -> dict[str, Any]:
    rows, columns = traced.grid(stage).shape
    place = {"stage": stage, "block": block, "rows": rows, "columns": columns}
    if stage in LOCAL_STAGES:
        norms = contribution_norms(traced, stage, block).numpy()
        return {"kind": "local", **place, "norms": base64_of(norms)}
    attention, normed = normed_input(traced, stage, block)
    query, key, _ = attention.project(normed.flatten(0, 1)[None])
    _, padding, _ = attention.project(normed.new_zeros(1, 1, normed.shape[-1]))
    return {
        "kind": "global",
        **place,
        "heads": attention.heads,
        "headSize": query.shape[-1],
        "window": traced.windows[stage - 1][block],
        "q": base64_of((query[0] * attention.scale).detach().numpy()),
        "k": base64_of(key[0].detach().numpy()),
        "paddingKey": base64_of(padding[0, :, 0].detach().numpy()),
    }


def _map(row: Any, head: int | None) -> np.ndarray:
    """Return the weights of an affinity on the map of its stage."""
    if isinstance(row, GlobalAffinity):
        return row.weight.mean(0) if head is None else row.weight[head]
    whole = np.zeros(row.grid.shape)
    for down, across in np.argwhere(row.inside):
        place = row.token[0] + down - 2, row.token[1] + across - 2
        whole[place] = row.norm_share[down, across]
    return whole


def _same_numbers(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(found) <= set(expected)
    for name, value in found.items():
        value = np.nan if value is None else value  # JSON has no NaN
        np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-4, err_msg=name)


def _same_classes(found: dict[str, Any], expected: Any) -> None:
    shares = {each["index"]: (each["share"], each["uniform"]) for each in found["classes"]}
    for label, share, uniform in zip(
        expected.classes, expected.share, expected.uniform_share, strict=True
    ):
        np.testing.assert_allclose(shares.pop(int(label)), (share, uniform), atol=1e-5)
    assert not shares
    assert found["padding"] == pytest.approx(expected.padding_mass, abs=1e-5)
    assert found["uniformPadding"] == pytest.approx(expected.uniform_padding_mass, abs=1e-9)
    falling = [each["share"] for each in found["classes"]]
    assert falling == sorted(falling, reverse=True)
