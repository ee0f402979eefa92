"""The graph that the live edition has beside the network: the lengths of a convolution's terms."""

from __future__ import annotations

from uniformer.export.onnx import OPSET


def terms_onnx() -> bytes:
    """Return the graph of one of the 25 terms that a local block adds up.

    It maps ``values`` (C, tokens), the ``taps`` (C,) of one step of the kernel and ``mix`` (C, C)
    to ``lengths`` (tokens,): those of ``mix @ (taps * value)``, what each token adds to the one
    that is this step away (:func:`analysis.affinity.local_rows.contribution_norms`).
    """
    from onnx import TensorProto, checker, helper

    def numbers(name: str, *shape: str):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["mix", "taps"], ["weights"]),
            helper.make_node("MatMul", ["weights", "values"], ["terms"]),
            helper.make_node("ReduceL2", ["terms", "channels"], ["lengths"], keepdims=0),
        ],
        "terms",
        [numbers("values", "C", "tokens"), numbers("taps", "C"), numbers("mix", "C", "C")],
        [numbers("lengths", "tokens")],
        [helper.make_tensor("channels", TensorProto.INT64, [1], [0])],
    )
    # The version of the format that goes with the opset: engines refuse newer ones.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    checker.check_model(model)
    return model.SerializeToString()
