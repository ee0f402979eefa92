from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis import AnalysisError, trace
from analysis.affinity import jacobian
from analysis.affinity.jacobian import PARTS, token_jacobian
from analysis.core.forward import run_block
from uniformer.blocks import LocalBlock
from uniformer.layers import to_map, to_tokens

GLOBAL = ("global", 3)
CASES = [
    (GLOBAL, 1, (0, 0)),
    (GLOBAL, 1, (15, 23)),
    (GLOBAL, 1, (7, 9)),
    (GLOBAL, 2, (3, 5)),
    (GLOBAL, 3, (0, 5)),
    (GLOBAL, 4, (1, 0)),
    (("window", 3), 3, (2, 2)),
    (("window", 3), 3, (0, 5)),
    (("window", 5), 3, (1, 5)),
]


def brute_force(traced, stage: int, block: int, token, part: str) -> np.ndarray:
    """Return the norms of the full Jacobian of the block itself, by plain autograd."""
    layers, size = traced.block(stage, block), traced.windows[stage - 1][block]
    x = traced.block_inputs[stage - 1][block]

    def affinity(x):
        if isinstance(layers, LocalBlock):
            return layers.conv2(layers.attn(layers.conv1(layers.norm1(x))))
        height, width = x.shape[-2:]
        return to_map(layers.attend(layers.norm1(to_tokens(x)), height, width), height, width)

    if part == "affinity":
        x = (x + layers.pos_embed(x)).detach()
    whole = {
        "block": lambda x: run_block(layers, x, size),
        "affinity": affinity,
        "position": layers.pos_embed,
    }[part]
    rows = torch.autograd.functional.jacobian(lambda x: whole(x)[0][:, token[0], token[1]], x)
    return rows.square().sum((0, 1, 2)).sqrt().numpy()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("reach", "stage", "token"), CASES)
def test_token_jacobian_is_that_of_the_block(tiny, picture, reach, stage, token, part):
    traced = trace(tiny(*reach), picture())
    found = token_jacobian(traced, stage, 0, token, part)
    wanted = brute_force(traced, stage, 0, token, part)
    np.testing.assert_allclose(found.norm, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found.support, wanted > 0)
    np.testing.assert_allclose(found.energy, wanted**2, rtol=1e-9, atol=1e-12)


def test_number_of_probes_held_changes_nothing(tiny, picture, monkeypatch):
    traced = trace(tiny(), picture())
    together = token_jacobian(traced, 3, 0, (1, 1))
    monkeypatch.setattr(jacobian, "VALUES", 1)
    np.testing.assert_allclose(token_jacobian(traced, 3, 0, (1, 1)).norm, together.norm, rtol=1e-12)


@pytest.mark.parametrize(("part", "side"), [("block", 7), ("affinity", 5), ("position", 3)])
def test_support_of_a_local_block_is_a_square_of_7(tiny, picture, part, side):
    support = token_jacobian(trace(tiny(), picture()), 1, 0, (8, 10), part).support
    rows, columns = np.nonzero(support)
    half = side // 2
    assert (rows.min(), rows.max()) == (8 - half, 8 + half)
    assert (columns.min(), columns.max()) == (10 - half, 10 + half)
    assert support.sum() == side**2


def test_support_of_a_window_is_the_window_and_what_position_encoding_adds(tiny, picture):
    traced = trace(tiny("window", 3), picture())
    window, seen = np.zeros((2, 4, 6), dtype=bool)
    window[:3, :3], seen[:4, :4] = True, True
    np.testing.assert_array_equal(token_jacobian(traced, 3, 0, (1, 2), "affinity").support, window)
    np.testing.assert_array_equal(token_jacobian(traced, 3, 0, (1, 2)).support, seen)


def test_position_encoding_has_the_norm_of_its_kernel(tiny, picture):
    traced = trace(tiny(), picture())
    kernel = traced.block(4, 0).pos_embed.weight[:, 0].detach()
    found = token_jacobian(traced, 4, 0, (0, 1), "position").norm
    np.testing.assert_allclose(found, kernel.norm(dim=0)[1:, :].numpy(), atol=1e-12)


def test_energy_and_norm_of_faint_global_weights_tell_different_stories(
    tiny, picture, silent_queries
):
    def strong_position(model):
        silent_queries(model)
        for block in model.backbone.blocks3:
            block.attn.proj.weight.mul_(0.03)

    image = picture(256, 256)
    traced = trace(tiny(edit=strong_position), image, short_side=256)
    whole = token_jacobian(traced, 3, 0, (8, 8))
    alone = token_jacobian(traced, 3, 0, (8, 8), "affinity")
    assert whole.others_by_energy.mass_3x3[0] > 0.99
    assert whole.others_by_norm.mass_3x3[0] < whole.others_by_energy.mass_3x3[0]
    assert alone.others_by_norm.mass_3x3[0] < 0.1


def test_shares_leave_out_the_query_and_sum_to_one(tiny, picture):
    found = token_jacobian(trace(tiny(), picture()), 2, 0, (4, 6))
    others = found.norm.copy()
    others[4, 6] = 0
    assert found.self_share == pytest.approx(1 - others.sum() / found.norm.sum())
    near = others[3:6, 5:8].sum() / others.sum()
    assert found.others_by_norm.mass_3x3[0] == pytest.approx(near)
    squares = (others[2:7, 4:9] ** 2).sum() / (others**2).sum()
    assert found.others_by_energy.mass_5x5[0] == pytest.approx(squares)
    assert found.others_by_norm.mass_7x7[0] == pytest.approx(1)
    distance = 8 * np.hypot(*np.mgrid[-4:4, -6:6])
    wanted = (others * distance).sum() / others.sum()
    assert found.others_by_norm.distance_picture_px[0] == pytest.approx(wanted)


def test_what_does_not_exist_is_refused(tiny, picture):
    traced = trace(tiny(), picture())
    with pytest.raises(AnalysisError, match="no part 'mlp': choose one of block, affinity"):
        token_jacobian(traced, 1, 0, (0, 0), "mlp")
    with pytest.raises(AnalysisError, match="no token in row 4"):
        token_jacobian(traced, 3, 0, (4, 0))


def test_a_model_in_training_mode_is_refused(tiny, picture):
    model = tiny()
    traced = trace(model, picture())
    model.train()
    with pytest.raises(AnalysisError, match="training mode"):
        token_jacobian(traced, 1, 0, (0, 0))
    model.eval()
