"""ONNX Runtime: a model of one ConvTranspose or Conv node."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from benchmarks.engines import Operands, Ready
from benchmarks.layers import Layer


def versions() -> dict[str, str]:
    """Of the runtime and of the package that makes its models."""
    return {"onnxruntime": onnxruntime.__version__, "onnx": version("onnx")}


def model(layer: Layer, operands: Operands) -> bytes:
    """The ONNX model of ``layer``, its weights inside."""
    element = helper.np_dtype_to_tensor_dtype(operands.x.dtype)
    constants = {"w": operands.w} | ({} if operands.bias is None else {"bias": operands.bias})
    further = {"output_padding": layer.per_axis(layer.output_padding)} if layer.transposed else {}
    node = helper.make_node(
        "ConvTranspose" if layer.transposed else "Conv",
        ["x", *constants],
        ["y"],
        strides=layer.per_axis(layer.stride),
        pads=layer.per_axis(layer.padding) * 2,
        dilations=layer.per_axis(layer.dilation),
        kernel_shape=layer.per_axis(layer.kernel),
        group=layer.groups,
        **further,
    )
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", element, layer.x)],
        [helper.make_tensor_value_info("y", element, layer.y)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(whole.SerializeToString())


def build(layer: Layer, operands: Operands, form: str, threads: int) -> Ready:
    """A session with its input and output bound to buffers of its own, so that no call copies them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model(layer, operands), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    y = onnxruntime.OrtValue.ortvalue_from_shape_and_type(layer.y, operands.x.dtype, "cpu")
    binding.bind_ortvalue_input("x", onnxruntime.OrtValue.ortvalue_from_numpy(operands.x))
    binding.bind_ortvalue_output("y", y)

    def call() -> Any:
        session.run_with_iobinding(binding)
        return y

    def look(y: Any) -> NDArray[Any]:
        array: NDArray[Any] = y.numpy()
        return array

    return Ready(call, look, keeps_result=True)
