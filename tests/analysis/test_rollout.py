"""Rollout against the product of matrices it stands for, and against forms that are known."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from analysis import AnalysisError, local_affinity, position_affinity, trace
from analysis.affinity import attention_rows
from analysis.core.regions import pixel_region
from analysis.receptive_field.theoretical import receptive_field
from analysis.rollout.flow import to_patches
from analysis.rollout.rollout import rollout
from uniformer.attention import to_windows
from uniformer.layers import to_tokens

REACHES = ["global", "hybrid", "window"]


def without_encoding(model):
    for name, parameter in model.named_parameters():
        if ".pos_embed." in name:
            parameter.zero_()


def start_of(traced, stage, row, column):
    """A pixel region whose token is the one given."""
    box = traced.grid(stage).box((row, column))
    return pixel_region(traced.picture_size_px, int(box.left_px), int(box.top_px))


def convolution_matrix(traced, stage, block, affinity):
    """Rows of the norm shares of a convolution, one token after another."""
    rows, columns = traced.grid(stage).shape
    matrix = np.zeros((rows, columns, rows, columns))
    for row, column in np.ndindex(rows, columns):
        share = affinity(traced, stage, block, (row, column)).norm_share
        radius = len(share) // 2
        for down, across in np.ndindex(share.shape):
            there = row + down - radius, column + across - radius
            if 0 <= there[0] < rows and 0 <= there[1] < columns:
                matrix[row, column][there] += share[down, across]
    return matrix.reshape(rows * columns, rows * columns)


def attention_matrix(layers, stream, window):
    """The mean over heads of the whole affinity, keys of the padding left out."""
    rows, columns = stream.shape[-2:]
    attention, normed = layers.attn, layers.norm1(to_tokens(stream))
    if window is None:
        query, key, _ = attention.project(normed)
        return attention.affinity(query, key).mean(1)[0].numpy()
    numbers = torch.arange(1, rows * columns + 1).view(1, rows, columns, 1)
    numbers = to_windows(numbers, window)[0][..., 0]
    query, key, _ = attention.project(to_windows(normed.unflatten(1, (rows, columns)), window)[0])
    matrix = np.zeros((rows * columns + 1, rows * columns + 1))
    for here, weight in zip(numbers, attention.affinity(query, key).mean(1), strict=True):
        matrix[np.ix_(here, here)] = weight
    return matrix[1:, 1:]


def block_matrix(traced, stage, block):
    layers, x = traced.block(stage, block), traced.block_inputs[stage - 1][block]
    encoding = layers.pos_embed(x)
    stream = x + encoding
    if stage <= 2:
        branch = layers.conv2(layers.attn(layers.conv1(layers.norm1(stream))))
        mixing = convolution_matrix(traced, stage, block, local_affinity)
    else:
        branch = layers.attend(layers.norm1(to_tokens(stream)), *stream.shape[-2:])
        branch = branch.transpose(1, 2).view_as(stream)
        mixing = attention_matrix(layers, stream, traced.windows[stage - 1][block])
    matrix = np.eye(len(mixing))
    encoded = convolution_matrix(traced, stage, block, position_affinity)
    for added, kept, step in ((branch, stream, mixing), (encoding, x, encoded)):
        added, kept = added[0].norm(dim=0).flatten(), kept[0].norm(dim=0).flatten()
        share = (added / (added + kept)).numpy()[:, None]
        matrix = matrix @ (share * step + (1 - share) * np.eye(len(step)))
    return matrix


def patch_matrix(traced, stage):
    """From the tokens of a stage to those of the stage below, after its last block."""
    embed = traced.model.backbone.stage(stage)[0]
    blocks = traced.model.backbone.stage(stage - 1)[1]
    x = blocks[-1](traced.block_inputs[stage - 2][-1])[0]
    (rows, columns), below = traced.grid(stage).shape, traced.grid(stage - 1).shape
    matrix = np.zeros((rows, columns, *below))
    for row, column, down, across in np.ndindex(rows, columns, 2, 2):
        there = 2 * row + down, 2 * column + across
        term = embed.proj.weight[:, :, down, across] @ x[:, there[0], there[1]]
        matrix[row, column][there] = term.norm()
    matrix = matrix.reshape(rows * columns, -1)
    return matrix / matrix.sum(1, keepdims=True)


@pytest.mark.parametrize("reach", REACHES)
@torch.no_grad()
def test_row_vector_form_equals_the_product_of_all_matrices(tiny, picture, reach):
    traced = trace(tiny(reach), picture(64, 70), short_side=64)
    start = np.zeros((2, 2))
    start[1, 0] = 1
    found = rollout(traced, start_of(traced, 4, 1, 0))
    np.testing.assert_array_equal(found.start, start)
    flow = start.reshape(1, -1)
    for stage in (4, 3, 2, 1):
        for block in reversed(range(len(traced.windows[stage - 1]))):
            flow = flow @ block_matrix(traced, stage, block)
            here = found.maps[stage - 1][block]
            np.testing.assert_allclose(here.reshape(1, -1), flow, rtol=1e-9, atol=1e-16)
        if stage > 1:
            flow = flow @ patch_matrix(traced, stage)
    pixels = np.kron(flow.reshape(16, 17), np.full((4, 4), 1 / 16))
    np.testing.assert_allclose(found.pixels[:, :68], pixels, rtol=1e-9, atol=1e-16)
    assert not found.pixels[:, 68:].any()
    assert (found.total_lost_mass > 0) == (reach != "global")


@pytest.mark.parametrize("reach", REACHES)
@pytest.mark.parametrize("stage", [1, 2, 3, 4])
@pytest.mark.parametrize("fixed_share", [None, 0.5, 1.0])
def test_mass_on_the_pixels_and_mass_lost_to_padding_sum_to_one(
    tiny, picture, reach, stage, fixed_share
):
    traced = trace(tiny(reach), picture(70, 99), short_side=70)
    region = np.zeros((70, 99), dtype=bool)
    region[20:60, 50:99] = True
    found = rollout(traced, region, stage, fixed_share=fixed_share)
    assert abs(found.conservation_error) < 1e-12
    assert found.pixels.min() >= 0
    lost = np.array(found.lost_mass[2]) if stage > 2 else np.zeros(4)
    windowed = [window is not None and stage > 2 for window in traced.windows[2]]
    assert [loss > 1e-6 for loss in lost] == windowed
    assert [len(maps) for maps in found.maps] == [1, 1, 4, 1][:stage]


def test_windows_of_one_token_are_the_identity(tiny, picture):
    traced = trace(tiny("window", 1, edit=without_encoding), picture())
    found = rollout(traced, start_of(traced, 3, 2, 4), 3, fixed_share=1.0)
    for each in found.maps[2]:
        np.testing.assert_allclose(each, found.start, atol=1e-15)
    assert found.total_lost_mass == 0


def test_branches_that_weigh_nothing_leave_the_patch_of_the_token(tiny, picture):
    traced = trace(tiny(), picture())
    found = rollout(traced, start_of(traced, 4, 1, 2), fixed_share=0.0)
    outside = np.ones((64, 96), dtype=bool)
    outside[32:64, 64:96] = False
    assert not found.pixels[outside].any()
    assert found.pixels.sum() == pytest.approx(1, abs=1e-12)


def test_uniform_attention_has_its_closed_form(tiny, picture, silent_queries):
    def edit(model):
        silent_queries(model)
        without_encoding(model)

    traced = trace(tiny(edit=edit), picture())
    found = rollout(traced, start_of(traced, 3, 1, 2), 3, fixed_share=0.5)
    for block, blocks in enumerate((4, 3, 2, 1)):
        expected = np.full((4, 6), (1 - 2.0**-blocks) / 24)
        expected[1, 2] += 2.0**-blocks
        np.testing.assert_allclose(found.maps[2][block], expected, rtol=1e-12)


def test_shares_are_means_weighted_by_the_flow(tiny, picture):
    traced = trace(tiny(), picture())
    found = rollout(traced, start_of(traced, 4, 1, 2))
    layers, x = traced.block(4, 0), traced.block_inputs[3][0]
    with torch.no_grad():
        stream = x + layers.pos_embed(x)
        branch = layers.attend(layers.norm1(to_tokens(stream)), 2, 3)[0, 5].norm()
        expected = branch / (branch + stream[0, :, 1, 2].norm())
    assert found.affinity_share[3][0] == pytest.approx(expected.item(), rel=1e-12)
    for each in (traced, trace(tiny("window", 4), picture())):
        fixed = rollout(each, start_of(each, 4, 1, 2), fixed_share=0.3)
        np.testing.assert_allclose(np.concatenate(fixed.affinity_share), 0.3)
        np.testing.assert_allclose(np.concatenate(fixed.position_share), 0.3)


def test_windows_that_fill_the_map_lose_nothing_at_all(tiny, picture):
    traced = trace(tiny("window", 2), picture())
    found = rollout(traced, start_of(traced, 4, 1, 2))
    assert found.lost_mass == ((0,), (0,), (0, 0, 0, 0), (0,))


def test_a_patch_to_which_nothing_adds_is_shared_out_evenly(tiny, picture):
    traced = trace(tiny(), picture())
    x = traced.block_inputs[0][0].clone()
    x[:, :, 2:4, 6:8] = 0
    amount = torch.rand(8, 12, dtype=torch.float64)
    moved = to_patches(traced.model.backbone.stage(2)[0], x, amount).detach()
    torch.testing.assert_close(moved[2:4, 6:8], (amount[1, 3] / 4).expand(2, 2))
    torch.testing.assert_close(moved.unflatten(0, (8, 2)).unflatten(2, (12, 2)).sum((1, 3)), amount)


def test_local_stages_reach_as_far_as_their_kernels(tiny, picture):
    traced = trace(tiny(), picture())
    found = rollout(traced, start_of(traced, 1, 7, 11), 1)
    support = np.zeros((16, 24), dtype=bool)
    support[4:11, 8:15] = True  # 5 x 5 and 3 x 3 together
    np.testing.assert_array_equal(found.maps[0][0] > 0, support)
    field = receptive_field(traced.model, (64, 96), 2, (3, 5))
    pixels = rollout(traced, start_of(traced, 2, 3, 5), 2).pixels
    inside = pixels[field.top_px : field.bottom_px, field.left_px : field.right_px]
    assert (inside > 0).all()
    assert inside.sum() == pytest.approx(pixels.sum(), abs=1e-15)


def test_a_region_is_the_mean_of_its_pixels(tiny, picture):
    traced = trace(tiny("hybrid"), picture())
    pixels = [(3, 4), (5, 6), (90, 60)]
    region = np.zeros((64, 96), dtype=bool)
    for x, y in pixels:
        region[y, x] = True
    alone = [rollout(traced, pixel_region((64, 96), x, y)).pixels for x, y in pixels]
    np.testing.assert_allclose(rollout(traced, region).pixels, np.mean(alone, axis=0), rtol=1e-10)


@pytest.mark.parametrize("reach", REACHES)
def test_chunks_change_nothing(tiny, picture, reach, monkeypatch):
    traced = trace(tiny(reach), picture())
    region = pixel_region((64, 96), 40, 20)
    whole = rollout(traced, region).pixels
    monkeypatch.setattr(attention_rows, "CHUNK", 5)
    np.testing.assert_allclose(rollout(traced, region).pixels, whole, rtol=1e-12)


def test_answers_are_for_the_reach_traced_and_the_same_in_every_thread(tiny, picture):
    model = tiny("hybrid")
    traced = trace(model, picture())
    region = pixel_region((64, 96), 40, 20)
    alone = rollout(traced, region).pixels
    model.set_reach("window", 2)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda _: rollout(traced, region).pixels, range(4)):
            np.testing.assert_array_equal(found, alone)
    model.set_reach("hybrid", 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((64, 96), 5, None), "no stage 5"),
        (((64, 95), 4, None), "64 x 96 pixels"),
        (((64, 96), 4, 1.5), "between 0 and 1, not at 1.5"),
    ],
)
def test_questions_without_an_answer_are_refused_in_one_sentence(tiny, picture, arguments, words):
    size, stage, share = arguments
    with pytest.raises(AnalysisError, match=words):
        rollout(trace(tiny(), picture()), pixel_region(size, 0, 0), stage, fixed_share=share)
