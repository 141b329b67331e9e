"""OpenVINO: (Group)Convolution(BackpropData), compiled for latency, float32 kept as float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13

from benchmarks.engines import Operands, Ready, Refused
from benchmarks.layers import Layer


def versions() -> dict[str, str]:
    """Of OpenVINO."""
    return {"openvino": openvino.__version__.split("-")[0]}


def build(layer: Layer, operands: Operands, form: str, threads: int) -> Ready:
    """A compiled model and its request, the input set once."""
    if len(layer.size_in) > 3:
        raise Refused("1 to 3 dimensions only")
    if operands.x.dtype != np.float32:
        raise Refused("float32 only: its CPU plugin computes other types in float32")
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = openvino.Core().compile_model(_model(layer, operands), "CPU", settings)
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(operands.x))

    def call() -> Any:
        return request.infer(share_outputs=True)

    def look(y: Any) -> NDArray[Any]:
        return np.array(y[0])

    return Ready(call, look, keeps_result=True)


def _model(layer: Layer, operands: Operands) -> Any:
    x = opset13.parameter(list(layer.x), operands.x.dtype, name="x")
    named = (layer.stride, layer.padding, layer.output_padding, layer.dilation)
    strides, pads, output_padding, dilations = (list(layer.per_axis(value)) for value in named)
    w, name, further = operands.w, "convolution", {}
    if layer.transposed:
        name, further = "convolution_backprop_data", {"output_padding": output_padding}
    if layer.groups > 1:
        w, name = w.reshape(layer.groups, -1, *w.shape[1:]), f"group_{name}"
    node = getattr(opset13, name)(
        x,
        opset13.constant(w),
        strides=strides,
        pads_begin=pads,
        pads_end=pads,
        dilations=dilations,
        **further,
    )
    if operands.bias is not None:
        bias = operands.bias.reshape(1, -1, *(1 for _ in layer.size_in))
        node = opset13.add(node, opset13.constant(bias))
    return openvino.Model([node], [x], "layer")
