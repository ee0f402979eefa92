"""Every sentence of the tab on models."""

from __future__ import annotations

from uniformer.config import ModelConfig, UPerConfig

TAB = "Models"
SAYS = (
    "Every official configuration of the UniFormer segmenter, and your own checkpoint. Reach and "
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
HEADERS = ("Model", "Blocks", "Head", "Trained reach", "Published mIoU", "Weights")
TABLE = "Models"
OWN_NAME = "your checkpoint"
OWN_GONE = "The server no longer holds your model: upload it again, or choose another one."
IN_USE = "In use"
STAYS = "The model in use and all its results still work."


def too_large(megabytes: float, limit: float) -> str:
    """Return the sentence for a checkpoint that this page does not take."""
    return (
        f"This checkpoint has {megabytes:.0f} MB and this page takes {limit:.0f}: start the page "
        "on your own computer with --weights and the file."
    )


def no_model(name: str) -> str:
    """Return the sentence for a checkpoint of something else."""
    return (
        f"{name} has the names and shapes of no model here: give it the checkpoint of a UniFormer "
        "segmenter, as the authors or this project save it."
    )


def read_as(name: str, model: str, others: list[str]) -> str:
    """Return the note of an uploaded model."""
    also = f" It fits {', '.join(others)} too: a file does not tell." if others else ""
    return f"Your file {name}, read as {model}.{also}"


def download(done: int, total: int) -> str:
    """Return how much of a download is here."""
    if not total:
        return "Looking for the weights …"
    return f"Downloading: {done / 2**20:.0f} of {total / 2**20:.0f} MB"


def in_use(model: str, note: str) -> str:
    """Return the line for the model in use; ``note`` is that of its weights."""
    return f"{IN_USE}: {model}. {note}"


def row(config: ModelConfig) -> tuple[str, ...]:
    """Return what the table says of a model, in the order of ``HEADERS``."""
    window = "" if config.reach == "global" else f", window {config.window_size}"
    head = "UPerNet" if isinstance(config.head, UPerConfig) else "Semantic FPN"
    miou = f"{config.published_miou} %" if config.published_miou else "–"  # noqa: RUF001
    return (
        config.name,
        " · ".join(map(str, config.backbone.depths)),
        head,
        f"{config.reach}{window}",
        miou,
        _weights(config),
    )


def _weights(config: ModelConfig) -> str:
    if config.bundled:
        return "bundled"
    if config.hub:
        return "on the Hugging Face Hub"
    if config.drive_id:
        return "Google Drive; upload it below"
    return "never released" if config.published_miou else "none: untrained"
