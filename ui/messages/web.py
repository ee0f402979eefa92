"""Every sentence of the server's side of the workbench."""

from __future__ import annotations

from uniformer.classes import class_set
from uniformer.config import ModelConfig, UPerConfig
from uniformer.weights import bundled_scores

NOT_UNDERSTOOD = "This request is not of the form that this server reads: load the page again."
NO_PICTURE = "Give a picture, or the name of an example."
WRONG = "{name} must be {words}."
LOGIN = "Please sign in first: load the page again."
BUSY = "This server is busy and its queue is full: please try again in a minute."
NO_WEIGHTS = (
    "The weights of {model} cannot be had here: choose another model, or upload its checkpoint."
)

UNTRAINED = "{title}, random weights"
ON_HUB = "Its weights are downloaded from the Hugging Face Hub when it is first chosen."
ON_DRIVE = "Its authors keep the weights on Google Drive: download them and upload the file here."
NEVER_RELEASED = "Its weights were never released: train them, and upload the file here."
OWN_TITLE = "Your checkpoint {name}"

KNOWS_SCORED = "{classes} everyday classes; {accuracy} % of the pixels of ordinary photos right"
KNOWS_PUBLISHED = "{title}; mIoU {miou} % there, as published"
KNOWS_CLASSES = "{classes} classes"
KNOWS_NOTHING = "nothing: its weights are random"

REACHES = {
    "global": ("Global", "Every token of stage 3 attends to the whole picture."),
    "hybrid": ("Hybrid", "Every fourth block of stage 3 is global, the others see their window."),
    "window": ("Window", "Every token of stage 3 attends within its own window."),
}

SIZES = {
    "nano": "UniFormer nano",
    "xxs": "UniFormer-XXS",
    "xs": "UniFormer-XS",
    "small": "UniFormer-S",
    "base": "UniFormer-B",
}
REACH_IN_TITLE = {"hybrid": ", hybrid {window}", "window": ", window {window}", "global": ""}


def title(config: ModelConfig) -> str:
    """Return what a model is called."""
    size = SIZES.get(config.name.partition("-")[0], config.name)
    head = "UPerNet" if isinstance(config.head, UPerConfig) else "Semantic FPN"
    return f"{size}, {head}{REACH_IN_TITLE[config.reach].format(window=config.window_size)}"


def knows(config: ModelConfig) -> str:
    """Return what a model with its own weights knows, and how well, in one line."""
    classes = class_set(config.class_set)
    if scores := bundled_scores(config).get("ordinary"):
        accuracy = f"{100 * scores['accuracy']:.0f}"
        return KNOWS_SCORED.format(classes=len(classes), accuracy=accuracy)
    if config.published_miou:
        return KNOWS_PUBLISHED.format(title=classes.title, miou=config.published_miou)
    return KNOWS_CLASSES.format(classes=len(classes))


def missing(config: ModelConfig) -> str:
    """Return where the weights of a model that is not at hand can be had."""
    if config.hub:
        return ON_HUB
    return ON_DRIVE if config.drive_id else NEVER_RELEASED
