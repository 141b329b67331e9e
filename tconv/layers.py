"""Layers: a convolution with its weights, packed once and used for many inputs."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np

from tconv.bilinear import Arguments, check_kernel
from tconv.bound import BoundLayer, bound_layer
from tconv.call import Packed, check_result, prepare, run
from tconv.dtypes import as_array, check, promoted_as, read_dtype
from tconv.geometry import Sizes, count, frozen, shape_of
from tconv.machine import team
from tconv.measuring import measured
from tconv.memory import keeping
from tconv.planner import read_method
from tconv.plans import Plan, plan_forward
from tconv.typing import Array, ArrayLike, DTypeLike, Padding, PerAxis

__all__ = ["Conv", "ConvTranspose"]

REMEMBERED = 8  # input shapes of which a layer keeps the plan and packed weights

_Key = tuple[Sizes, np.dtype[Any], int]  # shape and dtype of the input, threads
_BoundKey = tuple[Sizes, Sizes, np.dtype[Any]]  # its shape, strides and dtype


class _Layer:
    """What both layers do; they differ in their arguments alone."""

    def __init__(
        self,
        w: ArrayLike,
        bias: ArrayLike | None,
        arguments: Arguments,
        output_size: object,
        method: str,
        threads: int | None,
    ) -> None:
        self._w = _own("w", w)
        self._bias = None if bias is None else _own("bias", bias)
        self._bias_dtype = None if self._bias is None else promoted_as(bias, self._bias)
        self._arguments = arguments
        self._output_size = output_size
        self._method = read_method(method)
        self._threads = None if threads is None else count("threads", threads)
        bias_shape = None if self._bias is None else self._bias.shape
        check_kernel(arguments, self._w.shape, bias_shape, output_size)
        self._forget()

    @property
    def w(self) -> Array:
        """The weights, read-only: a copy of what was given."""
        return self._w

    @property
    def bias(self) -> Array | None:
        """The bias, read-only; None if there is none."""
        return self._bias

    def __call__(self, x: ArrayLike, out: Array | None = None) -> Array:
        """Apply the layer to ``x``.

        Parameters
        ----------
        x : array_like
            The input, in the layer's layout, batched or not.
        out : numpy.ndarray, optional
            Where to write the result: of its exact shape and dtype, writeable, sharing no memory with ``x``.

        Returns
        -------
        numpy.ndarray
            The result: ``out`` if it was given, else a new array.

        Raises
        ------
        tconv.errors.TconvError
            As the function of the same name, for ``x`` and ``out``.
        """
        if type(x) is np.ndarray:
            bound = self._bound.get((x.shape, x.strides, x.dtype))
            if bound is not None and x.flags.aligned and (y := bound(x, out)) is not None:
                return y
        x = as_array("x", x)
        threads = team(self._threads)
        key = (x.shape, x.dtype, threads)
        ready = self._ready.get(key)
        plan = self._plan(*key) if ready is None else ready[0]
        check_result(plan, out, x=x, w=self._w, bias=self._bias)
        packed = self._pack(key, plan) if ready is None else ready[1]
        y = run(plan, x, self._w, packed, self._bias, out)
        if threads > 1 or self._threads is not None:  # else there may be more the next time
            self._bind(plan, packed, x)
        return y

    def plan(self, x_shape: tuple[int, ...], dtype: DTypeLike | None = None, measure: bool = False) -> Plan:
        """How an input of this shape would be computed; ``print`` shows it as a table.

        Parameters
        ----------
        x_shape : tuple of int
            Shape of the input.
        dtype : dtype_like, optional
            Of the input; by default that of the weights.
        measure : bool, default False
            As in `tconv.plan`.

        Returns
        -------
        tconv.plans.Plan
        """
        x_dtype = self._w.dtype if dtype is None else read_dtype("dtype", dtype)
        plan = self._plan(shape_of("x_shape", x_shape), x_dtype, team(self._threads))
        return measured(plan) if measure else plan

    def __repr__(self) -> str:
        given = [f"w={self._w.dtype}{self._w.shape}"]
        if self._bias is not None:
            given.append(f"bias={self._bias.dtype}{self._bias.shape}")
        given += [f"{name}={value!r}" for name, value in self._said().items()]
        return f"{type(self).__name__}({', '.join(given)})"

    def _said(self) -> dict[str, Any]:
        """The keyword arguments that this layer was made with."""
        said = self._arguments._asdict()
        if said.pop("operator") == "conv":
            del said["output_padding"]
        if self._output_size is not None:
            said["output_size"] = self._output_size
        return {**said, "method": self._method, "threads": self._threads}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_ready", "_bound", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for array in (self._w, self._bias):
            if array is not None:
                array.flags.writeable = False
        self._forget()

    def _forget(self) -> None:
        self._ready: dict[_Key, tuple[Plan, Packed | None]] = {}
        self._bound: dict[_BoundKey, BoundLayer | None] = {}
        self._lock = Lock()

    def _plan(self, x_shape: Sizes, x_dtype: np.dtype[Any], threads: int) -> Plan:
        bias = self._bias
        return plan_forward(
            self._arguments,
            self._output_size,
            x_shape,
            x_dtype,
            self._w.shape,
            self._w.dtype,
            None if bias is None else bias.shape,
            self._bias_dtype,
            self._method,
            threads,
            layer=True,
        )

    def _bind(self, plan: Plan, packed: Packed | None, x: Array) -> None:
        key = (x.shape, x.strides, x.dtype)
        if key not in self._bound:
            kept = list(self._bound.items())[-(REMEMBERED - 1) :]
            self._bound = dict([*kept, (key, bound_layer(plan, packed, self._bias, x))])

    def _pack(self, key: _Key, plan: Plan) -> Packed | None:
        with self._lock, keeping():  # one thread packs, the others find what it made
            if key not in self._ready:
                known = [packed for _, packed in self._ready.values() if packed is not None]
                packed = prepare(plan, self._w, None, known)  # inputs of many sizes have the same packed weights
                kept = list(self._ready.items())[-(REMEMBERED - 1) :]  # the oldest goes
                self._ready = dict([*kept, (key, (plan, packed))])
            return self._ready[key][1]


class ConvTranspose(_Layer):
    """Transposed convolution with its weights packed once, for many inputs.

    ``ConvTranspose(w, bias, **arguments)(x)`` is ``conv_transpose(x, w, bias, **arguments)``: to the bit if a
    ``method`` is named, else up to rounding, as what is quickest for weights packed once may not be for one call.
    The first call with a new shape of x plans, and packs unless an earlier shape's packed weights serve it, as most
    do; later calls find both. Layers can be pickled, and called from several threads at once.

    Parameters
    ----------
    w : array_like, shape ``(channels_in, channels_out // groups, *size_kernel)`` in the default layout
        The weights; they are copied.
    bias : array_like, shape ``(channels_out,)``, optional
        Added to every output of its channel; copied.
    stride, padding, output_padding, output_size, dilation, groups, layout, kernel_layout, method, accuracy, threads
        As in `tconv.conv_transpose`.

    Attributes
    ----------
    w, bias : numpy.ndarray
        The layer's own copies, read-only.

    Raises
    ------
    tconv.errors.TconvError
        As `tconv.conv_transpose`: at once for what is wrong with any x, else in the call.

    Examples
    --------
    >>> import numpy as np, tconv
    >>> up = tconv.ConvTranspose(np.ones((3, 8, 4, 4), "float32"), stride=2, padding=1)
    >>> up(np.ones((2, 3, 16, 16), "float32")).shape
    (2, 8, 32, 32)
    >>> up.plan((2, 3, 16, 16)).choice
    'polyphase'
    """

    def __init__(
        self,
        w: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        stride: PerAxis = 1,
        padding: Padding = 0,
        output_padding: PerAxis = 0,
        output_size: PerAxis | None = None,
        dilation: PerAxis = 1,
        groups: int = 1,
        layout: str = "NC...",
        kernel_layout: str = "IO...",
        method: str = "auto",
        accuracy: str = "direct",
        threads: int | None = None,
    ) -> None:
        arguments = Arguments.of(
            "conv_transpose", stride, padding, output_padding, dilation, groups, layout, kernel_layout, accuracy
        )
        super().__init__(w, bias, arguments, frozen("output_size", output_size), method, threads)


class Conv(_Layer):
    """Ordinary convolution with its weights packed once, for many inputs.

    ``Conv(w, bias, **arguments)(x)`` is ``conv(x, w, bias, **arguments)``; see `ConvTranspose`.

    Parameters
    ----------
    w : array_like, shape ``(channels_out, channels_in // groups, *size_kernel)`` in the default layout
        The weights; they are copied.
    bias : array_like, shape ``(channels_out,)``, optional
        Added to every output of its channel; copied.
    stride, padding, dilation, groups, layout, kernel_layout, method, accuracy, threads
        As in `tconv.conv`.

    Attributes
    ----------
    w, bias : numpy.ndarray
        The layer's own copies, read-only.

    Raises
    ------
    tconv.errors.TconvError
        As `tconv.conv`: at once for what is wrong with any x, else in the call.

    Examples
    --------
    >>> import numpy as np, tconv
    >>> edges = tconv.Conv([[1, 0], [0, -1]], layout="...")
    >>> edges([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    array([[-4, -4],
           [-4, -4]])
    """

    def __init__(
        self,
        w: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        stride: PerAxis = 1,
        padding: Padding = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        layout: str = "NC...",
        kernel_layout: str = "OI...",
        method: str = "auto",
        accuracy: str = "direct",
        threads: int | None = None,
    ) -> None:
        arguments = Arguments.of("conv", stride, padding, 0, dilation, groups, layout, kernel_layout, accuracy)
        super().__init__(w, bias, arguments, None, method, threads)


def _own(name: str, value: ArrayLike) -> Array:
    """A private, read-only copy, in the order in which its axes are written."""
    array = as_array(name, value)
    check(name, array.dtype)
    array = np.array(array, order="C")
    array.flags.writeable = False
    return array
