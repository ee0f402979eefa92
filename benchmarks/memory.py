"""Peak memory of one prediction, in a process of its own (Linux).

Prints ``{"weights": MiB, "working": MiB}``: what the loaded model adds to the process, and how far
one prediction rises above that. A small prediction first makes the libraries take their own share.
"""

from __future__ import annotations

import ctypes
import gc
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from uniformer import create_model, open_picture
from uniformer.engines import optimize_for_inference
from uniformer.preprocess import preprocess
from uniformer.segmenter import Segmenter

FORMS = ("reference", "float32", "bfloat16")
PHOTO = Path(__file__).parent.parent / "assets" / "examples" / "kodim08_market_place_houses.jpg"


def build(name: str, form: str) -> Segmenter:
    """Return a model with reproducible unit-gain random weights, as it is or optimized.

    Weights of unit gain keep the signal alive through all layers, and leave the classes close
    together: a hard case for equal labels.
    """
    model = create_model(name, weights=None)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.endswith("num_batches_tracked"):
                continue
            z = torch.randn(value.shape, generator=generator)
            if value.ndim > 1:
                value.copy_(z / math.sqrt(value[0].numel()))
            elif key.endswith(("bias", "running_mean")):
                value.copy_(0.1 * z)
            else:
                value.copy_(1 + 0.1 * z.abs())
    return model if form == "reference" else optimize_for_inference(model, precision=form)


def example_input(side: int) -> Tensor:
    """Return an example photo as network input (1, 3, side, side)."""
    photo = open_picture(PHOTO)
    cut = min(photo.shape[:2])
    return preprocess(photo[:cut, :cut], side, 32)


def settle() -> float:
    """Give freed memory back and return what is in use, in MiB."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return _status("VmRSS")


def working_memory(run: Callable[[], object]) -> float:
    """Return how far ``run`` rises above what is in use before, in MiB."""
    before = settle()
    Path("/proc/self/clear_refs").write_text("5")  # restart the high-water mark
    run()
    return _status("VmHWM") - before


def _status(field: str) -> float:
    """Return a field of this process's status in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def main() -> None:
    """Measure the model, form, side and number of threads given on the command line."""
    name, form, side, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    x = example_input(side)
    before = settle()
    model = build(name, form)
    with torch.inference_mode():
        model(x[..., :96, :96])
        loaded = settle()
        working = working_memory(lambda: model(x))
    print(json.dumps({"weights": loaded - before, "working": working}))


if __name__ == "__main__":
    main()
