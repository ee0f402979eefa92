"""The functions behind the lens, without a browser."""

import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from analysis import (
    global_affinity,
    local_affinity,
)
from analysis.affinity.atlas import ERROR_OF_PEAK
from analysis.report.lens_data import first_pieces
from analysis.report.viewer_data import segmentation_view
from ui.host.settings import Settings
from ui.service.actions import Actions
from ui.service.model_cache import ModelCache
from uniformer.config import MODELS


@pytest.fixture(scope="module")
def actions():
    return Actions(Settings())


@pytest.fixture(scope="module")
def shown(actions, tmp_path_factory):
    """A small picture of noise with its payload."""
    path = tmp_path_factory.mktemp("photo") / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    answer = actions.open_photo(actions.first.selection, str(path), path.name)
    return answer.selection, actions.lens(answer.selection)


def unpack(packed, dtype=np.uint8):
    return np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype)


def test_page_opens_with_a_lens_that_answers_every_block(actions):
    payload = actions.lens(actions.first.selection)
    sent = {(piece["stage"], piece["block"]) for piece in payload["pieces"]}
    depths = MODELS["nano"].backbone.depths
    assert sent == {(stage, block) for stage in (1, 2, 3, 4) for block in range(depths[stage - 1])}
    assert payload["model"] == "nano"
    assert len(json.dumps(payload)) < 3e6


def test_payload_decodes_to_the_rows_of_the_analysis(actions, shown):
    selection, payload = shown
    traced = actions.trace(selection)
    layout = {stage["stage"]: stage for stage in payload["stages"]}
    for piece in payload["pieces"]:
        stage, block = piece["stage"], piece["block"]
        rows, columns = layout[stage]["rows"], layout[stage]["columns"]
        assert (rows, columns) == traced.grid(stage).shape
        token = (rows // 2, columns // 3)
        if stage <= 2:
            want = local_affinity(traced, stage, block, token).norm_share
        else:
            want = global_affinity(traced, stage, block, token).weight.mean(0)
        codes = unpack(piece["codes"]).reshape(rows, columns, *want.shape)[token]
        peak = unpack(piece["maps"], np.float32).reshape(-1, rows, columns)[0][token]
        error = np.abs((codes / 255) ** 2 * peak - want).max()
        assert error <= ERROR_OF_PEAK * peak + 1e-7


def test_changed_reach_is_traced_anew_and_seen_in_the_payload(actions, shown):
    local = actions.change_reach(shown[0], "window", 2)
    before, after = shown[1], actions.lens(local.selection)
    assert [stage["windows"] for stage in before["stages"]][2] == (None,) * 6
    assert [stage["windows"] for stage in after["stages"]][2] == (2,) * 6
    assert actions.trace(shown[0]).reach == "global"


def test_blocks_beyond_the_bytes_are_left_for_later_last_blocks_first(actions, shown):
    traced = actions.trace(shown[0])
    assert [(sent["stage"], sent["block"]) for sent in first_pieces(traced, 1)] == [(1, 1)]


def test_labels_of_the_lens_are_those_of_the_result(actions, shown):
    payload, view = shown[1], segmentation_view(actions.stored(shown[0]).result)
    # The lens explains the network as it is, the result is that of the fast form of it: but for
    # ties, the classes are the same.
    assert (unpack(payload["labels"]) == unpack(view["labels"])).mean() > 0.999
    assert {entry["name"] for entry in payload["classes"]} == {row["name"] for row in view["rows"]}


def test_trace_is_made_once_and_counted_in_the_store(actions, shown):
    held = actions.stored(shown[0])
    assert actions.trace(shown[0]) is actions.trace(shown[0]) is held.trace
    assert held.bytes > held.trace.bytes > 0


def test_dropped_model_takes_its_traces_along(monkeypatch):
    monkeypatch.setitem(MODELS, "other", replace(MODELS["nano"], name="other"))
    dropped = []
    model_cache = ModelCache({"nano": None, "other": None}, 1, dropped.append)
    with model_cache.acquire_original("nano", "global", 32):
        pass
    with model_cache.acquire("other", "global", 32):
        pass
    assert dropped == ["nano"]


def test_store_lets_go_of_the_traces_of_a_dropped_model(actions, shown):
    kept = actions.trace(shown[0])
    actions._store.drop_traces("another")
    assert actions.stored(shown[0]).trace is kept
    actions._store.drop_traces(shown[0].model)
    assert actions.stored(shown[0]).trace is None
    assert actions.trace(shown[0]) is not kept
