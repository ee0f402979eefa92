"""The reproducible weights under which the official models were recorded, and how to read a record.

Every tensor is filled from its own name, so any implementation can rebuild the same model without
a checkpoint. ``tests/data/golden`` holds what the official code (Sense-X/UniFormer at 52a0415)
answered under these weights.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from torch import Tensor, nn

SAMPLES = 64


def noise(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal float32 numbers that depend on ``name`` only."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")
    generator = np.random.Generator(np.random.PCG64(seed))
    return generator.standard_normal(shape).astype(np.float32)


def fill(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The values of the state-dict entry ``name``."""
    last = name.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return np.zeros(shape, dtype=np.int64)
    z = noise(name, shape)
    tenth = np.float32(0.1)
    if last == "running_var":
        return 1 + tenth * np.abs(z)
    if last.startswith("gamma_"):
        return np.float32(0.5) + tenth * z
    if last in ("running_mean", "bias"):
        return tenth * z
    if len(shape) >= 2:
        return z * np.float32(1 / math.sqrt(math.prod(shape[1:])))
    return 1 + tenth * z


def fill_model(model: nn.Module) -> nn.Module:
    """Give ``model`` the recorded weights and return it."""
    state = {
        name: torch.from_numpy(np.asarray(fill(name, tuple(value.shape))))
        for name, value in model.state_dict().items()
    }
    model.load_state_dict(state)
    return model


def recorded_input(height: int, width: int) -> Tensor:
    """The input (1, 3, height, width) that the official models were run on."""
    return torch.from_numpy(noise("input", (1, 3, height, width)))


def sample(tensor: Tensor) -> np.ndarray:
    """The values of ``tensor`` at the recorded positions, as float64."""
    flat = tensor.detach().contiguous().flatten().double().numpy()
    index = (1000003 * (np.arange(min(SAMPLES, flat.size)) + 1)) % flat.size
    return flat[index] if flat.size > SAMPLES else flat


def relative_error(ours: np.ndarray, recorded: np.ndarray) -> float:
    """Largest difference in units of the largest recorded value."""
    return float(np.abs(ours - recorded).max() / np.abs(recorded).max())
