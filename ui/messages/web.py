"""Every sentence of the server's side of the workbench."""

from __future__ import annotations

from analysis.core.words import say
from uniformer.classes import class_set
from uniformer.config import ClassifierConfig, ModelConfig, UPerConfig
from uniformer.weights import bundled_scores

NOT_UNDERSTOOD = "This request is not of the form that this server reads: load the page again."
NO_PICTURE = "Give a picture, or the name of an example."
LOGIN = "Please sign in first: load the page again."
BUSY = "This server is busy and its queue is full: please try again in a minute."
NO_WEIGHTS = (
    "The weights of {model} cannot be had here: choose another model, or upload its checkpoint."
)

NO_SUCH_LAYER = "There is no layer {name}: choose one of the layer bar."
NO_SUCH_PARAMETER = "This layer cannot be asked with {name}: load the page again."
WRONG_MASK = "The painted region is not of this picture: paint it again."
NO_SUCH_FILE = "There is no file of this kind here: choose another one."
NO_LABELS = "A classifier labels no pixels: take JSON, Python or the command line."
NO_COMMAND = "No command line says this: take Python, or JSON with all settings."
NO_TABLES = "This answer has no tables: take JSON or the arrays."
YES, NO = "yes", "no"

UNTRAINED = "{title}, random weights"
ON_HUB = "Its weights are downloaded from the Hugging Face Hub when it is first chosen."
ON_DRIVE = "Its authors keep the weights on Google Drive: download them and upload the file here."
NEVER_RELEASED = "Its weights were never released: train them, and upload the file here."
OWN_TITLE = "Your checkpoint {name}"
NO_FILM = "Give a film as MP4, MOV, WebM, MKV or AVI."
FILM_UNREADABLE = "This film cannot be read: convert it to MP4 or WebM."
FILM_TOO_LONG = (
    "Films of at most {frames} frames and {seconds} seconds are labelled here: cut it, or label it "
    "whole with the command line on your own machine."
)
FILM_NEEDS_SEGMENTER = (
    "This model names a picture as a whole: choose one that labels pixels, and give the film again."
)
FILM_SMALLER = "Each frame was labelled at {shown} pixels instead of {whole}."
NO_CHECKPOINT = "Give a checkpoint: a .pth or .safetensors file."

KNOWS_SCORED = "{classes} everyday classes; {accuracy} % of the pixels of ordinary photos right"
KNOWS_PUBLISHED = "{title}; mIoU {miou} % there, as published"
KNOWS_TOP1 = "{title}, one for the whole picture; {top1} % right there, as published"
KNOWS_CLASSES = "{classes} classes"
KNOWS_AS = "{classes} classes, read as {model}"
KNOWS_NOTHING = "nothing: its weights are random"


def wrong(name: str, words: str) -> str:
    """Return the sentence for a value of ``name`` that is not what ``words`` say."""
    return f"{name} must be {words}."


def title(config: ModelConfig) -> str:
    """Return what a model is called, the same in every language."""
    names = {
        "nano": " nano", "xxs": "-XXS", "xs": "-XS", "small": "-S", "base": "-B",
        "small-plus": "-S+", "base-ls": "-B-LS",
    }  # fmt: skip
    name = config.name.removesuffix("-cls")
    name = name if name in names else name.partition("-")[0]
    size = f"UniFormer{names[name]}" if name in names else config.name
    head = head_of(config)
    window = "" if config.reach == "global" else f", {config.reach} {config.window_size}"
    return f"{size}, {head}{window}"


def head_of(config: ModelConfig) -> str:
    """Return what follows the backbone, the same in every language."""
    if isinstance(config.head, ClassifierConfig):
        return "ImageNet"
    return "UPerNet" if isinstance(config.head, UPerConfig) else "Semantic FPN"


def knows(config: ModelConfig) -> str:
    """Return what a model with its own weights knows, and how well, in one line."""
    classes = class_set(config.class_set)
    if scores := bundled_scores(config).get("ordinary"):
        accuracy = f"{100 * scores['accuracy']:.0f}"
        return say(KNOWS_SCORED, classes=len(classes), accuracy=accuracy)
    if config.published_miou:
        return say(KNOWS_PUBLISHED, title=classes.title, miou=config.published_miou)
    if config.published_top1:
        return say(KNOWS_TOP1, title=classes.title, top1=config.published_top1)
    return say(KNOWS_CLASSES, classes=len(classes))


def missing(config: ModelConfig) -> str:
    """Return where the weights of a model that is not at hand can be had."""
    if config.hub:
        return ON_HUB
    return ON_DRIVE if config.drive_id else NEVER_RELEASED
