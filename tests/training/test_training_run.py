import csv
import json
import re
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from tiny_run import CLASSES, TINY, trainer

from training.__main__ import main
from training.config import RecipeError, parse_recipe
from training.data import load_split, read_classes, read_groups
from training.export import export
from training.parallel import run_in_parallel
from training.trainer import CHECKPOINT, Trainer, learning_rate, read_checkpoint
from uniformer.checkpoint import read_state_dict, sha256_of
from uniformer.classes import class_set, numbered_classes
from uniformer.factory import create_model


def losses(folder):
    rows = (folder / "log.csv").read_text().splitlines()
    return [row.split(",")[:6] for row in rows[1:]]


def test_resumed_run_has_the_losses_and_weights_of_an_undisturbed_one(data, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    trainer(data, whole).run()

    broken = trainer(data, cut)
    take_step = broken.step

    def stop_after_3_steps(batch):
        if broken.done == 3:
            raise KeyboardInterrupt
        return take_step(batch)

    broken.step = stop_after_3_steps
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    assert read_checkpoint(cut)["done"] == 2
    trainer(data, cut).run()

    assert len(losses(whole)) == TINY.steps
    assert losses(cut) == losses(whole)
    wanted, found = read_checkpoint(whole), read_checkpoint(cut)
    for part in ("model", "averaged"):
        for name, value in wanted[part].items():
            assert torch.equal(value, found[part][name]), name
    costs = [float(row["cpu_seconds"]) for row in csv.DictReader((cut / "log.csv").open())]
    assert costs == sorted(costs)
    assert costs[-1] == pytest.approx(found["cpu_seconds"], rel=1e-5)


def test_two_processes_train_on_the_pictures_of_one(data, tmp_path):
    run_in_parallel(lambda: trainer(data, tmp_path / "two").run(), processes=2)
    trainer(data, tmp_path / "one").run()
    one, two = (read_checkpoint(tmp_path / name) for name in ("one", "two"))
    assert one["pictures"] == two["pictures"]
    assert (tmp_path / "two" / "curve.png").stat().st_size > 0
    assert [row[:2] for row in losses(tmp_path / "two")] == [
        row[:2] for row in losses(tmp_path / "one")
    ]


def test_half_written_checkpoint_never_replaces_a_whole_one(data, tmp_path, monkeypatch):
    run = trainer(data, tmp_path / "run")
    run.save()
    before = (tmp_path / "run" / CHECKPOINT).read_bytes()

    def break_off(_, file):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", break_off)
    with pytest.raises(OSError, match="No space left"):
        run.save()
    assert (tmp_path / "run" / CHECKPOINT).read_bytes() == before
    assert [file.name for file in (tmp_path / "run").iterdir()] == [CHECKPOINT]


@pytest.mark.parametrize("kept", [0, 10_000])
def test_damaged_checkpoint_is_told_with_the_cure(data, tmp_path, kept):
    trainer(data, tmp_path / "run").save()
    file = tmp_path / "run" / CHECKPOINT
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(RecipeError, match=r"checkpoint\.pt .* is damaged: delete it to start"):
        trainer(data, tmp_path / "run")


def test_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(RecipeError, match="holds no run"):
        read_checkpoint(tmp_path)


def test_run_of_another_recipe_is_not_continued(data, tmp_path):
    trainer(data, tmp_path / "run").save()
    trainer(data, tmp_path / "run", replace(TINY, steps=8))
    with pytest.raises(RecipeError, match="another weight_decay"):
        trainer(data, tmp_path / "run", replace(TINY, weight_decay=0.0))


def test_exported_file_is_fp16_and_its_card_has_its_sha256(data, tmp_path):
    run = trainer(data, tmp_path / "run")
    run.save()
    weights, card = export(tmp_path / "run", data, tmp_path / "out.safetensors")
    values = json.loads(card.read_text())
    assert values["sha256"] == sha256_of(weights)
    assert [row["name"] for row in values["classes"]] == list(CLASSES.names)
    state = read_state_dict(weights)
    averaged = run.averaged.model.state_dict()
    assert state.keys() == averaged.keys()
    assert all(
        v.dtype == torch.float16 for k, v in state.items() if averaged[k].is_floating_point()
    )
    for init in (weights, tmp_path / "run"):
        following = trainer(data, tmp_path / "next", replace(TINY, init=str(init)))
        for name, value in following.model.state_dict().items():
            torch.testing.assert_close(value, averaged[name], rtol=1e-3, atol=1e-6)


def test_calibration_changes_the_classifier_alone(data, tmp_path):
    trainer(data, tmp_path / "run").save()
    plain, fitted = (
        read_state_dict(export(tmp_path / "run", data, tmp_path / "out.safetensors", use)[0])
        for use in (None, data)
    )
    changed = [name for name in plain if not torch.equal(plain[name], fitted[name])]
    assert changed == ["decode_head.conv_seg.bias", "decode_head.conv_seg.weight"]
    card = json.loads((tmp_path / "out.safetensors.json").read_text())
    assert card["training"]["calibrated_on"] == len(load_split(data, "val", len(CLASSES), 320))


def test_weights_for_other_classes_give_all_but_their_classifier(data, tmp_path):
    run = trainer(data, tmp_path / "run")
    run.save()
    own = Trainer(
        replace(TINY, init=str(tmp_path / "run"), negatives={}),
        numbered_classes(9),
        read_groups(data, 9),
        load_split(data, "train", 9, 320),
        [],
        tmp_path / "own",
    )
    before, after = run.averaged.model.state_dict(), own.model.state_dict()
    changed = [name for name in after if not torch.equal(after[name], before[name])]
    assert changed == ["decode_head.conv_seg.weight", "decode_head.conv_seg.bias"]
    assert after["decode_head.conv_seg.weight"].shape[0] == 9


def test_card_takes_scores_of_its_own_weights_only(data, tmp_path):
    trainer(data, tmp_path / "run").save()
    weights, card = export(tmp_path / "run", data, tmp_path / "out.safetensors")
    scores = tmp_path / "scores.json"
    found = {
        "weights": {"sha256": sha256_of(weights)},
        "settings": {"reach": "global"},
        "domains": {"ordinary": {"miou": 0.5}},
    }
    scores.write_text(json.dumps(found))
    export(tmp_path / "run", data, weights, scores=[scores])
    assert json.loads(card.read_text())["scores"][0]["domains"]["ordinary"] == {"miou": 0.5}
    scores.write_text(json.dumps(found | {"weights": {"sha256": "0"}}))
    with pytest.raises(ValueError, match="other weights"):
        export(tmp_path / "run", data, weights, scores=[scores])


def test_learning_rate_warms_up_and_falls_to_nothing():
    config = replace(TINY, steps=1000, warmup=10)
    rates = [learning_rate(step, config) for step in range(1000)]
    assert rates[0] == pytest.approx(config.learning_rate / 10, rel=1e-3)
    assert max(rates) == pytest.approx(config.learning_rate, rel=1e-3)
    assert rates[-1] < 1e-5 * config.learning_rate
    assert rates[500] == pytest.approx(config.learning_rate / 2, rel=1e-2)


def test_recipe_with_unknown_field_or_uneven_crop_is_refused():
    with pytest.raises(RecipeError, match="no field 'learning_rat'"):
        parse_recipe({"learning_rat": 1})
    with pytest.raises(RecipeError, match="multiples of 32"):
        parse_recipe({"crops": [100]})


@pytest.mark.parametrize("weight", [0, -1.0, "much", None])
def test_weights_of_sources_are_numbers_above_0(weight):
    with pytest.raises(RecipeError, match="source_weights must be a number above 0"):
        parse_recipe({"source_weights": {"coco": weight}})


@pytest.mark.parametrize(
    "values",
    [{"steps": "many"}, {"crops": "128"}, {"crops": [128.0]}, {"init": 3}, {"negatives": ["ccp"]}],
)
def test_recipe_with_a_value_of_another_kind_is_refused_by_the_name_of_its_field(values):
    with pytest.raises(RecipeError, match=f"The field {next(iter(values))!r} cannot be"):
        parse_recipe(values)


def test_whole_numbers_do_where_a_recipe_wants_a_fraction():
    assert parse_recipe({"rotation": 0, "scale": [1, 2]}).scale == (1, 2)


def test_classes_json_with_the_known_names_gives_the_known_set(data):
    assert read_classes(data, "everyday22") is CLASSES


def pictures(masks):
    """The folder of the pictures that ``masks`` belong to."""
    return masks.parents[1] / "images" / masks.name


@pytest.mark.parametrize(
    ("break_data", "sentence"),
    [
        (lambda masks: cv2.imwrite(str(masks / "a_0.png"), np.zeros((9, 9))), r"a_0\.png has 9x9"),
        (lambda masks: cv2.imwrite(str(masks / "a_0.png"), np.full((40, 48), 22)), "the id 22"),
        (lambda masks: (masks / "a_0.png").write_bytes(b"no"), r"a_0\.png cannot be read"),
        (lambda masks: (masks / "a_0.png").unlink(), r"the first that is missing is .*a_0\.png"),
        (lambda masks: (pictures(masks) / "a_0.png").write_bytes(b"no"), r"a_0\.png is not a pict"),
        (lambda masks: shutil.rmtree(pictures(masks)), r"There is no folder .*images/train"),
        (lambda masks: [f.unlink() for f in pictures(masks).iterdir()], "There are no pictures in"),
    ],
)
def test_broken_data_gives_one_sentence_that_names_it(data, tmp_path, capsys, break_data, sentence):
    break_data(data / "masks" / "train")
    recipe = tmp_path / "recipe.json"
    recipe.write_text("{}")
    code = main(["run", str(recipe), "--data", str(data), "--run", str(tmp_path / "run")])
    message = capsys.readouterr().err.strip()
    assert code == 1
    assert "\n" not in message
    assert re.search(sentence, message)


def test_a_finer_classifier_starts_as_the_coarse_one_it_comes_from(data, tmp_path):
    run = trainer(data, tmp_path / "run")
    run.save()
    finer = class_set("everyday50")
    own = Trainer(
        replace(TINY, init=str(tmp_path / "run"), negatives={}),
        finer,
        read_groups(data, len(finer)),
        load_split(data, "train", len(finer), 320),
        [],
        tmp_path / "own",
    )
    before, after = run.averaged.model.state_dict(), own.model.state_dict()
    for name, coarse in (("dog", "animal"), ("sea", "water"), ("sky", "sky")):
        assert torch.equal(
            after["decode_head.conv_seg.weight"][finer.names.index(name)],
            before["decode_head.conv_seg.weight"][CLASSES.names.index(coarse)],
        )


def test_values_that_float16_cannot_hold_stay_float32(data, tmp_path):
    run = trainer(data, tmp_path / "run")
    name = "decode_head.scale_heads.0.0.bn.running_var"
    run.averaged.model.state_dict()[name].fill_(70_000.0)
    run.save()
    weights, _ = export(tmp_path / "run", data, tmp_path / "out.safetensors")
    assert (read_state_dict(weights)[name] == 70_000).all()


def test_as_many_classes_of_ones_own_start_with_a_classifier_of_their_own(data, tmp_path):
    bundled = create_model("nano").state_dict()
    names = numbered_classes(len(bundled["decode_head.conv_seg.weight"]))
    members = read_groups(data, len(names))
    config = replace(TINY, init="default", negatives={})
    own = Trainer(config, names, members, load_split(data, "train", 50, 320), [], tmp_path)
    state = own.model.state_dict()
    for name, same in (("decode_head.conv_seg", False), ("backbone.patch_embed1.proj", True)):
        assert torch.equal(state[f"{name}.weight"], bundled[f"{name}.weight"]) == same
