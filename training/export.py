"""Release a run: its averaged weights as one fp16 safetensors file, and a JSON card beside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from safetensors.torch import save

from training.bias import fit_bias
from training.config import parse_recipe
from training.data import load_split, read_classes
from training.trainer import CLASSIFIER, read_checkpoint
from uniformer.checkpoint import sha256_of
from uniformer.factory import find_config
from uniformer.files import replace_file
from uniformer.preprocess import MEAN, STD
from uniformer.segmenter import Segmenter


def export(
    run: Path, data: Path, out: Path, fit: bool = False, evaluations: Sequence[Path] = ()
) -> list[Path]:
    """Write the averaged weights of ``run`` to ``out`` and the card to ``out`` + ``.json``.

    With ``fit``, :func:`~training.bias.fit_bias` of the train pictures is added to the classifier's
    bias. Floating-point tensors become float16. The card has classes, palette,
    preprocessing, recipe, sha256, the commit the files were made at, and the scores in
    ``evaluations``, which are what ``python -m uniformer evaluate --weights OUT -o FILE`` wrote, by
    the name of the file.

    Raises ``ValueError`` for an evaluation of other weights than these and for a run of a form that
    is there to be compared with.
    """
    state = read_checkpoint(run)
    config = parse_recipe(state["recipe"])
    if config.form != "uniformer":
        raise ValueError(f"The run in {run} is of the form {config.form}, which is not released.")
    model = find_config(config.model)
    classes = read_classes(data, model.class_set)
    weights = dict(state["averaged"])
    if fit:
        train = load_split(data, "train", len(classes), config.longest_side)
        network = Segmenter(model, classes).eval()
        network.load_state_dict(weights)
        weights[CLASSIFIER + "bias"] = weights[CLASSIFIER + "bias"] + fit_bias(network, train)
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in weights.items()
    }
    replace_file(out, lambda file: file.write(save(tensors, metadata={"format": "pt"})))
    card = {
        "model": model.name,
        "sha256": sha256_of(out),
        "bytes": out.stat().st_size,
        "made": datetime.now(timezone.utc).date().isoformat(),
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
            "bias_fitted": fit,
            # Where the run started from, without the place where it lay.
            "recipe": state["recipe"] | {"init": config.init and Path(config.init).name},
        },
        "scores": {file.stem: _scores(file, sha256_of(out)) for file in evaluations},
    }
    text = json.dumps(card, indent=1).encode() + b"\n"
    return [out, replace_file(out.with_name(f"{out.name}.json"), lambda file: file.write(text))]


def _scores(evaluation: Path, sha256: str) -> dict[str, Any]:
    """Return what the card keeps of an evaluation."""
    found = json.loads(evaluation.read_text(encoding="utf-8"))
    if found["weights"]["sha256"] != sha256:
        raise ValueError(f"{evaluation} is about other weights than those of this run.")
    kept = (
        "pictures",
        "pixels",
        "miou",
        "macc",
        "aacc",
        "boundary_iou",
        "calibration_error",
        "settings",
    )
    return {name: found[name] for name in kept} | {
        "iou": {row["name"]: row["iou"] for row in found["classes"]}
    }


def _commit() -> str | None:
    """Return the commit of the code that exports, None outside of a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
