"""Release a run: its averaged weights as one fp16 safetensors file, and a JSON card beside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from training.calibrate import fit_bias, fit_temperature
from training.coarse import comparable, load_ordinary
from training.config import parse_recipe
from training.data import Sample, load_split, read_classes
from training.trainer import CLASSIFIER, read_checkpoint
from uniformer.checkpoint import sha256_of
from uniformer.classes import ClassSet
from uniformer.factory import find_config
from uniformer.files import replace_file
from uniformer.preprocess import MEAN, STD
from uniformer.segmenter import Segmenter


def export(
    run: Path,
    data: Path,
    out: Path,
    calibrate: Path | None = None,
    scores: Sequence[Path] = (),
) -> list[Path]:
    """Write the averaged weights of ``run`` to ``out`` and the card to ``out`` + ``.json``.

    With a folder to ``calibrate`` on, the classifier gets a bias fitted to the train pictures of
    ``data`` and a temperature fitted to that folder (:mod:`training.calibrate`): to its val
    pictures if it has any, else to all of it as ordinary photos. Floating-point tensors become
    float16 where their values have room there. The card has classes, palette, preprocessing,
    recipe, sha256, the commit the files were made at, and ``scores``, which are what
    ``python -m training score --weights OUT -o FILE`` wrote.

    Raises ``ValueError`` for scores of other weights than these and for a run of a form that is
    there to be compared with.
    """
    state = read_checkpoint(run)
    config = parse_recipe(state["recipe"])
    if config.form != "uniformer":
        raise ValueError(f"The run in {run} is of the form {config.form}, which is not released.")
    model = find_config(config.model)
    classes = read_classes(data, model.class_set)
    weights = dict(state["averaged"])
    photos: list[Sample] = []
    if calibrate is not None:
        photos = _photos(calibrate, classes, config.longest_side)
        network = Segmenter(model, classes).eval()
        network.load_state_dict(weights)
        train = load_split(data, "train", len(classes), config.longest_side)
        bias = fit_bias(network, train)
        temperature = fit_temperature(network, photos, bias)
        weight, own = (CLASSIFIER + part for part in ("weight", "bias"))
        weights[own] = (weights[own] + bias) / temperature
        weights[weight] = weights[weight] / temperature
    tensors = {name: _small(value).contiguous() for name, value in weights.items()}
    replace_file(out, lambda file: file.write(save(tensors, metadata={"format": "pt"})))
    card = {
        "model": model.name,
        "sha256": sha256_of(out),
        "bytes": out.stat().st_size,
        "made": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "classes": [
            {"id": index, "name": name, "color": color}
            for index, (name, color) in enumerate(zip(classes.names, classes.colors, strict=True))
        ],
        "preprocessing": {
            "channels": "RGB",
            "mean": MEAN,
            "std": STD,
            "short_side": model.short_side,
            "size_divisor": model.size_divisor,
        },
        "reach": model.reach,
        "window_size": model.window_size,
        "training": {
            "pictures_seen": state["pictures"],
            "steps": state["done"],
            "calibrated_on": len(photos),
            # Where the run started from, without the place where it lay.
            "recipe": state["recipe"] | {"init": config.init and Path(config.init).name},
        },
        "scores": [_scores(file, sha256_of(out)) for file in scores],
    }
    text = json.dumps(card, indent=1).encode() + b"\n"
    return [out, replace_file(out.with_name(f"{out.name}.json"), lambda file: file.write(text))]


def _photos(folder: Path, classes: ClassSet, longest_side: int) -> list[Sample]:
    if (folder / "images" / "val").is_dir():
        return load_split(folder, "val", len(classes), longest_side)
    return comparable(load_ordinary(folder), classes)


def _small(value: Tensor) -> Tensor:
    """Return a floating-point tensor as float16, unless that has no room for it (above 65 504)."""
    if not value.is_floating_point() or value.abs().max() > torch.finfo(torch.float16).max:
        return value
    return value.half()


def _scores(file: Path, sha256: str) -> dict[str, Any]:
    """Return what the card keeps of a file of scores."""
    found = json.loads(file.read_text(encoding="utf-8"))
    if found["weights"]["sha256"] != sha256:
        raise ValueError(f"{file} is about other weights than those of this run.")
    return {"settings": found["settings"], "domains": found["domains"]}


def _commit() -> str | None:
    """Return the commit of the code that exports, None outside of a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
