"""The networks that the model is compared with, and the table of their results."""

from dataclasses import replace

import pytest
import torch
from tiny_run import CLASSES, TINY, trainer

from training.architectures import BATCH_NORM_MOMENTUM, build_form
from training.compare import compare_runs, tables
from training.config import RecipeError
from training.data import load_split
from training.export import export
from uniformer.blocks import GlobalBlock, LocalBlock
from uniformer.cost import count_parameters
from uniformer.factory import find_config

NANO = find_config("nano")


@pytest.mark.parametrize(("form", "kind"), [("local", LocalBlock), ("global", GlobalBlock)])
def test_a_form_has_one_kind_of_block_and_the_size_of_the_model(form, kind):
    model = build_form(form, NANO, CLASSES)
    blocks = [block for stage in range(1, 5) for block in model.backbone.stage(stage)[1]]
    assert {type(block) for block in blocks} == {kind}
    size = count_parameters(build_form("uniformer", NANO, CLASSES))
    assert count_parameters(model) == pytest.approx(size, rel=0.02)


@pytest.mark.parametrize("form", ["local", "global", "lraspp"])
def test_every_form_trains_resumes_and_is_compared(data, tmp_path, form):
    config = replace(TINY, form=form, steps=1, checkpoint_every=1, validate_every=1)
    run = tmp_path / form
    trainer(data, run, config).run()
    trainer(data, run, replace(config, steps=2)).run()
    examples = load_split(data, "val", len(CLASSES), 320)
    (result,) = compare_runs([run], CLASSES, examples)
    assert result.config.form == form
    assert result.pictures > 0
    assert result.cpu_seconds > 0
    assert 0 <= result.scores.aacc <= 1
    assert f"| {form} | {form} |" in tables([result], CLASSES)


def test_a_form_that_is_there_to_be_compared_with_is_not_released(data, tmp_path):
    config = replace(TINY, form="lraspp", steps=2, batch_pixels=2 * 32 * 32)
    trainer(data, tmp_path / "run", config).run()
    with pytest.raises(ValueError, match="not released"):
        export(tmp_path / "run", data, tmp_path / "out.safetensors")


def test_forms_start_from_nothing_so_that_the_comparison_is_fair():
    with pytest.raises(RecipeError, match="from scratch"):
        replace(TINY, form="local", distil_weight=1.0)
    with pytest.raises(RecipeError, match="form"):
        replace(TINY, form="transformer")


def test_lraspp_gives_logits_of_the_model_s_classes_at_stride_8():
    model = build_form("lraspp", NANO, CLASSES).eval()
    assert model(torch.zeros(1, 3, 64, 96)).shape == (1, len(CLASSES), 8, 12)


def test_lraspp_batch_norm_follows_within_a_short_run():
    model = build_form("lraspp", NANO, CLASSES)
    momenta = {m.momentum for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert momenta == {BATCH_NORM_MOMENTUM}
