"""Every official segmentation configuration, against what the official code answered."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from golden import fill, fill_model, noise, recorded_input, relative_error, sample

from uniformer import create_model
from uniformer.attention import to_windows
from uniformer.heads import FPNHead, resize_bilinear
from uniformer.layers import to_tokens
from uniformer.light import PrunedBlock, shorten

RECORDS = Path(__file__).parent / "data" / "golden"

CONFIGS = {
    "fpn_global_small": ("small-fpn", "global", 32),
    "fpn_hybrid32_small": ("small-fpn", "hybrid", 32),
    "fpn_windows32_small": ("small-fpn", "window", 32),
    "fpn_hybrid_small": ("small-fpn-h14", "hybrid", 14),
    "fpn_hybrid_base": ("base-fpn-h14", "hybrid", 14),
    "upernet_global_small": ("small-upernet", "global", 32),
    "upernet_hybrid32_small": ("small-upernet", "hybrid", 32),
    "upernet_windows32_small": ("small-upernet", "window", 32),
    "upernet_hybrid_small": ("small-upernet-h14", "hybrid", 14),
    "upernet_global_base": ("base-upernet", "global", 32),
    "fpn_light_xxs": ("xxs-fpn", "global", 32),
    "fpn_light_xs": ("xs-fpn", "global", 32),
}
TOLERANCE = {"f32": 2e-5, "f64": 1e-9}
ATTENTION_TOLERANCE = {"f32": 5e-5, "f64": 1e-9}
DTYPES = {"f32": torch.float32, "f64": torch.float64}
QUICK_F64 = ("128x160", "200x250")
"""Sizes tried in float64 every time: one of whole tokens, one that leaves a rest in every stage."""


@lru_cache(maxsize=1)
def load(config):
    name, reach, window_size = CONFIGS[config]
    model = fill_model(create_model(name, weights=None))
    if name.endswith("-h14"):
        assert (model.reach, model.window_size) == (reach, window_size)
    model.set_reach(reach, window_size)
    return model


@lru_cache(maxsize=1)
def read(config):
    with np.load(RECORDS / f"{config}.golden.npz") as record:
        return dict(record)


def sizes(config):
    with np.load(RECORDS / f"{config}.golden.npz") as record:
        return sorted({key.split(".")[0] for key in record.files})


def marks(precision, size):
    return [pytest.mark.slow] if precision == "f64" and size not in QUICK_F64 else []


CASES = [
    pytest.param(
        (config, precision, size), id=f"{config}-{precision}-{size}", marks=marks(precision, size)
    )
    for config in CONFIGS
    for precision in DTYPES
    for size in sizes(config)
]


class Run:
    """One forward pass with the inputs of the blocks of stages 3 and 4 kept."""

    def __init__(self, model, size):
        height, width = map(int, size.split("x"))
        self.model = model
        self.block_inputs = {}
        hooks = [
            block.register_forward_pre_hook(self._keeper(f"blocks{stage}.{index}"))
            for stage in (3, 4)
            for index, block in enumerate(getattr(model.backbone, f"blocks{stage}"))
        ]
        try:
            with torch.inference_mode():
                x = recorded_input(height, width).to(next(model.parameters()).dtype)
                self.maps = model.backbone(x)
                self.logits = model.decode(self.maps)
                self.size = x.shape[-2:]
        finally:
            for hook in hooks:
                hook.remove()

    def _keeper(self, name):
        def keep(module, args):
            self.block_inputs[name] = args

        return keep

    def attention(self, name):
        """Softmax rows of one block, (windows * batch, heads, queries, keys)."""
        stage, index = name.split(".")
        block = getattr(self.model.backbone, stage)[int(index)]
        with torch.inference_mode():
            x, *focus = self.block_inputs[name]
            x = x + block.pos_embed(x)
            tokens = to_tokens(x)
            if isinstance(block, PrunedBlock):
                tokens, _ = shorten(tokens, *focus)
            tokens = block.norm1(tokens)
            if getattr(block, "window_size", None) is not None:
                grid = tokens.unflatten(1, x.shape[-2:])
                tokens, _ = to_windows(grid, block.window_size)
            query, key, _ = block.attn.project(tokens)
            return block.attn.affinity(query, key)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """One recorded run and ours, shared by the tests below: (record, run, precision, size)."""
    config, precision, size = request.param
    model = load(config).to(DTYPES[precision])  # float64 of the same float32 values
    return read(config), Run(model, size), precision, size


def check(tensor, record, prefix, precision):
    assert tuple(tensor.shape) == tuple(record[f"{prefix}.shape"])
    ours, theirs = sample(tensor), record[f"{prefix}.sample.{precision}"]
    assert relative_error(ours, theirs) < TOLERANCE[precision], prefix
    values = tensor.double()
    moments = np.array([values.mean().item(), values.std(correction=0).item()])
    assert relative_error(moments, record[f"{prefix}.mean_std.{precision}"]) < TOLERANCE[precision]


def test_fill_rebuilds_the_recorded_weights():
    for entry in json.loads((RECORDS / "fill_check.json").read_text()):
        make = noise if entry["name"] == "input" else fill
        values = make(entry["name"], tuple(entry["shape"])).astype(np.float64).reshape(-1)
        assert values.sum() == pytest.approx(entry["sum_f64"], abs=1e-6, rel=1e-9)
        assert values[:3] == pytest.approx(entry["first3"], rel=1e-6)
        assert values[-1] == pytest.approx(entry["last"], rel=1e-6)


def test_forward_equals_the_official_code(case):
    record, run, precision, size = case
    for stage, tensor in enumerate(run.maps, start=1):
        check(tensor, record, f"{size}.stage{stage}", precision)
    check(run.logits, record, f"{size}.logits", precision)
    with torch.inference_mode():
        check(resize_bilinear(run.logits, run.size), record, f"{size}.upsampled", precision)
        if isinstance(run.model.decode_head, FPNHead):
            for level, tensor in enumerate(run.model.neck(run.maps), start=1):
                check(tensor, record, f"{size}.neck{level}", precision)
        else:
            check(run.model.auxiliary(run.maps), record, f"{size}.aux_logits", precision)


def test_labels_equal_the_official_ones(case):
    record, run, precision, size = case
    ours = run.logits[0].argmax(0)
    theirs = torch.from_numpy(record[f"{size}.logits.argmax_map.f64"]).long()
    flipped = int((ours != theirs).sum())
    near_tie = record[f"{size}.logits.top2_margin_min.f64"] < 1e-4
    ties = 2 if precision == "f32" and near_tie else 0
    assert flipped <= ties
    histogram = torch.bincount(ours.flatten(), minlength=150).numpy()
    off = np.abs(histogram - record[f"{size}.logits.argmax_hist.{precision}"]).sum()
    assert off <= 2 * (flipped + ties)  # the official float32 may have flipped others


def test_attention_rows_equal_the_official_ones(case):
    record, run, precision, size = case
    start = f"{size}.attn."
    names = {
        key.removeprefix(start).removesuffix(".shape")
        for key in record
        if key.startswith(start) and key.endswith(".shape")
    }
    assert names
    for name in names:
        attention = run.attention(name)
        assert tuple(attention.shape) == tuple(record[f"{start}{name}.shape"])
        assert torch.allclose(attention.sum(-1), torch.ones_like(attention[..., 0]), atol=1e-5)
        rows = 0
        for key in record:
            if found := re.fullmatch(
                rf"{start}{name}\.head(\d+)\.win(\d+)\.query(\d+)\.{precision}", key
            ):
                head, window, query = map(int, found.groups())
                ours = attention[window, head, query].double().numpy()
                assert relative_error(ours, record[key]) < ATTENTION_TOLERANCE[precision], key
                rows += 1
        assert rows
        entropy = torch.special.entr(attention.double()).sum(-1).mean((0, 2)).numpy()
        recorded = record[f"{start}{name}.entropy_per_head.{precision}"]
        assert relative_error(entropy, recorded) < ATTENTION_TOLERANCE[precision]
