"""Where models run, with how many threads, and whether the Hub may be asked."""

from __future__ import annotations

import torch
from huggingface_hub import constants


def find_device(name: str | None) -> torch.device:
    """Return the device called ``name``; None and "auto" mean CUDA where there is some, else CPU.

    Raises ``ValueError`` for a device that is not there.
    """
    cuda = torch.cuda.is_available()
    if name in (None, "auto"):
        name = "cuda" if cuda else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"There is no device {name!r}: try cpu or cuda.") from error
    absent = device.type == "cuda" and (
        not cuda or (device.index or 0) >= torch.cuda.device_count()
    )
    if device.type not in ("cpu", "cuda") or absent:
        raise ValueError(f"The device {name!r} cannot be used here: try cpu.")
    return device


def set_threads(count: int) -> None:
    """Let every computation of this process use ``count`` threads."""
    torch.set_num_threads(count)


def go_offline() -> None:
    """Never ask the Hugging Face Hub from now on: only its cache answers, as HF_HUB_OFFLINE."""
    constants.HF_HUB_OFFLINE = True
