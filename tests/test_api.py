"""The public functions on whole calls, against the oracle: all layouts, paddings and shapes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tconv
from tests import oracle
from tests.test_layout import KERNEL_LAYOUTS, LAYOUTS


def arranged(a: np.ndarray, pattern: str, letters: str) -> np.ndarray:
    """From an array whose first axes are ``letters`` to ``pattern``; what it leaves out has size 1."""
    before, after = pattern.split("...")
    dropped = tuple(n for n, letter in enumerate(letters) if letter not in pattern)
    a = a.squeeze(dropped)
    kept = [letter for letter in letters if letter in pattern]
    order = [kept.index(c) for c in before] + list(range(len(kept), a.ndim)) + [kept.index(c) for c in after]
    return np.ascontiguousarray(a.transpose(order))


@dataclass(frozen=True)
class Call:
    """One call: operands in the oracle's order of axes, arguments in the caller's words."""

    x: np.ndarray
    w: np.ndarray
    bias: np.ndarray | None
    groups: int
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Any  # as the caller says it
    crop: tuple[int, ...]  # what it means
    size_out: tuple[int, ...]
    sizes: dict[str, Any]  # output_padding or output_size
    layout: str
    kernel_layout: str
    transposed: bool

    @property
    def letters(self) -> str:
        return "IO" if self.transposed else "OI"

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "groups": self.groups,
            "stride": self.stride,
            "dilation": self.dilation,
            "padding": self.padding,
            "layout": self.layout,
            "kernel_layout": self.kernel_layout,
            **self.sizes,
        }

    def x_arranged(self) -> np.ndarray:
        return arranged(self.x, self.layout, "NC")

    def w_arranged(self) -> np.ndarray:
        return arranged(self.w, self.kernel_layout if "C" in self.layout else "...", self.letters)

    def expected(self) -> np.ndarray:
        compute = oracle.conv_transpose if self.transposed else oracle.conv
        y = compute(
            self.x, self.w, self.bias, stride=self.stride, dilation=self.dilation, crop=self.crop,
            size_out=self.size_out, groups=self.groups,
        )  # fmt: skip
        return arranged(y, self.layout, "NC")


def numbers(draw: Any, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = np.random.default_rng(draw(st.integers(0, 2**32))).integers(-4, 5, shape)
    if dtype == "object":
        return np.array([Fraction(int(v), 3) for v in values.ravel()], object).reshape(shape)
    return values.astype(dtype)


@st.composite
def calls(draw: Any, transposed: bool, dtypes: tuple[str, ...] = ("int64", "float32", "object")) -> Call:
    axes = draw(st.integers(1, 4))
    longest = {1: 9, 2: 5, 3: 3, 4: 3}[axes]
    per_axis = st.lists(st.integers(1, 3), min_size=axes, max_size=axes).map(tuple)
    layout, kernel_layout = draw(st.sampled_from(LAYOUTS)), draw(st.sampled_from(KERNEL_LAYOUTS))
    channels = "C" in layout
    groups = draw(st.integers(1, 3)) if channels else 1
    size_in = draw(st.lists(st.integers(0, longest), min_size=axes, max_size=axes).map(tuple))
    size_kernel = draw(st.lists(st.integers(0, 4), min_size=axes, max_size=axes).map(tuple))
    stride, dilation = draw(per_axis), draw(per_axis)
    pairs = draw(st.lists(st.tuples(st.integers(-2, 3), st.integers(-2, 3)), min_size=axes, max_size=axes))
    padding: Any = draw(st.sampled_from(["same", "valid", "pairs", "pairs", "pairs"]))
    sizes: dict[str, Any] = {}
    crop, size_out = [], []
    for a in range(axes):
        i, k, s, d = size_in[a], size_kernel[a], stride[a], dilation[a]
        span = (k - 1) * d + 1 if k else 0
        begin, end = pairs[a] if padding == "pairs" else (0, 0)
        if transposed:
            natural = (i - 1) * s + span if i and k else 0
            if padding == "same":
                begin = max(natural - i * s, 0) // 2
                end = natural - i * s - begin
            crop.append(begin)
            size_out.append(natural - begin - end)
        else:
            o = (i + begin + end - span) // s + 1
            if padding == "same":
                o = -(-i // s)
                begin = max((o - 1) * s + span - i, 0) // 2
            crop.append(begin)
            size_out.append(o)
    if transposed:
        more = draw(st.lists(st.integers(0, 4), min_size=axes, max_size=axes))
        size_out = [o + m for o, m in zip(size_out, more, strict=True)]
        sizes["output_padding"] = tuple(more)
        if draw(st.booleans()):
            size_out = draw(st.lists(st.integers(0, 8), min_size=axes, max_size=axes))
            sizes = {"output_size": tuple(size_out)}
    assume(min(size_out) >= 0)
    if padding == "pairs":
        padding = tuple(pairs)
    per_group_in, per_group_out = (draw(st.integers(0, 3)), draw(st.integers(0, 3))) if channels else (1, 1)
    batch = draw(st.integers(0, 2)) if "N" in layout else 1
    dtype = draw(st.sampled_from(dtypes))
    kernel = (groups * per_group_in, per_group_out) if transposed else (groups * per_group_out, per_group_in)
    with_bias = draw(st.booleans())
    return Call(
        x=numbers(draw, (batch, groups * per_group_in, *size_in), dtype),
        w=numbers(draw, (*kernel, *size_kernel), dtype),
        bias=numbers(draw, (groups * per_group_out,), dtype) if with_bias else None,
        groups=groups,
        stride=stride,
        dilation=dilation,
        padding=padding,
        crop=tuple(crop),
        size_out=tuple(size_out),
        sizes=sizes,
        layout=layout,
        kernel_layout=kernel_layout,
        transposed=transposed,
    )


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and bool(np.all(a == b))


@given(calls(transposed=True))
def test_conv_transpose_is_the_definition(call):
    y = tconv.conv_transpose(call.x_arranged(), call.w_arranged(), call.bias, **call.arguments)
    assert same(y, call.expected())


@given(calls(transposed=False))
def test_conv_is_the_definition(call):
    y = tconv.conv(call.x_arranged(), call.w_arranged(), call.bias, **call.arguments)
    assert same(y, call.expected())


def inner(a: np.ndarray, b: np.ndarray) -> Any:
    return (a.astype(object) * b.astype(object)).sum()


def gradients(call, g, w, x):
    """Both gradients of <y, g>, from the public functions."""
    arguments = dict(call.arguments)
    spatial = {"input_size": call.x.shape[2:]}
    kernel_size = call.w.shape[2:]
    if call.transposed:
        by_input, by_weight = tconv.conv_transpose_input_vjp, tconv.conv_transpose_weight_vjp
    else:
        by_input, by_weight = tconv.conv_input_vjp, tconv.conv_weight_vjp
    return by_input(g, w, **spatial, **arguments), by_weight(x, g, kernel_size=kernel_size, **arguments)


@pytest.mark.parametrize("transposed", [True, False])
@given(data=st.data())
def test_the_gradients_are_the_transposes(transposed, data):
    """<y(x, w), g> = <x, input_vjp(g, w)> = <w, weight_vjp(x, g)>, in integers and so exactly."""
    call = data.draw(calls(transposed, dtypes=("int64", "object")))
    x, w = call.x_arranged(), call.w_arranged()
    compute = tconv.conv_transpose if transposed else tconv.conv
    y = compute(x, w, **call.arguments)
    g = numbers(data.draw, y.shape, "int64")
    x_bar, w_bar = gradients(call, g, w, x)
    assert x_bar.shape == x.shape
    assert w_bar.shape == w.shape
    assert inner(y, g) == inner(x, x_bar) == inner(w, w_bar)


@pytest.mark.parametrize("padding", [0, 1, "same", [(2, -1)]])
@pytest.mark.parametrize("output_padding", [0, 1, 5])
def test_the_input_size_follows_from_the_gradient_s(padding, output_padding):
    arguments = {"stride": 3, "dilation": 2, "padding": padding, "output_padding": output_padding}
    w = np.ones((2, 3, 3))
    for size in range(1, 6):
        g = tconv.conv_transpose(np.ones((1, 2, size)), w, **arguments)
        assert tconv.conv_transpose_input_vjp(g, w, **arguments).shape == (1, 2, size)


def test_the_document_s_examples():
    y = tconv.conv_transpose([[1, 2], [3, 4]], [[1, 0], [0, -1]], layout="...")
    assert y.tolist() == [[1, 2, 0], [3, 3, -2], [0, -3, -4]]
    y = tconv.conv([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[1, 0], [0, -1]], layout="...")
    assert y.tolist() == [[-4, -4], [-4, -4]]


@pytest.mark.parametrize("axes", [1, 2, 3, 4, 5, 6])
def test_any_number_of_axes(axes):
    x = np.arange(2 * 2**axes).reshape(1, 2, *[2] * axes)
    w = np.arange(4 * 3**axes).reshape(2, 2, *[3] * axes) % 5
    y = tconv.conv_transpose(x, w, stride=2, padding=1)
    wanted = oracle.conv_transpose(
        x, w, None, stride=[2] * axes, dilation=[1] * axes, crop=[1] * axes, size_out=[3] * axes, groups=1
    )
    assert same(y, wanted)


@pytest.mark.parametrize("layout", [p for p in LAYOUTS if "N" in p])
def test_unbatched_in_unbatched_out(layout):
    channels = "C" in layout
    x = np.arange(1 * (2 if channels else 1) * 4 * 5).reshape(1, 2 if channels else 1, 4, 5)
    w = (np.arange(2 * 3 * 9) if channels else np.arange(9)).reshape(*((2, 3) if channels else (1, 1)), 3, 3)
    batched = arranged(x, layout, "NC")
    kernel = arranged(w, "IO..." if channels else "...", "IO")
    n = layout.replace("...", "SS").index("N")
    y = tconv.conv_transpose(batched, kernel, stride=2, layout=layout)
    single = tconv.conv_transpose(batched.squeeze(n), kernel, stride=2, layout=layout)
    assert same(single, y.squeeze(n))


def test_a_plain_bias_is_one_number():
    for bias in (5, np.int64(5), [5], np.array(5)):
        assert tconv.conv_transpose([1, 2], [1, 1], bias, layout="...").tolist() == [6, 8, 7]


def test_outputs_that_nothing_reaches_are_bias():
    x, w = np.ones((1, 1, 2)), np.ones((1, 1, 1))
    y = tconv.conv_transpose(x, w, [7.0], stride=3, padding=[(-2, 0)], output_padding=2)
    assert y.tolist() == [[[7, 7, 8, 7, 7, 8, 7, 7]]]


def test_empty_operands_leave_bias_or_zero():
    bias = np.array([1.5, 2.5])
    w = np.ones((3, 2, 2))
    assert tconv.conv_transpose(np.ones((1, 3, 0)), w, bias, output_size=2).tolist() == [[[1.5, 1.5], [2.5, 2.5]]]
    assert tconv.conv_transpose(np.ones((1, 3, 0)), w, output_size=2).tolist() == [[[0, 0], [0, 0]]]
    assert tconv.conv_transpose(np.ones((1, 0, 2)), np.ones((0, 2, 2)), bias).shape == (1, 2, 3)
    assert tconv.conv_transpose(np.ones((0, 3, 2)), w, bias).shape == (0, 2, 3)
    assert tconv.conv_transpose(np.ones((1, 3, 2)), w, bias, output_size=0).shape == (1, 2, 0)
    assert tconv.conv_transpose(np.ones((1, 3, 2)), np.ones((3, 0, 2))).shape == (1, 0, 3)
    assert tconv.conv(np.ones((1, 3, 2)), np.ones((2, 3, 3))).shape == (1, 2, 0)
    half = tconv.conv_transpose(np.ones((1, 3, 0), "f2"), w.astype("f2"), bias.astype("f2"), output_size=2)
    assert half.dtype == np.float16
    assert half.tolist() == [[[1.5, 1.5], [2.5, 2.5]]]


def test_only_products_of_the_definition_are_formed():
    x = np.array([np.inf, 1.0])
    y = tconv.conv_transpose(x, [1.0, 0.0, 2.0], stride=3, layout="...", output_padding=1)
    assert np.array_equal(y, [np.inf, np.nan, np.inf, 1, 0, 2, 0], equal_nan=True)
    y = tconv.conv_transpose([1.0, 2.0], [np.nan, 1.0], stride=2, layout="...", output_size=6)
    assert np.array_equal(y, [np.nan, 1, np.nan, 2, 0, 0], equal_nan=True)


SHAPES = ((2, 4, 5, 6), (4, 3, 3, 3))  # x and w


def operands(dtype="float32"):
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-9, 9, shape).astype(dtype) for shape in SHAPES)
    return x, w, np.arange(3).astype(dtype)


OUTS = {
    "contiguous": lambda shape, dtype: np.empty(shape, dtype),
    "fortran": lambda shape, dtype: np.empty(shape, dtype, order="F"),
    "steps": lambda shape, dtype: np.empty((*shape[:-1], shape[-1] * 3), dtype)[..., ::3],
    "backwards": lambda shape, dtype: np.empty(shape, dtype)[:, ::-1, ::-1, ::-1],
    "inside": lambda shape, dtype: np.empty([n + 2 for n in shape], dtype)[tuple(slice(1, -1) for _ in shape)],
    "unaligned": lambda shape, dtype: np.frombuffer(
        bytearray(int(np.prod(shape)) * np.dtype(dtype).itemsize + 1), dtype, offset=1
    ).reshape(shape),
}


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint32", "uint64", "complex128"])
@pytest.mark.parametrize("kind", OUTS)
def test_out_is_filled_and_returned(kind, dtype):
    x, w, bias = operands(dtype)
    wanted = tconv.conv_transpose(x, w, bias, stride=2, padding=1)
    out = OUTS[kind](wanted.shape, dtype)
    out[...] = 77
    assert tconv.conv_transpose(x, w, bias, stride=2, padding=1, out=out) is out
    assert np.array_equal(out, wanted)


def test_nothing_beside_out_is_written():
    x, w, bias = operands()
    wanted = tconv.conv_transpose(x, w, bias)
    room = np.full([n + 2 for n in wanted.shape], -7, np.float32)
    tconv.conv_transpose(x, w, bias, out=room[1:-1, 1:-1, 1:-1, 1:-1])
    assert np.array_equal(room[1:-1, 1:-1, 1:-1, 1:-1], wanted)
    room[1:-1, 1:-1, 1:-1, 1:-1] = -7
    assert (room == -7).all()


def test_interleaved_arrays_do_not_overlap():
    room = np.zeros((2, 8))
    x, out = room[:, 0:4:2], room[:, 1:6:2]
    x[...] = [[1, 2], [3, 4]]
    tconv.conv_transpose(x, [[1.0, 1.0]], layout="...", out=out)
    assert out.tolist() == [[1, 3, 2], [3, 7, 4]]


def test_out_may_be_a_memmap(tmp_path):
    x, w, bias = operands()
    wanted = tconv.conv_transpose(x, w, bias)
    out = np.memmap(tmp_path / "y", np.float32, "w+", shape=wanted.shape)
    assert tconv.conv_transpose(x, w, bias, out=out) is out
    assert np.array_equal(out, wanted)


def test_out_may_be_of_a_subclass():
    out = np.zeros((3, 3), int).view(np.matrix)
    assert tconv.conv_transpose([[1, 2], [3, 4]], [[1, 0], [0, -1]], layout="...", out=out) is out
    assert out.tolist() == [[1, 2, 0], [3, 3, -2], [0, -3, -4]]


def test_out_of_a_gradient():
    x, w, _ = operands("int64")
    g = tconv.conv_transpose(x, w, stride=2)
    out = np.empty_like(w)
    assert tconv.conv_transpose_weight_vjp(x, g, kernel_size=(3, 3), stride=2, out=out) is out
    assert np.array_equal(out, tconv.conv_transpose_weight_vjp(x, g, kernel_size=(3, 3), stride=2))


def test_any_number_of_threads_gives_the_same_bits():
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((3, 8, 17, 19)), rng.standard_normal((8, 5, 4, 4))
    one = tconv.conv_transpose(x, w, stride=2, padding=1, threads=1)
    for threads in (2, 3, None, 1000):
        y = tconv.conv_transpose(x, w, stride=2, padding=1, threads=threads)
        assert one.tobytes() == y.tobytes()


def test_a_method_can_be_named():
    x, w, bias = operands("int64")
    wanted = tconv.conv_transpose(x, w, bias, stride=2)
    for method in ("polyphase", "scatter", "zero_insertion"):
        assert np.array_equal(tconv.conv_transpose(x, w, bias, stride=2, method=method), wanted)
    w = np.ones((2, 3, 3, 3), int)
    assert np.array_equal(tconv.conv(wanted, w, method="sliding_window"), tconv.conv(wanted, w))


def test_arguments_may_be_any_sequences_of_integers():
    x, w, _ = operands("int64")
    wanted = tconv.conv_transpose(x, w, stride=(2, 1), padding=((1, 0), (0, 1)), output_padding=1)
    for two in (np.array([2, 1]), [2, 1], (np.int8(2), np.int64(1)), range(2, 0, -1)):
        y = tconv.conv_transpose(x, w, stride=two, padding=[[1, 0], (0, 1)], output_padding=np.int16(1))
        assert np.array_equal(y, wanted)


class Word(str, Enum):
    METHOD, PADDING, LAYOUT, KERNEL_LAYOUT, ACCURACY = "scatter", "same", "NC...", "IO...", "direct"


@pytest.mark.parametrize("kind", [np.str_, Word])
def test_words_may_be_strings_of_any_kind(kind):
    x, w, _ = operands("int64")
    words = {word.name.lower(): kind(word.value) for word in Word}
    wanted = tconv.conv_transpose(x, w, padding="same")
    assert np.array_equal(tconv.conv_transpose(x, w, **words), wanted)
    assert np.array_equal(tconv.ConvTranspose(w, **words)(x), wanted)
    assert tconv.plan(x.shape, w.shape, **words).choice == "scatter"


def test_warmup_runs_every_algorithm_and_tells():
    told = []
    tconv.warmup(["float32"], threads=1, progress=lambda done, total, label: told.append((done, total, label)))
    assert [done for done, _, _ in told] == list(range(len(told)))
    assert told[-1] == (len(told) - 1, len(told) - 1, "")
    assert told[0][2] == "polyphase float32"


WARM = """
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import tconv
from tconv.algorithms import ALGORITHMS

CASES = [
    ((2, 4, 9), (4, 4, 3), {}),
    ((1, 4, 100), (4, 4, 32), {"stride": 32}),
    ((1, 4, 60), (4, 4, 50), {"padding": 24}),
    ((1, 3, 20, 18), (3, 3, 3, 3), {"stride": (1, 2), "dilation": 2}),
    ((1, 64, 8, 8), (64, 64, 4, 4), {"stride": 2}),
    ((1, 4, 9, 9), (4, 1, 3, 3), {"groups": 4}),
    ((1, 2, 5, 5, 5), (2, 2, 3, 3, 3), {"padding": 1}),
]


def compiled():
    return set(Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*.nbc"))


tconv.warmup(["float32"])
before = compiled()
assert before
for method in ["auto", *ALGORITHMS]:
    for x_shape, w_shape, options in CASES:
        x, w = np.ones(x_shape, "f4"), np.ones(w_shape, "f4")
        for x, layout in ((x, "NC..."), (np.repeat(x, 2, -1)[..., ::2], "NC..."), (np.moveaxis(x, 1, -1), "N...C")):
            for call, layer in ((tconv.conv_transpose, tconv.ConvTranspose), (tconv.conv, tconv.Conv)):
                with suppress(tconv.errors.MethodError):
                    call(x, w, method=method, layout=layout, threads=2, **options)
                    layer(w, method=method, layout=layout, threads=1, **options)(x)
print(*(path.name for path in compiled() - before))
"""


def test_after_warmup_nothing_is_compiled(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", WARM], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_show_config_prints_what_a_report_needs(capsys):
    tconv.show_config()
    printed = capsys.readouterr().out
    for fact in (
        "tconv",
        "python",
        "numpy",
        "numba",
        "threads",
        "threading layer",
        "vector width",
        "compiled code",
    ):
        assert f"{fact} " in printed
    assert f"tconv            {tconv.__version__}\n" in printed
