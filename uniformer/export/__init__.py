"""Models for engines other than PyTorch; see :func:`export_onnx`."""

from uniformer.export.onnx import Form, export_onnx, onnx_bytes, steerable_onnx

__all__ = ["Form", "export_onnx", "onnx_bytes", "steerable_onnx"]
