"""What goes in, in whatever clothes, and of what type the result is."""

from __future__ import annotations

import pickle
from array import array as machine_array
from decimal import Decimal
from fractions import Fraction
from itertools import combinations_with_replacement

import numpy as np
import pytest

import tconv
from tconv import dtypes, errors
from tests import oracle

NUMERIC = [name for name in dtypes.COMPUTED_IN if name != "object"]


def expected(x, w):
    """Plain arrays, stride 2, no crop."""
    x, w = x[None, None], w[None, None]
    size_out = [(i - 1) * 2 + k for i, k in zip(x.shape[2:], w.shape[2:], strict=True)]
    once = [1] * len(size_out)
    none = [0] * len(size_out)
    y = oracle.conv_transpose(
        x, w, None, stride=[2] * len(size_out), dilation=once, crop=none, size_out=size_out, groups=1
    )
    return y[0, 0]


def compute(x, w, **options):
    return tconv.conv_transpose(x, w, stride=2, layout="...", **options)


@pytest.mark.parametrize(("a", "b"), list(combinations_with_replacement(NUMERIC, 2)))
def test_the_result_has_numpy_s_promotion(a, b):
    x, w = np.array([1, 2, 3], a), np.array([4, 5, 6, 7], b)
    y = compute(x, w)
    assert y.dtype == np.result_type(x, w)
    assert np.array_equal(y, expected(x, w))
    assert type(y) is np.ndarray


@pytest.mark.parametrize("name", [n for n in NUMERIC if "int" in n])
def test_integers_wrap_around(name):
    limits = np.iinfo(name)
    x = np.array([limits.max, limits.min, limits.max - 1, 3], name)
    w = np.array([limits.max, 2, limits.min, 7, 100], name)
    y = compute(x, w)
    exact = expected(x.astype(object), w.astype(object))
    bits = limits.bits
    assert [int(v) % 2**bits for v in y] == [v % 2**bits for v in exact]
    assert y.dtype == name


def test_integers_of_64_bits_are_exact():
    x = np.array([2**53 + 1, -(2**53) - 1])
    assert compute(x, np.array([1, 0])).tolist() == [2**53 + 1, 0, -(2**53) - 1, 0]


def test_half_precision_is_summed_in_single():
    x = np.full(4096, 1, np.float16)
    w = np.ones(4096, np.float16)
    (y,) = tconv.conv(x, w, layout="...")
    assert y == 4096  # summed in float16 it would stop at 2048
    assert y.dtype == np.float16
    assert tconv.conv(np.full(3, 60000, np.float16), np.ones(3, np.float16), layout="...")[0] == np.inf
    assert tconv.conv(np.array([60000, 60000, -60000], np.float16), np.ones(3, np.float16), layout="...") == 60000


def test_objects_stay_exact():
    third = Fraction(1, 3)
    y = compute([third, 2 * third], [Fraction(3), Fraction(1, 7)])
    assert y.tolist() == [1, Fraction(1, 21), 2, Fraction(2, 21)]
    assert compute([2**80], [2**80, -1]).tolist() == [2**160, -(2**80)]
    assert compute(np.array([Decimal("0.1")]), [Decimal("0.2")], bias=Decimal(1)).tolist() == [Decimal("1.02")]
    mixed = compute(np.array([third], object), np.array([2, 4]))
    assert mixed.tolist() == [2 * third, 4 * third]
    assert mixed.dtype == object


def test_object_results_hold_no_gaps():
    y = compute(np.array([Fraction(1)], object), [1], padding=-2, output_padding=1)
    assert y.tolist() == [0, 0, 1, 0, 0, 0]
    assert tconv.conv_transpose(np.zeros((0,), object), [1], layout="...", output_size=3).tolist() == [
        0,
        0,
        0,
    ]


def test_numpy_s_numbers_and_lists_as_bias_take_part_as_arrays_do():
    assert compute(np.ones(2, "f4"), np.ones(1, "f4"), bias=np.float32(2)).dtype == np.float32
    assert compute(np.ones(2, "f4"), np.ones(1, "f4"), bias=[2]).dtype == np.float64


@pytest.mark.parametrize("bias", [3, 0.1, 2 - 1j])
@pytest.mark.parametrize("dtype", NUMERIC)
def test_a_python_number_as_bias_is_no_wider_than_what_it_meets(dtype, bias):
    """As in NumPy's own sums; its bits are those of the number in the result's dtype."""
    x, w = np.zeros(3, dtype), np.ones(1, dtype)
    wanted = np.zeros(5, dtype) + bias
    layer = tconv.ConvTranspose(w, bias, stride=2, layout="...")
    for y in (compute(x, w, bias=bias), layer(x), pickle.loads(pickle.dumps(layer))(x)):
        assert y.dtype == wanted.dtype
        assert np.array_equal(y, wanted)


@pytest.mark.parametrize(("dtype", "bias"), [("int8", 128), ("int8", -129), ("uint8", -1), ("int64", 2**63)])
def test_a_python_number_as_bias_must_fit(dtype, bias):
    x, w = np.ones(3, dtype), np.ones(2, dtype)
    limits = np.iinfo(dtype)
    message = f"bias: got {bias}; must be from {limits.min} to {limits.max}, as x and w are {dtype}"
    with pytest.raises(errors.ParameterError, match=message):
        tconv.conv_transpose(x, w, bias, layout="...")
    with pytest.raises(errors.ParameterError, match=message):
        tconv.ConvTranspose(w, bias, layout="...")(x)
    inside = limits.max if bias > 0 else limits.min
    assert tconv.conv_transpose(0 * x, w, inside, layout="...").tolist() == [inside] * 4


def test_an_integer_of_any_size_as_bias_makes_objects():
    assert compute(np.ones(1, "i4"), np.ones(1, "i4"), bias=2**70).tolist() == [2**70 + 1]


X = np.arange(12, dtype="f8").reshape(3, 4) + 0.5
W = np.arange(6, dtype="f8").reshape(2, 3) - 2


def big_endian(a):
    return a.astype(a.dtype.newbyteorder(">"))


def unaligned(a):
    buffer = bytearray(a.nbytes + 1)
    view = np.frombuffer(buffer, a.dtype, a.size, offset=1).reshape(a.shape)
    view[...] = a
    assert not view.flags.aligned
    return view


def odd_steps(a):
    """Aligned, but strides are no multiples of the item."""
    packed = np.zeros(a.shape, [("a", "f4"), ("z", "c8")])
    z = packed["z"]
    z[...] = a
    assert z.flags.aligned
    assert z.strides[-1] % z.itemsize
    return z


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


CLOTHES = {
    "plain": np.copy,
    "fortran": np.asfortranarray,
    "backwards": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "every_other": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    "big_endian": big_endian,
    "big_endian_unaligned": lambda a: unaligned(big_endian(a)),
    "unaligned": unaligned,
    "odd_steps": odd_steps,
    "read_only": read_only,
    "list": np.ndarray.tolist,
    "subclass": lambda a: a.view(np.recarray),
}


@pytest.mark.parametrize("clothes", CLOTHES)
def test_any_array_goes_in_and_is_not_changed(clothes):
    x, w = CLOTHES[clothes](X), CLOTHES[clothes](W)
    before = np.array(x).tobytes(), np.array(w).tobytes()
    y = compute(x, w)
    assert np.array_equal(y, expected(X, W))
    assert y.dtype.isnative
    assert type(y) is np.ndarray
    assert (np.array(x).tobytes(), np.array(w).tobytes()) == before


def test_broadcast_arrays_go_in():
    x = np.broadcast_to(np.float32(3), (4, 5))
    assert np.array_equal(compute(x, W.astype("f4")), expected(np.array(x), W.astype("f4")))


class ByArray:
    def __init__(self, a):
        self.a = a

    def __array__(self, dtype=None, copy=None):
        return self.a


class ByInterface:
    def __init__(self, a):
        self.a = a
        self.__array_interface__ = a.__array_interface__


class ByDlpack:
    def __init__(self, a, device=(1, 0)):
        self.a, self.device = a, device

    def __dlpack__(self, **options):
        return self.a.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


@pytest.mark.parametrize("wrap", [ByArray, ByInterface, ByDlpack, memoryview])
def test_foreign_arrays_go_in(wrap):
    assert np.array_equal(compute(wrap(X), wrap(W)), expected(X, W))
    bias = np.array([1.0])
    assert np.array_equal(compute(X, W, bias=wrap(bias)), expected(X, W) + 1)


def test_buffers_go_in():
    assert compute(machine_array("d", [1, 2]), machine_array("d", [1])).tolist() == [1, 0, 2]


def test_another_device_is_refused():
    with pytest.raises(errors.ArgumentTypeError, match=r"^x: got ByDlpack on another device .* must be on the CPU"):
        compute(ByDlpack(X, device=(2, 0)), W)


def test_a_foreign_array_s_own_words_are_passed_on():
    class Shy:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("call detach() first")

    with pytest.raises(errors.ArgumentTypeError, match=r"^w: got Shy, .*call detach\(\) first"):
        compute(X, Shy())


def test_a_mask_is_not_lost():
    with pytest.raises(errors.ArgumentTypeError, match=r"^x: got a masked array; .*x\.filled\(0\)"):
        compute(np.ma.masked_less(X, 2), W)


REFUSED = {
    "?": "astype",
    "g": "astype",
    "G": "astype",
    "U3": "text",
    "S3": "text",
    "M8[s]": "datetime64",
    "m8[s]": "timedelta64",
    "f4,i4": "field",
}


@pytest.mark.parametrize("dtype", REFUSED)
@pytest.mark.parametrize("name", ["x", "w", "bias"])
def test_other_dtypes_are_refused_with_advice(dtype, name):
    operands = {"x": np.ones(3), "w": np.ones(2), "bias": np.ones(1)}
    operands[name] = np.zeros(operands[name].shape, dtype)
    with pytest.raises(TypeError, match=rf"^{name}: got dtype .*; must be .*{REFUSED[dtype]}"):
        tconv.conv_transpose(**operands, layout="...")


def test_views_are_made_where_bits_agree():
    unsigned = np.arange(4, dtype="u4")
    assert np.shares_memory(dtypes.for_kernels(unsigned, np.dtype("int32")), unsigned)
    single = np.arange(4, dtype="f4")[::2]
    assert dtypes.for_kernels(single, np.dtype("float32")) is single
    assert not np.shares_memory(dtypes.for_kernels(unsigned.astype(">u4"), np.dtype("int32")), unsigned)
    assert dtypes.for_kernels(np.array([200], "u1"), np.dtype("int32")).tolist() == [200]
