"""Every sentence of the tab on models."""

from __future__ import annotations

from analysis.core.words import joined, say, sentences
from ui.messages.page import REACHES
from ui.messages.web import head_of
from uniformer.config import ModelConfig
from uniformer.segmenter import UNTRAINED
from uniformer.weights import BACKBONE_ONLY

TAB = "Models"
SAYS = (
    "Every official UniFormer segmenter and classifier, and your own checkpoint. Reach and "
    "window size of stage 3 are switched on the loaded weights, beside the picture."
)
USE = "Use this model"
MODEL = "Model"
MODEL_INFO = "Weights that are not here yet are downloaded first; what is shown stays meanwhile."
UPLOAD_TITLE = "Your own checkpoint"
UPLOAD_INFO = (
    "A .pth or .safetensors file of at most {megabytes} MB. Nothing in it is run. It is yours "
    "alone, is kept in memory while it is used, and goes when others need the room."
)
UPLOAD = "Checkpoint"
HEADERS = ("Model", "Blocks", "Decoder", "Trained reach", "Published", "Weights")
TABLE = "Models"
OWN_GONE = "The server no longer holds your model: upload it again, or choose another one."
IN_USE = "In use: {model}."
STOP = "Stop the download"
STAYS = "The model in use and all its results still work."
LOOKING = "Looking for the weights of {model} …"
DOWNLOADING = "Downloading {model}: {done} of {total} MB"
OWN_NOTE = "Your file {name}, read as {model}."
ALSO_FITS = "It fits {models} too: a file does not tell."
TOO_LARGE = (
    "This checkpoint has {megabytes} MB and this page takes {limit}: start the page on your own "
    "computer with that file."
)
NO_MODEL = (
    "{name} has the names and shapes of no model here: give it the checkpoint of a UniFormer "
    "segmenter or classifier, as the authors or this project save it."
)
NEARLY = (
    "{name} comes nearest to {model}, which it does not fit ({difference}): save the state dict of "
    "the whole model, and upload that."
)
BUNDLED = "bundled"
ON_HUB = "on the Hugging Face Hub"
ON_DRIVE = "Google Drive; upload it below"
NEVER_RELEASED = "never released"
NO_WEIGHTS = "none: untrained"
NOTES = (UNTRAINED.note, BACKBONE_ONLY)
"""What a warning says of the weights."""


def too_large(megabytes: float, limit: float) -> str:
    """Return the sentence for a checkpoint that this page does not take."""
    return say(TOO_LARGE, megabytes=round(megabytes), limit=round(limit))


def no_model(name: str) -> str:
    """Return the sentence for a checkpoint of something else."""
    return say(NO_MODEL, name=name)


def nearly(name: str, model: str, difference: str) -> str:
    """Return the sentence for a checkpoint that departs from a model in a few keys."""
    return say(NEARLY, name=name, model=model, difference=difference)


def read_as(name: str, model: str, others: list[str]) -> str:
    """Return the note of an uploaded model."""
    fits = say(ALSO_FITS, models=joined(others)) if others else None
    return sentences(say(OWN_NOTE, name=name, model=model), fits)


def download(model: str, done: int, total: int) -> str:
    """Return how much of a download is here."""
    if not total:
        return say(LOOKING, model=model)
    return say(DOWNLOADING, model=model, done=round(done / 2**20), total=round(total / 2**20))


def row(config: ModelConfig) -> tuple[str, ...]:
    """Return what the table says of a model, in the order of ``HEADERS``."""
    return (
        config.name,
        " · ".join(map(str, config.backbone.depths)),
        head_of(config),
        say(REACHES[config.reach], window=config.window_size),
        _published(config),
        _weights(config),
    )


def _published(config: ModelConfig) -> str:
    if config.published_miou:
        return f"mIoU {config.published_miou} %"
    return f"top-1 {config.published_top1} %" if config.published_top1 else "–"


def _weights(config: ModelConfig) -> str:
    if config.bundled:
        return BUNDLED
    if config.hub:
        return ON_HUB
    if config.drive_id:
        return ON_DRIVE
    return NEVER_RELEASED if config.published_miou else NO_WEIGHTS
