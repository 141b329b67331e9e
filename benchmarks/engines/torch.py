"""PyTorch: ``torch.nn.functional.conv_transposeNd`` or ``convNd``."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray

from benchmarks.engines import Operands, Ready, Refused
from benchmarks.layers import Layer

# For the life of the process: entering it for each call would cost more than a small layer.
torch.inference_mode().__enter__()

_CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


def versions() -> dict[str, str]:
    """Of PyTorch."""
    return {"torch": torch.__version__}


def build(layer: Layer, operands: Operands, form: str, threads: int) -> Ready:
    """The function with everything but its call settled."""
    torch.set_num_threads(threads)
    ndim = len(layer.size_in)
    function: Any = getattr(torch.nn.functional, f"{layer.operation}{ndim}d", None)
    if function is None:
        raise Refused("1 to 3 dimensions only")
    x, w = torch.from_numpy(operands.x), torch.from_numpy(operands.w)
    if form == "channels_last":
        if ndim not in _CHANNELS_LAST:
            raise Refused("no such memory format in 1-D")
        x, w = (tensor.contiguous(memory_format=_CHANNELS_LAST[ndim]) for tensor in (x, w))
    bias = None if operands.bias is None else torch.from_numpy(operands.bias)
    stride, padding, output_padding, dilation = map(
        layer.per_axis, (layer.stride, layer.padding, layer.output_padding, layer.dilation)
    )
    rest = (output_padding, layer.groups, dilation) if layer.transposed else (dilation, layer.groups)

    def call() -> Any:
        return function(x, w, bias, stride, padding, *rest)

    def look(y: Any) -> NDArray[Any]:
        array: NDArray[Any] = y.numpy()
        return array

    return Ready(call, look)
