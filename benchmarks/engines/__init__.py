"""The engines that are compared. `ENGINES` lists them; each has one file here that knows how to run a layer.

Such a file is imported by its own worker process only, perhaps by another interpreter, so it imports its
framework, NumPy and nothing else. It offers two functions:

``versions()``
    What takes part, as ``{package: version}``.
``build(layer, operands, form, threads)``
    A `Ready`: what to call, and how to look at what it returns. Raises `Refused` if there is no such layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Engine:
    """One way of computing a layer: a file in this package, and which of its forms."""

    module: str
    form: str
    title: str
    about: str


ENGINES: dict[str, Engine] = {
    "tconv": Engine("tconv", "layer", "tconv", "ConvTranspose or Conv object, weights packed once"),
    "tconv.function": Engine("tconv", "function", "function", "conv_transpose or conv, weights as they are"),
    "tconv.out": Engine("tconv", "out", "out=", "the object, result written into a given array"),
    "tconv.channels_last": Engine("tconv", "channels_last", "N...C", "the object, channels last in and out"),
    "tconv.serial": Engine("tconv", "serial", "one thread", "the object, told to use one thread"),
    "torch": Engine("torch", "", "PyTorch", "torch.nn.functional, inference mode"),
    "torch.channels_last": Engine(
        "torch", "channels_last", "PyTorch channels_last", "the same, x and weights in that memory format"
    ),
    "onnxruntime": Engine(
        "onnxruntime", "", "ONNX Runtime", "a model of one node, constant weights, input and output bound"
    ),
    "openvino": Engine(
        "openvino", "", "OpenVINO", "compiled for latency, constant weights, input and output tensors kept"
    ),
    "jax": Engine("jax", "", "JAX", "jit of lax.conv_general_dilated, channels last, kernel arranged before"),
}


class Refused(Exception):  # noqa: N818  (an answer, not an accident)
    """The engine has no such layer; the message says why in a few words."""


class Failed(Refused):
    """The engine broke: it raised something else, or ended."""


def without_figure(reason: Refused) -> dict[str, Any]:
    """What stands in the place of a figure."""
    return {"refused": str(reason), "failed": True} if isinstance(reason, Failed) else {"refused": str(reason)}


@dataclass(frozen=True)
class Operands:
    """What a layer computes with: ``x`` as "NC...", ``w`` as `Layer.w` says, ``bias`` or None."""

    x: NDArray[Any]
    w: NDArray[Any]
    bias: NDArray[Any] | None


@dataclass(frozen=True)
class Ready:
    """A layer that waits to be called. ``look`` turns the result of ``call`` into an array "NC...".

    ``keeps_result`` says that every call writes into the same memory.
    """

    call: Callable[[], Any]
    look: Callable[[Any], NDArray[Any]]
    keeps_result: bool = False
