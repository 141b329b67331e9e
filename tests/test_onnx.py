"""ONNX's own tests of ConvTranspose and Conv, run through tconv. They come inside the package `onnx`.

ONNX has words of its own for the size of the result (auto_pad, output_shape); they become crops here.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import tconv

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"


def node_tests():
    """The tests written in Python: importing their modules makes them."""
    for module in ("conv", "convtranspose"):
        importlib.import_module(f"onnx.backend.test.case.node.{module}")
    from onnx.backend.test.case.node import _NodeTestCases

    for case in _NodeTestCases:
        if case.model.graph.node[0].op_type in ("Conv", "ConvTranspose"):
            inputs, outputs = case.data_sets[0]
            yield pytest.param(case.model, list(inputs), outputs[0], id=case.name)


def converted_tests():
    """The tests converted from PyTorch's: a model with its weights, one input, one output."""
    for folder in sorted((*DATA.glob("pytorch-*/test_Conv*"), *DATA.glob("pytorch-*/test_operator_conv*"))):
        model = onnx.load(folder / "model.onnx")
        weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        x, y = (read(folder / "test_data_set_0" / f"{name}_0.pb") for name in ("input", "output"))
        node = model.graph.node[0]
        yield pytest.param(model, [x, *(weights[name] for name in node.input[1:])], y, id=folder.name)


def read(file):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(file.read_bytes())
    return numpy_helper.to_array(tensor)


def arguments_of(node, x, w):
    """tconv's arguments for ``node``."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    axes = w.ndim - 2
    stride, dilation = (attributes.get(name, [1] * axes) for name in ("strides", "dilations"))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    arguments = {"stride": stride, "dilation": dilation, "groups": attributes.get("group", 1)}
    pads = attributes.get("pads", [0] * 2 * axes)
    padding = list(zip(pads[:axes], pads[axes:], strict=True))
    auto_pad = attributes.get("auto_pad", b"NOTSET").decode()
    same = auto_pad.startswith("SAME")
    if node.op_type == "Conv":
        if same:  # so many outputs as strides go into the input, rounded up
            totals = [max(0, (-(-i // s) - 1) * s + r - i) for i, s, r in zip(x.shape[2:], stride, reach, strict=True)]
            padding = [halves(total, auto_pad == "SAME_UPPER") for total in totals]
        return arguments | {"padding": padding}
    more = attributes.get("output_padding", [0] * axes)
    sizes = attributes.get("output_shape", [i * s for i, s in zip(x.shape[2:], stride, strict=True)])
    if same or "output_shape" in attributes:
        totals = [
            (i - 1) * s + m + r - o for i, s, m, r, o in zip(x.shape[2:], stride, more, reach, sizes, strict=True)
        ]
        # By its text: SAME_UPPER crops the larger half at the end, all else at the beginning. What a total
        # below zero means is not agreed (the text, its reference and ONNX Runtime differ): zeros at the end.
        crops = [halves(max(0, total), auto_pad == "SAME_UPPER") for total in totals]
        return arguments | {"padding": [(begin, 0) for begin, _ in crops], "output_size": sizes}
    return arguments | {"padding": padding, "output_padding": more}


def halves(total, larger_at_end):
    """An odd ``total`` has a larger half."""
    half = total // 2
    return (half, total - half) if larger_at_end else (total - half, half)


CASES = [*node_tests(), *converted_tests()]


def test_how_many():
    """Seventeen and thirty when this was written: a search that finds none would otherwise pass."""
    assert sum("transpose" in case.id.lower() for case in CASES) >= 14
    assert len(CASES) >= 47


@pytest.mark.parametrize(("model", "inputs", "want"), CASES)
def test_onnx(model, inputs, want):
    (node,) = model.graph.node
    operator = {"Conv": "conv", "ConvTranspose": "conv_transpose"}[node.op_type]
    arguments = arguments_of(node, *inputs[:2])
    for method in tconv.plan(*(a.shape for a in inputs[:2]), operator=operator, **arguments).in_turn:
        got = getattr(tconv, operator)(*inputs, **arguments, method=method)
        assert got.shape == want.shape
        # Theirs are rounded as well, by another order of summation: their own tolerance. Transforms round otherwise.
        atol = 1e-6 * np.abs(want).max() if method == "fft" else 1e-7
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=atol)
