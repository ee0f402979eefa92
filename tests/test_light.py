"""What pruning by a class token does, and what it must not do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from uniformer.classes import numbered_classes
from uniformer.config import MODELS, BackboneConfig
from uniformer.light import Focus, halve_score, restore, select, shorten
from uniformer.segmenter import Segmenter

TINY = BackboneConfig((1, 1, 3, 2), (8, 8, 16, 16), head_dim=8, conv_stages=1, pruned=True)


def make(seed=0):
    torch.manual_seed(seed)
    config = replace(MODELS["xxs-fpn"], name="tiny-light", backbone=TINY)
    model = Segmenter(config, numbered_classes(5)).eval()
    torch.nn.init.normal_(model.backbone.cls_token)
    return model


def test_the_better_half_is_kept_and_the_rest_weighed_by_its_score():
    chosen = select(torch.tensor([[0.1, 0.4, 0.05, 0.25, 0.2]]))
    assert chosen.kept.tolist() == [[1, 3]]
    assert chosen.dropped.tolist() == [[4, 0, 2]]
    assert torch.allclose(chosen.share, torch.tensor([[0.2, 0.1, 0.05]]) / 0.35)


def test_every_token_comes_back_to_its_place_and_dropped_ones_share_one_update():
    tokens, score = torch.randn(2, 6, 3), torch.rand(2, 6)
    focus = Focus(torch.randn(2, 1, 3), score)
    passed, chosen = shorten(tokens, focus)
    assert passed.shape == (2, 1 + 3 + 1, 3)
    row = torch.rand(2, 4, 5)
    same, _ = restore(tokens, passed, torch.zeros_like(passed), row, focus, chosen)
    assert torch.equal(same, tokens)
    update = torch.randn_like(passed)
    after, behind = restore(tokens, passed, update, row, focus, chosen)
    for sample in range(2):
        for place, token in enumerate(chosen.kept[sample]):
            change = after[sample, token] - tokens[sample, token]
            assert torch.allclose(change, update[sample, 1 + place], atol=1e-6)
        for token in chosen.dropped[sample]:
            assert torch.equal(after[sample, token], tokens[sample, token] + update[sample, -1])
            assert behind.score[sample, token] == score[sample, token]
    kept = behind.score.gather(1, chosen.kept)
    assert torch.allclose(kept, 0.5 * score.gather(1, chosen.kept) + 0.5 * row.mean(1)[:, 1:-1])


def test_scores_of_the_next_stage_are_means_of_four_with_the_same_sum():
    score = torch.rand(1, 4 * 6)
    halved = halve_score(score, 4, 6).view(2, 3)
    means = score.view(2, 2, 3, 2).mean((1, 3))
    assert halved.sum() == pytest.approx(score.sum().item(), rel=1e-5)
    assert torch.allclose(halved / halved.sum(), means / means.sum())


def test_samples_of_a_batch_and_threads_do_not_mix():
    model = make()
    pictures = torch.randn(6, 3, 64, 96)
    with torch.inference_mode():
        together = model(pictures)
    apart = [model(picture[None]).detach() for picture in pictures]
    assert torch.allclose(together, torch.cat(apart), atol=1e-5)
    with ThreadPoolExecutor(6) as pool:
        threaded = list(pool.map(lambda picture: model(picture[None]).detach(), pictures))
    for ours, alone in zip(threaded, apart, strict=True):
        assert torch.equal(ours, alone)


def test_every_parameter_of_prediction_gets_a_gradient():
    model = make().train()
    model(torch.randn(2, 3, 64, 64)).square().mean().backward()
    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert missing == []


@pytest.mark.parametrize("reach", ["hybrid", "window"])
def test_windows_are_refused_and_change_nothing(reach):
    model = make()
    with pytest.raises(ValueError, match="its reach is global"):
        model.set_reach(reach, 4)
    assert (model.reach, model.window_size) == ("global", 32)


@pytest.mark.parametrize("size", [(32, 32), (33, 67), (64, 96)])
def test_any_size_from_32_gives_finite_logits_at_stride_4(size):
    with torch.inference_mode():
        logits = make()(torch.randn(1, 3, *size))
    assert logits.shape == (1, 5, -(-size[0] // 4), -(-size[1] // 4))
    assert logits.isfinite().all()
