"""The same in Python, and on the command line: how to repeat an answer without the page."""

from __future__ import annotations

import json
import shlex
from typing import Any

PHOTO = "photo.jpg"

PAINTED = {"hide-region", "hide-segment", "hide-tokens"}
"""Kinds of the question what-if that may be about a painted area."""


def python_snippet(content: dict[str, Any]) -> str:
    """Return a program that asks the question of an answer's JSON ``content`` again.

    ``photo.jpg`` stands for the picture. A painted region is read from the answer's NPZ file.
    """
    settings, question = content["settings"], content["question"]
    parameters = dict(settings["parameters"])
    lines = [
        "from analysis.answer import finish",
        "from analysis.questions import QUESTIONS",
        "from uniformer import create_model",
        "",
        f"model = create_model({_model(settings)})",
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
    """Return the command that asks the same; nothing for a painted region, which it cannot take."""
    settings = content["settings"]
    parameters = dict(settings["parameters"])
    if parameters.get("region") == "mask":
        return ""
    words = ["python", "-m", "analysis", content["question"], PHOTO]
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
    words += ["--model", settings["model"]]
    if "reach" not in parameters:
        words += ["--reach", settings["reach"], "--window-size", str(settings["window_size"])]
    if not settings["weights"]["trained"]:
        words += ["--weights", "none"]
    return shlex.join(words)


def _model(settings: dict[str, Any]) -> str:
    """Return the arguments of ``create_model``; weights that are the model's own go unnamed."""
    weights = "" if settings["weights"]["trained"] else ", weights=None"
    return (
        f"{json.dumps(settings['model'])}{weights}, reach={settings['reach']!r}, "
        f"window_size={settings['window_size']}"
    )
