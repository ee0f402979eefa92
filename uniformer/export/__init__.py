"""Models for engines other than PyTorch; see :func:`export_onnx`."""

from uniformer.export.onnx import export_onnx, onnx_bytes, steerable_onnx

__all__ = ["export_onnx", "onnx_bytes", "steerable_onnx"]
