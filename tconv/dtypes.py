"""Element types: what is taken, what comes out, and in what the kernels compute.

The result has the dtype to which NumPy promotes x, w and bias. Kernels know seven dtypes; the others are
computed in one that holds them: float16 in float32 (rounded once, at the end), narrow integers in int32 and
unsigned ones as signed ones of the same width, since sums and products wrap around alike modulo 2**bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tconv.errors import ArgumentTypeError, DtypeError, shown
from tconv.typing import Array

COMPUTED_IN = {
    "float16": "float32",
    "float32": "float32",
    "float64": "float64",
    "complex64": "complex64",
    "complex128": "complex128",
    "int8": "int32",
    "int16": "int32",
    "int32": "int32",
    "int64": "int64",
    "uint8": "int32",
    "uint16": "int32",
    "uint32": "int32",
    "uint64": "int64",
    "object": "object",
}
"""For each dtype of a result, the one in which kernels compute it."""

_ADVICE = {
    "b": "convert it, e.g. with .astype('uint8') to count",
    "U": "convert text to numbers first, e.g. with .astype('float64')",
    "S": "convert text to numbers first, e.g. with .astype('float64')",
    "M": "convert it to numbers in the unit you mean, e.g. with .astype('datetime64[s]').astype('int64')",
    "m": "convert it to numbers in the unit you mean, e.g. with .astype('timedelta64[s]').astype('int64')",
    "f": "convert it, e.g. with .astype('float64'), or compute exactly with an object array of fractions",
    "c": "convert it, e.g. with .astype('complex128'), or compute exactly with an object array",
    "fields": "take one field of the structured array",
}

Promoted = np.dtype[Any] | type
"""A dtype, or the type of a Python number, which is no wider than what it meets."""

_CPU = {1, 3, 11}  # DLPack's numbers of memory that the CPU reads: its own, and pinned for CUDA and ROCm


def check(name: str, dtype: np.dtype[Any]) -> None:
    """Raise `DtypeError` unless arrays of ``dtype`` are computed with."""
    if dtype.name not in COMPUTED_IN:
        kind = "fields" if dtype.names else dtype.kind
        advice = _ADVICE.get(kind, "convert it, e.g. with .astype('float32')")
        raise DtypeError(
            f"{name}: got dtype {dtype}; must be float16 to float64, complex64 or complex128, an integer "
            f"or object: {advice}"
        )


def read_dtype(name: str, value: Any) -> np.dtype[Any]:
    """The argument ``name`` as a dtype that is computed with."""
    try:
        dtype: np.dtype[Any] = np.dtype(value)
    except TypeError:
        raise DtypeError(f"{name}: got {shown(value)}; must be a NumPy dtype or its name") from None
    check(name, dtype)
    return dtype


def promoted_as(value: Any, array: Array) -> Promoted:
    """As what ``value``, of which ``array`` was made, takes part in promotion.

    >>> promoted_as([1.0], np.array([1.0])), promoted_as(1.0, np.array(1.0))
    (dtype('float64'), <class 'float'>)
    """
    return type(value) if type(value) in (int, float, complex) and not array.dtype.hasobject else array.dtype


def result_dtype(dtypes: Iterable[Promoted]) -> np.dtype[Any]:
    """NumPy's promotion, in native byte order.

    >>> result_dtype([np.dtype(">i4"), np.dtype("float32")])
    dtype('float64')
    >>> result_dtype([np.dtype("float32"), float])
    dtype('float32')
    """
    kinds = [one() if isinstance(one, type) else one for one in dtypes]
    native: np.dtype[Any] = np.dtype(np.result_type(*kinds).name)
    return native


def computed_in(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which kernels compute a result of ``dtype``.

    >>> computed_in(np.dtype("uint16"))
    dtype('int32')
    """
    return np.dtype(COMPUTED_IN[dtype.name])


def as_array(name: str, value: Any) -> Array:
    """The argument ``name`` as an array: NumPy's own, or whatever says how to become one."""
    if type(value) is np.ndarray:
        return value
    if value is None:
        raise ArgumentTypeError(f"{name}: got None; must be an array")
    if isinstance(value, np.ma.MaskedArray):
        raise ArgumentTypeError(f"{name}: got a masked array; must be a plain one, e.g. {name}.filled(0)")
    try:
        _check_device(name, value)
        if hasattr(value, "__dlpack__") and not _numpy_reads(value):
            return np.from_dlpack(value)
        return np.asarray(value)
    except ArgumentTypeError:
        raise
    except Exception as error:  # whatever a foreign array raises; its words tell the user what to do
        raise ArgumentTypeError(
            f"{name}: got {type(value).__name__}, which NumPy cannot read ({shown(error, 200)}); "
            "must be an array on the CPU"
        ) from error


def for_kernels(array: Array, dtype: np.dtype[Any]) -> Array:
    """The same elements in the dtype of a computation, native and aligned: a view if possible."""
    if array.dtype is not dtype and array.dtype != dtype:
        array = array.view(dtype) if _same_bits(array.dtype, dtype) else array.astype(dtype)
    return array if is_regular(array) else array.copy()


def is_regular(array: Array) -> bool:
    """Whether every element lies a whole number of elements from the first, at an aligned address."""
    flags = array.flags
    if not flags.aligned:
        return False
    if flags.c_contiguous:
        return True
    itemsize = array.itemsize
    return not any(stride % itemsize for stride in array.strides)


def can_be_written(dtype: np.dtype[Any], kernel_dtype: np.dtype[Any]) -> bool:
    """Whether kernels may write into an array of ``dtype`` directly: it is theirs, or the same bits."""
    return dtype == kernel_dtype or _same_bits(dtype, kernel_dtype)


def _same_bits(dtype: np.dtype[Any], other: np.dtype[Any]) -> bool:
    """Whether both are native integers of one width: the same bits then do for sums and products."""
    return dtype.kind in "iu" and other.kind in "iu" and dtype.itemsize == other.itemsize and dtype.isnative


def _numpy_reads(value: Any) -> bool:
    return any(hasattr(value, way) for way in ("__array__", "__array_interface__"))


def _check_device(name: str, value: Any) -> None:
    if not hasattr(value, "__dlpack_device__") or isinstance(value, np.ndarray):
        return
    kind, _ = value.__dlpack_device__()
    if kind not in _CPU:
        raise ArgumentTypeError(
            f"{name}: got {type(value).__name__} on another device (DLPack's number {int(kind)}); must be on the CPU"
        )
