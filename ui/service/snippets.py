"""The same in Python, and on the command line: how to repeat an answer without the page.

``photo.jpg`` stands for the picture; a visitor's own checkpoint has the name it was uploaded by.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import analysis
from uniformer.classes import class_set
from uniformer.factory import find_config
from uniformer.segmentation import Segmentation

PHOTO = "photo.jpg"

PAINTED = {"hide-region", "hide-segment", "hide-tokens"}
"""Kinds of the question what-if that may be about a painted area."""


def python_snippet(content: dict[str, Any]) -> str:
    """Return a program that asks the question of an answer's JSON ``content`` again.

    A painted region is read from the answer's NPZ file.
    """
    settings, question = content["settings"], content["question"]
    parameters = dict(settings["parameters"])
    lines = [
        f"from {analysis.__name__} import QUESTIONS, finish",
        "from uniformer import create_model",
        "",
        f"model = {_model(settings)}",
    ]
    extra = ""
    if parameters.get("region") == "mask":
        lines[:0] = ["import numpy as np", ""]
        lines.append(f'mask = np.load("photo.{question}.npz")["region"]')
        extra = "mask=mask, "
    elif parameters.get("kind") in PAINTED:
        lines.append("# A painted area is given as mask=, a boolean array of the picture's size.")
    arguments = ", ".join(f"{name}={value!r}" for name, value in parameters.items())
    lines += [
        f'ask = QUESTIONS["{question}"]',
        f'answer = finish(ask(model, "{PHOTO}", {extra}{arguments}))',
        "print(answer.to_json())",
        f'answer.save("answers", "photo.{question}")',
    ]
    return "\n".join(lines) + "\n"


def command_snippet(content: dict[str, Any]) -> str:
    """Return the command that asks the same, or nothing for what it cannot take.

    That is a painted region, which is in the answer's NPZ file while the command reads pictures of
    one, and a checkpoint with other classes than its model.
    """
    settings = content["settings"]
    parameters = dict(settings["parameters"])
    if settings.get("mask_sha256") or _other_classes(settings):
        return ""
    words = ["python", "-m", analysis.__name__, content["question"], PHOTO]
    if parameters.get("x") is not None:
        words += ["--pixel", f"{parameters['x']},{parameters['y']}"]
    for name, value in parameters.items():
        option = name.replace("_", "-")
        if name in ("x", "y") or value is None:
            continue
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", str(value)]
    words += _model_options(settings, reach="reach" not in parameters)
    return shlex.join(words)


def start_snippet(result: Segmentation, pixel: tuple[int, int]) -> str:
    """Return a program that labels the picture, traces it and reads one row of attention."""
    short_side = result.settings["short_side"]
    return (
        f"from {analysis.__name__} import global_affinity, trace\n"
        "from uniformer import create_model, segment\n\n"
        f"model = {_model(_settings(result))}\n"
        f'result = segment("{PHOTO}", model, short_side={short_side})\n'
        f'traced = trace(model, "{PHOTO}", short_side={short_side})\n'
        f"token = traced.grid(3).token_at({pixel[0]}, {pixel[1]})\n"
        "row = global_affinity(traced, 3, 0, token)\n"
        "print(result.table()[0], row.weight.shape)\n"
    )


def label_command(result: Segmentation) -> str:
    """Return the command that labels the picture again."""
    return _again(result, "segment", PHOTO)


def classify_snippet(result: Segmentation) -> str:
    """Return a program that names the whole picture again."""
    short_side = result.settings["short_side"]
    return (
        "from uniformer import classify, create_model\n\n"
        f"model = {_model(_settings(result))}\n"
        f'found = classify("{PHOTO}", model, whole=True, short_side={short_side})\n'
        "for row in found.top(5):\n"
        '    print(row.rank, row.name, f"{row.probability:.1%}")\n'
    )


def classify_command(result: Segmentation) -> str:
    """Return the command that names the whole picture again."""
    return _again(result, "classify", PHOTO, "--whole")


def _again(result: Segmentation, *arguments: str) -> str:
    """Return a command of ``uniformer`` with the size, model and reach of ``result``."""
    size = ["--short-side", str(result.settings["short_side"])]
    options = _model_options(_settings(result), reach=True)
    return shlex.join(["python", "-m", "uniformer", *arguments, *size, *options])


def site_command(result: Segmentation) -> str:
    """Return the command that publishes a folder of pictures with the model of ``result``."""
    command = ["python", "-m", analysis.__name__, "publish", "photos/", "-o", "site"]
    return shlex.join(command + _model_options(_settings(result), reach=True))


def weights_name(weights: Mapping[str, Any]) -> str | None:
    """Return what ``weights=`` is for a record of weights: None for random ones, else the file.

    Those that a model comes with by default are "default". The folder of a file is not told.
    """
    source = weights["source"]
    if weights["sha256"] is None:
        return None
    if source.startswith("bundled "):
        return "default"
    if re.fullmatch(r"[^/\s]+/[^/\s]+/[^\s]+@\w+", source):
        return source
    return source.removeprefix("upload ").replace("\\", "/").rsplit("/", 1)[-1]


def _settings(result: Segmentation) -> dict[str, Any]:
    """Return of a result what an answer has in its ``settings``."""
    return {
        "model": result.model,
        "reach": result.settings["reach"],
        "window_size": result.settings["window_size"],
        "weights": asdict(result.weights),
        "num_classes": len(result.classes),
    }


def _model(settings: dict[str, Any]) -> str:
    """Return the call that makes the model; weights that are the model's own go unnamed."""
    weights = weights_name(settings["weights"])
    named = "" if weights == "default" else f", weights={_quoted(weights)}"
    classes = f", num_classes={settings['num_classes']}" if _other_classes(settings) else ""
    return (
        f"create_model({_quoted(settings['model'])}{named}{classes}, "
        f"reach={settings['reach']!r}, window_size={settings['window_size']})"
    )


def _model_options(settings: dict[str, Any], reach: bool) -> list[str]:
    """Return the options of the command line for the model, with its reach if wanted."""
    words = ["--model", settings["model"]]
    if reach:
        words += ["--reach", settings["reach"], "--window-size", str(settings["window_size"])]
    weights = weights_name(settings["weights"])
    return words if weights == "default" else [*words, "--weights", weights or "none"]


def _other_classes(settings: dict[str, Any]) -> bool:
    """Whether the model has not as many classes as its configuration says."""
    own = class_set(find_config(settings["model"]).class_set)
    return settings["num_classes"] != len(own)


def _quoted(text: str | None) -> str:
    return "None" if text is None else json.dumps(text, ensure_ascii=False)
