"""Checkpoint files to read."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([1.0, -2.0])}


def write(path: Path, content: object) -> Path:
    """Save as what the suffix says; ``.legacy.pth`` is the format from before torch 1.6."""
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path, _use_new_zipfile_serialization=".legacy" not in path.name)
    return path
