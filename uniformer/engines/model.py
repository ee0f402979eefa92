"""A model that an engine other than PyTorch runs, under the interface of a segmenter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from uniformer.config import Reach
from uniformer.engines.graphs import stored_graph
from uniformer.export import Form
from uniformer.segmenter import Segmenter

REPEATS = 8
"""Pictures of one size in a row before a graph is compiled for that size alone."""


FORMS: dict[str, Form] = {"float32": "winograd", "bfloat16": "rewritten"}
"""What is made of a model for each precision."""

Runner = Callable[[np.ndarray], np.ndarray]
"""A compiled graph: normalised RGB (1, 3, H, W) to logits, float32."""


def precisions(engine: str) -> tuple[str, ...]:
    """Return the precisions that an installed engine has on this machine's processor."""
    if engine != "openvino":
        return ("float32",)
    from openvino import Core

    able = Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ("float32", "bfloat16") if "BF16" in able else ("float32",)


class EngineModel:
    """Predicts as the model it was made from does; it has no gradients and cannot be traced.

    What it has in common with :class:`~uniformer.segmenter.Segmenter` means the same here;
    ``engine`` is the engine and its version.
    """

    optimized = True
    training = False

    def __init__(self, model: Segmenter, engine: str, precision: str) -> None:
        self._model = model
        self._make = _RUNNERS[engine]
        self._precision = precision
        self._runner: Runner | None = None
        self.engine = f"{engine} {version(engine)}"
        self.config, self.classes, self.weights = model.config, model.classes, model.weights
        self.reach, self.window_size = model.reach, model.window_size

    def __call__(self, x: Tensor) -> Tensor:
        """Return float32 logits of normalised RGB (B, 3, H, W)."""
        if self._runner is None:
            with _in_reach(self._model, self.reach, self.window_size):
                graph = stored_graph(self._model, FORMS[self._precision])
            self._runner = self._make(graph, self._precision)
        pictures = x.float().contiguous().numpy()
        logits = [self._runner(pictures[n : n + 1]) for n in range(len(pictures))]
        return torch.from_numpy(np.concatenate(logits))

    def set_reach(self, reach: Reach, window_size: int | None = None) -> None:
        """Choose what stage 3 attends to; the next prediction makes another graph if need be."""
        before = self.reach, self.window_size
        window_size = self.window_size if window_size is None else window_size
        with _in_reach(self._model, reach, window_size):  # it says what it cannot take
            self.reach, self.window_size = reach, window_size
        if (reach, window_size) != before:
            self._runner = None

    def state_dict(self) -> dict[str, Tensor]:
        """Return the weights of the model this was made from."""
        return self._model.state_dict()

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the products."""
        return getattr(torch, self._precision)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return torch.device("cpu")


Predictor = Segmenter | EngineModel
"""What pictures can be labelled with."""


@contextmanager
def _in_reach(model: Segmenter, reach: Reach, window_size: int) -> Iterator[None]:
    """Set the reach of a model, which is its owner's, and set it back."""
    before = model.reach, model.window_size
    model.set_reach(reach, window_size)
    try:
        yield
    finally:
        model.set_reach(*before)


class OnnxRuntime:
    """A graph in ONNX Runtime."""

    def __init__(self, graph: bytes, precision: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        if os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive":
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the logits."""
        return self._session.run(["logits"], {"image": x})[0]


class OpenVINO:
    """A graph in OpenVINO, compiled for all sizes, and once more for a size that keeps coming."""

    def __init__(self, graph: bytes, precision: str) -> None:
        from openvino import Core

        self._core = Core()
        self._graph = graph
        self._settings = {
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "PERFORMANCE_HINT": "LATENCY",
        }
        self._any_size = self._compile(None)
        self._one_size: Any = None
        self._shape: tuple[int, ...] = ()
        self._seen = 0

    def _compile(self, shape: tuple[int, ...] | None) -> Any:
        model = self._core.read_model(self._graph)
        if shape is not None:
            model.reshape(list(shape))
        return self._core.compile_model(model, "CPU", self._settings).create_infer_request()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the logits."""
        if x.shape != self._shape:
            self._shape, self._seen, self._one_size = x.shape, 0, None
        self._seen += 1
        if self._seen == REPEATS:
            self._one_size = self._compile(x.shape)
        request = self._one_size or self._any_size
        return np.array(request.infer({"image": x})["logits"])


_RUNNERS: dict[str, Callable[[bytes, str], Runner]] = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVINO,
}
