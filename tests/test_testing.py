"""`tconv.testing`: right kernels get a clean bill, wrong ones are told what is wrong with them.

The tests of PyTorch, ONNX Runtime and JAX need the extra ``bench`` (``python -m pip install -e ".[bench]"``) and are
skipped where one of them is not installed.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import symbolic
import tconv
import tconv.testing
from tconv.algorithms import ALGORITHMS
from tconv.testing import CAUSES, FEATURES, examine
from tconv.testing.cases import GRADES, OPTIONAL, graded_cases, operands, wanted
from tconv.testing.definition import Definition, Line
from tconv.testing.examination import UNRECOGNISED
from tests import oracle

CASES = graded_cases((1, 2, 3))

# Kernels: right ones, others' through small adapters, and wrong ones.


def scatter(x, w, bias, *, stride, padding, output_padding, dilation, groups, bugs=()):
    """A right kernel: every tap times the whole input, placed with the stride. ``bugs`` are put in."""
    axes = range(w.ndim - 2)
    pads = [p if isinstance(p, tuple) else (p, p) for p in padding]
    more = list(output_padding)
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    if "turned" in bugs:
        w = w[(..., *[slice(None, None, -1)] * len(axes))]
    if "last axis turned" in bugs:
        w = w[..., ::-1]
    if "crop exchanged" in bugs:
        pads = [p[::-1] for p in pads]
    if "crop at end" in bugs:
        pads = [(0, b + e) for b, e in pads]
    if "no crop" in bugs:
        pads = [(0, 0) for _ in pads]
    if "zeros around" in bugs:
        pads = [(r - 1 - b, r - 1 - e) for r, (b, e) in zip(reach, pads, strict=True)]
    if "no more" in bugs:
        more = [0 for _ in axes]
    if "more first" in bugs:
        pads, more = [(b - m, e) for (b, e), m in zip(pads, more, strict=True)], [0 for _ in axes]
    if "crop times dilation" in bugs:
        pads = [(b * d, e * d) for (b, e), d in zip(pads, dilation, strict=True)]
    late, bias_last = [0 for _ in axes], "more late, then bias" in bugs
    if bias_last or "bias, then more late" in bugs:
        late, more = more, late
    last = bias if bias_last else None
    bias = None if bias_last else bias
    if "dilation from 0" in bugs:
        dilation = [d + 1 for d in dilation]
    if "no dilation" in bugs:
        dilation = [1 for _ in dilation]
    if "no stride" in bugs:
        stride = [1 for _ in stride]
    if "stride reversed" in bugs:
        stride = stride[::-1]
    if "first stride" in bugs:
        stride = [stride[0] for _ in stride]
    if "w as OI" in bugs:
        w = w.reshape(groups, w.shape[1], -1, *w.shape[2:]).swapaxes(1, 2).reshape(w.shape)
    if "w as OI without groups" in bugs and groups == 1:
        w = w.reshape(w.shape[1], w.shape[0], *w.shape[2:]).swapaxes(0, 1)
    if "w transposed" in bugs:
        w = w.transpose(0, 1, *reversed(range(2, w.ndim)))
    if "one group" in bugs:
        groups = 1
    if "writes" in bugs:
        x *= 2
        w = w / 2
    if "memory" in bugs:
        x = np.ndarray(x.shape, x.dtype, x.ravel(order="K"))
    inputs = x.reshape(len(x), groups, -1, *x.shape[2:])
    if "interleaved" in bugs:
        inputs = x.reshape(len(x), -1, groups, *x.shape[2:]).swapaxes(1, 2)
    k = w.shape[2:]
    weights = w.reshape(groups, -1, *w.shape[1:])
    sizes = [
        (i - 1) * s + (n - 1) * d + 1 if i and n else 0
        for i, n, s, d in zip(x.shape[2:], k, stride, dilation, strict=True)
    ]
    if "tensorflow" in bugs:
        sizes = [(i - 1) * s + max(r, s) for i, s, r in zip(x.shape[2:], stride, reach, strict=True)]
    y = np.zeros((len(x), groups * w.shape[1], *sizes), x.dtype)
    reached = np.zeros(y.shape, bool)
    for tap in np.ndindex(*k):
        terms = inputs[:, :, :, None] * weights[(..., *tap, *[None] * len(axes))]
        if "bias in terms" in bugs and bias is not None:
            terms = terms + bias.reshape(1, groups, 1, -1, *(1 for _ in axes))
        if "skips zeros" in bugs:
            terms[np.broadcast_to(inputs[:, :, :, None] == 0, terms.shape)] = 0
        products = terms.sum(2)
        if "bias in taps" in bugs and bias is not None:
            products += bias.reshape(groups, -1, *(1 for _ in axes))
        if "one image" in bugs:
            products[1:] = products[:1]
        if "sum of images" in bugs:
            products[:] = products.sum(0)
        at = tuple(
            slice(j * d, j * d + (i - 1) * s + 1, s)
            for j, i, s, d in zip(tap, x.shape[2:], stride, dilation, strict=True)
        )
        at = (slice(None), slice(None), *at)
        if not products.size:
            continue
        reached[at] = True
        if "overwrites" in bugs:
            y[at] = products.reshape(y[at].shape)
        else:
            y[at] += products.reshape(y[at].shape)
    beyond = 0
    if bias is not None and not {"no bias", "bias in terms", "bias in taps"} & set(bugs):
        bias = bias.reshape(-1, *(1 for _ in axes)) * (1 + ("bias twice" in bugs))
        y += bias * (reached if "bias at products" in bugs else 1)
        beyond = bias * ("bias at products" not in bugs)
    # Negative padding and output_padding append what is bias alone.
    append = [(max(0, -b), max(0, -e) + m) for (b, e), m in zip(pads, more, strict=True)]
    whole = np.zeros((*y.shape[:2], *(n + sum(a) for n, a in zip(y.shape[2:], append, strict=True))), y.dtype)
    whole += beyond
    whole[(..., *(slice(a, a + n) for n, (a, _) in zip(y.shape[2:], append, strict=True)))] = y
    crops = [(max(0, b), max(0, e)) for b, e in pads]
    if any(b + e > n for (b, e), n in zip(crops, whole.shape[2:], strict=True)):
        raise ValueError("nothing is left")
    y = whole[(..., *(slice(b, n - e) for (b, e), n in zip(crops, whole.shape[2:], strict=True)))]
    y = np.pad(y, [(0, 0), (0, 0), *((0, n) for n in late)])
    y = y if last is None else y + last.reshape(-1, *(1 for _ in axes))
    if "few bits" in bugs:
        y = (y.view(np.int32) & -(2**16)).view(np.float32)
    return y


def broken(*bugs):
    def kernel(x, w, bias, **arguments):
        return scatter(x, w, bias, bugs=bugs, **arguments)

    return kernel


def by_zero_insertion(x, w, *, stride, padding, output_padding, dilation):
    """Zeros are inserted into x and, for the dilation, into w; then one slides over the other, over all zeros."""
    axes = range(2, w.ndim)
    wide = np.zeros((*x.shape[:2], *((i - 1) * s + 1 for i, s in zip(x.shape[2:], stride, strict=True))), x.dtype)
    wide[(..., *(slice(None, None, s) for s in stride))] = x
    kernel = np.zeros((*w.shape[:2], *((k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True))), w.dtype)
    kernel[(..., *(slice(None, None, d) for d in dilation))] = w
    reach = kernel.shape[2:]
    halo = [(r - 1 - p, r - 1 - p + m) for r, p, m in zip(reach, padding, output_padding, strict=True)]
    wide = np.pad(wide, [(0, 0), (0, 0), *halo])
    windows = np.lib.stride_tricks.sliding_window_view(wide, reach, tuple(axes))
    inner = list(range(10, 10 + len(axes)))
    return np.einsum(windows, [0, 1, *axes, *inner], np.flip(kernel, tuple(axes)), [1, 9, *inner], [0, 9, *axes])


def by_fourier(x, w, *, stride):
    """Rounds, but by less than 1/2."""
    sizes = [(i - 1) * s + k for i, s, k in zip(x.shape[2:], stride, w.shape[2:], strict=True)]
    wide = np.zeros((*x.shape[:2], *((i - 1) * s + 1 for i, s in zip(x.shape[2:], stride, strict=True))))
    wide[(..., *(slice(None, None, s) for s in stride))] = x
    axes = tuple(range(2, x.ndim))
    products = np.einsum("nc...,co...->no...", np.fft.rfftn(wide, sizes, axes), np.fft.rfftn(w, sizes, axes))
    return np.fft.irfftn(products, sizes, axes)


def on_a_line(x, w, bias, *, stride, padding):
    """One image, one channel, one axis, as a beginner writes it."""
    (s,), (p,), (k,) = stride, padding, w.shape[2:]
    y = np.zeros((x.shape[2] - 1) * s + k)
    for i, value in enumerate(x[0, 0]):
        y[s * i : s * i + k] += value * w[0, 0]
    y = y[p : len(y) - p]
    return (y if bias is None else y + bias)[None, None]


def of_tconv(method):
    def kernel(x, w, bias, **arguments):
        try:
            return tconv.conv_transpose(x, w, bias, method=method, **arguments)
        except tconv.errors.MethodError as error:
            raise NotImplementedError(str(error)) from error

    return kernel


def of_torch(torch):
    def kernel(x, w, bias, *, padding, **arguments):
        if any(isinstance(p, tuple) for p in padding):
            raise NotImplementedError("padding is the same at both ends")
        tensors = (None if a is None else torch.from_numpy(a) for a in (x, w, bias))
        return getattr(torch.nn.functional, f"conv_transpose{x.ndim - 2}d")(*tensors, padding=padding, **arguments)

    return kernel


def of_jax(jax, **mode):
    def kernel(x, w, bias, *, stride, padding, output_padding, dilation):
        pairs = [p if isinstance(p, tuple) else (p, p) for p in padding]
        reach = [(k - 1) * d for k, d in zip(w.shape[2:], dilation, strict=True)]
        # It pads the input, so what is to be cropped is said by what is left of full padding.
        around = [(r - b, r - e + m) for r, (b, e), m in zip(reach, pairs, output_padding, strict=True)]
        axes = "XYZ"[: len(pairs)]
        named = (f"NC{axes}", f"{'OI' if mode else 'IO'}{axes}", f"NC{axes}")
        y = jax.lax.conv_transpose(x, w, stride, around, rhs_dilation=dilation, dimension_numbers=named, **mode)
        return y if bias is None else y + bias.reshape(-1, *(1 for _ in axes))

    return kernel


def of_onnxruntime(runtime):
    from onnx import TensorProto, helper

    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1

    def kernel(x, w, bias, *, stride, padding, output_padding, dilation, groups):
        pairs = [p if isinstance(p, tuple) else (p, p) for p in padding]
        inputs = {name: a for name, a in {"x": x, "w": w, "bias": bias}.items() if a is not None}
        node = helper.make_node(
            "ConvTranspose",
            list(inputs),
            ["y"],
            strides=stride,
            pads=[p[0] for p in pairs] + [p[1] for p in pairs],
            output_padding=output_padding,
            dilations=dilation,
            group=groups,
        )
        types = [helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in inputs.items()]
        result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        graph = helper.make_graph([node], "one node", types, [result])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        try:
            session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            return session.run(None, inputs)[0]
        except Exception as error:  # its own kinds, without a common parent but this
            raise RuntimeError(str(error)) from error

    return kernel


# A clean bill


@pytest.mark.parametrize("method", ["auto", *ALGORITHMS])
def test_tconv(method):
    report = examine(of_tconv(method))
    assert report.ok, report
    refused = sum(grade.refused for grade in report.grades)
    if method in ("auto", "polyphase", "overlap_add", "col2im", "scatter", "zero_insertion"):
        assert refused == 0
    else:
        assert 0 < refused < len(CASES)


@pytest.mark.parametrize("dtype", ["float64", "int32", "int64", object])
def test_other_dtypes_and_numbers_of_axes(dtype):
    report = examine(broken(), dims=(2, 4), dtype=dtype)
    assert report.ok, report
    (strange,) = (grade for grade in report.grades if grade.name == "infinities and nans")
    assert (strange.right == 0) == (strange.refused > 0) == (dtype in ("int32", "int64"))


def test_python_bodies_of_tconv_on_exact_objects():
    report = examine(tconv.conv_transpose, dims=(1, 4), dtype=object, without=["non-finite"])
    assert report.ok, report


def test_torch():
    report = examine(of_torch(pytest.importorskip("torch")))
    assert report.ok, report
    refused = sum(grade.refused for grade in report.grades)
    assert 0 < refused < len(CASES) / 8
    assert all(grade.right for grade in report.grades)
    assert "padding is the same at both ends" in str(report)


def test_onnxruntime():
    report = examine(of_onnxruntime(pytest.importorskip("onnxruntime")))
    assert report.ok, report
    assert 0 < sum(grade.refused for grade in report.grades) < len(CASES) / 8


def plain(case):
    """All but most of the small lines: JAX compiles for each shape."""
    return case.grade != "every small line" or case.size_in[-1] == case.size_kernel[-1] == 3


def test_jax_does_not_turn_the_kernel():
    kernel = of_jax(pytest.importorskip("jax"))
    report = examine(kernel, dims=(1,), supports=plain, without=["zero sizes"])
    assert report.causes[0] == "kernel not turned"
    # XLA on a CPU inserts zeros and multiplies them, in either mode.
    assert set(report.causes[1:]) <= {"multiplies zeros by infinity or nan"}


def test_jax_turns_it_when_asked():
    kernel = of_jax(pytest.importorskip("jax"), transpose_kernel=True)
    report = examine(kernel, dims=(1,), supports=plain, without=["zero sizes", "non-finite"])
    assert report.ok, report


def test_a_right_kernel_and_no_refusals():
    report = examine(broken(), without=["zero sizes"])
    assert report.ok, report
    assert report.causes == () == report.findings
    assert report.smallest is None
    right = sum(grade.right for grade in report.grades)
    assert str(report).startswith(f"conv_transpose: nothing is wrong in the {right} of {len(CASES)} cases that it ")
    assert report.refusals == (f"{len(CASES) - right} have an axis without elements: left out by without",)
    assert "refused" not in str(report)


def test_nothing_is_wrong_without_reserve_where_all_is_supported():
    report = examine(tconv.conv_transpose)
    assert str(report).startswith("conv_transpose: nothing is wrong\n")
    assert report.refusals == ()


def test_nested_lists_are_results():
    """An empty axis hides those that follow it."""
    report = examine(lambda *operands, **arguments: tconv.conv_transpose(*operands, **arguments).tolist())
    assert report.ok, report
    assert report.refusals == ()


def test_a_clean_bill_says_how_little_was_asked():
    def kernel(x, w, bias=None, stride=1):
        if w.shape[-1] != 3:
            raise NotImplementedError("taps must be 3")
        ones = [1 for _ in w.shape[2:]]
        nothing = {"padding": [0 * n for n in ones], "output_padding": [0 * n for n in ones]}
        return scatter(x, w, bias, stride=stride, dilation=ones, groups=1, **nothing)

    report = examine(kernel, dims=1, without="zero sizes", supports=lambda case: case.stride[0] < 3)
    assert report.ok
    asked, every = sum(grade.right for grade in report.grades), len(graded_cases((1,)))
    assert 0 < asked < every / 4
    assert f"nothing is wrong in the {asked} of {every} cases that it supports" in str(report)
    kept = [case for case in graded_cases((1,)) if "zero sizes" not in case.features and case.stride[0] < 3]
    needing = sum(case.dilation[0] > 1 for case in kept)
    assert f"{needing} need dilation, which its signature does not have" in report.refusals
    assert f"{sum(case.groups > 1 for case in kept)} need groups, which its signature does not have" in report.refusals
    assert any(line.endswith(" left out by supports") for line in report.refusals)
    assert any(line.endswith(" refused: NotImplementedError: taps must be 3") for line in report.refusals)
    assert not any("need bias" in line for line in report.refusals)
    report = examine(lambda x, w, **arguments: scatter(x, w, **{"bias": None, **arguments}), dims=1, dtype="int64")
    assert "20 have an infinity or a nan in an operand, which int64 does not hold" in report.refusals


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("strides", "stride"),
        ("Stride", "stride"),
        ("pads", "padding"),
        ("dilations", "dilation"),
        ("dilation_rate", "dilation"),
        ("out_padding", "output_padding"),
        ("group", "groups"),
        ("biases", "bias"),
    ],
)
def test_keywords_of_another_name(name, ours):
    """Such a kernel would not be given them."""
    made: dict = {}
    exec(f"def kernel(x, w, {name}=None): return x", made)
    with pytest.raises(TypeError, match=f"conv_transpose: got a parameter named {name}; must be named {ours} to be"):
        examine(made["kernel"], dims=1)


def test_other_parameters_are_the_kernels_own():
    def kernel(x, w, layout="NC", bias=None, *, padding, padding_mode="zeros", step=3, pads=None, **arguments):
        assert (layout, padding_mode, step, pads) == ("NC", "zeros", 3, None)
        return scatter(x, w, bias, padding=padding, **arguments)

    assert examine(kernel, dims=1).ok


# Wrong kernels

BROKEN = {
    "turned": "kernel not turned",
    "last axis turned": "kernel not turned along some axes",
    "crop exchanged": "crop at the wrong end",
    "crop at end": "crop at the wrong end",
    "no crop": "padding ignored",
    "zeros around": "padding crops the input's side",
    "no more": "output_padding ignored",
    "more first": "output_padding added at the beginning",
    "dilation from 0": "dilation counted from 0",
    "no dilation": "dilation ignored",
    "no stride": "stride ignored",
    "stride reversed": "stride's axes in the wrong order",
    "first stride": "stride of the first axis used for all",
    "w as OI": "weight axes swapped",
    "w transposed": "weight axes swapped",
    "one group": "groups ignored",
    "interleaved": "wrong group order",
    "no bias": "bias missing",
    "bias twice": "bias added twice",
    "bias at products": "bias added only where there are products",
    "bias in terms": "bias added for each product",
    "bias in taps": "bias added for each product",
    "crop times dilation": "padding scaled by dilation",
    "more late, then bias": "output_padding filled with zeros",
    "bias, then more late": "output_padding filled with zeros",
    "one image": "batch mixed",
    "sum of images": "batch mixed",
    "overwrites": "overlaps overwritten",
    "skips zeros": "leaves out products with zero",
    "tensorflow": "wrong for kernel shorter than stride",
    "writes": "changes its inputs",
    "memory": "depends on memory layout",
    "few bits": "rounds",
}


@pytest.mark.parametrize("bug", BROKEN)
def test_broken(bug):
    report = examine(broken(bug), dims=(2,))
    assert not report.ok
    assert report.causes == (BROKEN[bug],), report
    assert report.alternatives == ()
    assert BROKEN[bug] in str(report)


def test_how_many_kinds_are_told_apart():
    assert len(set(BROKEN.values())) >= 20


def test_zeros_are_multiplied():
    report = examine(by_zero_insertion)
    assert report.causes == ("multiplies zeros by infinity or nan",), report
    assert examine(by_zero_insertion, without=["non-finite"]).ok


@pytest.mark.parametrize(
    ("bugs", "causes"),
    [
        (("turned", "no bias"), {"kernel not turned", "bias missing"}),
        (("turned", "zeros around"), {"kernel not turned", "padding crops the input's side"}),
        (("dilation from 0", "one image"), {"dilation counted from 0", "batch mixed"}),
        (("no more", "overwrites"), {"output_padding ignored", "overlaps overwritten"}),
        (("writes", "turned"), {"changes its inputs", "kernel not turned"}),
        (("memory", "no bias"), {"depends on memory layout", "bias missing"}),
        (("turned", "no stride", "no bias"), {"kernel not turned", "stride ignored", "bias missing"}),
    ],
)
def test_several_causes_at_once(bugs, causes):
    report = examine(broken(*bugs), dims=(1,))
    assert set(report.causes) == causes, report


@pytest.mark.parametrize("number", range(len(CAUSES)))
def test_each_cause_of_the_table_is_recognised(number):
    """A kernel that computes just the wrong definition."""
    cause = CAUSES[number]

    def kernel(x, w, bias, *, padding, groups, **arguments):
        pairs = [p if isinstance(p, tuple) else (p, p) for p in padding]
        ends = ([p[n] for p in pairs] for n in (0, 1))
        named = (arguments[name] for name in ("stride", "dilation"))
        each = zip(x.shape[2:], w.shape[2:], *named, *ends, arguments["output_padding"], strict=True)
        y = cause.definition(x, w, bias, tuple(Line(*line) for line in each), groups)
        if y is None:
            raise IndexError("out of range")
        if cause.definition.strays and not all(np.isfinite(a.astype(float)).all() for a in (x, w)):
            y[..., 0] = np.nan
        return y

    report = examine(kernel, dims=(2,), dtype=object, supports=plain)
    assert report.causes == (cause.name,), report


def test_what_is_in_no_table():
    def kernel(*operands, **arguments):
        y = scatter(*operands, **arguments)
        y[y == 5] = 6
        y += y.shape[-1] % 3 == 1
        return y

    report = examine(kernel, dims=(1,))
    assert report.causes == (UNRECOGNISED,)
    case = report.smallest
    assert case is not None
    x, w, bias = operands(case.case)
    assert (case.wanted == wanted(case.case)).all()
    assert (np.asarray(case.given) != case.wanted).any()
    assert (x.size, w.size, bias) == (1, 1, None)  # none is smaller
    assert "the smallest case that is wrong" in str(report)


@pytest.mark.parametrize(
    ("feature", "wrong"),
    [
        (
            "kernel shorter than stride",
            lambda x, w, a: any(k < s for k, s in zip(w.shape[2:], a["stride"], strict=True)),
        ),
        ("kernel longer than input", lambda x, w, a: any(k > i for k, i in zip(w.shape[2:], x.shape[2:], strict=True))),
        (
            "common factor of stride and dilation",
            lambda x, w, a: any(np.gcd(s, d) > 1 for s, d in zip(a["stride"], a["dilation"], strict=True)),
        ),
        ("several axes", lambda x, w, a: x.ndim > 3),
        ("groups", lambda x, w, a: a["groups"] > 1),
    ],
)
@pytest.mark.parametrize("how", ["garbage in a turned one", "raises"])
def test_wrong_for_some_cases(feature, wrong, how):
    def kernel(x, w, bias, **arguments):
        y = scatter(x, w, bias, bugs=["turned"] * ("turned" in how), **arguments)
        if wrong(x, w, arguments):
            if how == "raises":
                raise IndexError("out of range")
            y.flat[::2] = 12345
        return y

    dims = (1, 2) if feature == "several axes" else (1,)
    report = examine(kernel, dims=dims, without=["zero sizes"], supports=plain)
    expected = ["kernel not turned"] * ("turned" in how) + [f"wrong for {feature}"]
    if feature == "several axes" and how == "raises":
        expected = ["raises IndexError with 2 axes"]
    assert list(report.causes) == expected, report
    if how == "raises":
        assert "IndexError" in str(report)


def test_right_for_some_cases():
    report = examine(broken("w as OI without groups"), dims=(1,))
    assert report.causes == ("weight axes swapped",)
    assert report.findings[0].words.endswith("With more than one group it is right.")


@pytest.mark.parametrize(
    ("dropped", "words"),
    [
        (lambda s, d: np.gcd(s, d) > 1, "The bias is not added. This is so only with a common factor of stride and "),
        # The count of the cases is checked below.
        (lambda s, d: s > 2, "The bias is not added. In {right} of {all} cases with a bias it is right."),
    ],
)
def test_a_sentence_about_where_it_is_right_holds_everywhere(dropped, words):
    def kernel(x, w, bias, *, stride, dilation, **arguments):
        bugs = ["no bias"] * any(map(dropped, stride, dilation))
        return scatter(x, w, bias, stride=stride, dilation=dilation, bugs=bugs, **arguments)

    def right(case):
        x, w, bias = operands(case)
        with np.errstate(invalid="ignore"):
            y = kernel(x.astype(float), w.astype(float), bias.astype(float), **case.arguments)
        return np.array_equal(y, wanted(case).astype(float), equal_nan=True)

    report = examine(kernel, dims=1, without=["zero sizes", "memory layout"])
    assert report.causes == ("bias missing",)
    assert not any("refused" in line for line in report.refusals)
    kept = [case for case in graded_cases((1,)) if case.features.isdisjoint({"zero sizes", "memory layout"})]
    having = [case for case in kept if case.bias]
    count = sum(map(right, having))
    assert 0 < count < len(having)
    assert report.findings[0].words.startswith(words.format(right=count, all=len(having)))


def test_wrong_without_taps_is_not_said_of_dilation():
    def kernel(x, w, bias, *, stride, padding, output_padding, groups):
        if w.shape[2] == 0:  # (i - 1)*s + k outputs, all 0
            w = np.zeros((*w.shape[:2], 1), w.dtype)
            padding = [(p, p + 1) for p in padding]
        arguments = {"stride": stride, "padding": padding, "output_padding": output_padding, "groups": groups}
        return scatter(x, w, bias, dilation=(1,), **arguments)

    report = examine(kernel, dims=1, supports=lambda case: min(case.shapes[0]) > 0)
    assert report.causes == ("result has the wrong size",)
    assert report.findings[0].words.startswith("Where there is no input")


def test_sentences_with_negative_padding():
    def kernel(x, w, bias, *, padding, **arguments):
        y = scatter(x, w, bias, padding=padding, **arguments)
        return y + 1 if np.min(padding) < 0 else y

    report = examine(kernel, dims=1, without=["zero sizes"])
    assert report.causes == ("wrong for negative padding",)
    assert report.findings[0].words.startswith("Every case with padding below 0 (it appends) came out wrong,")


def test_a_kernel_for_two_axes_only():
    def kernel(x, w, bias, **arguments):
        _n, _c, _h, _w = x.shape
        return scatter(x, w, bias, **arguments)

    report = examine(kernel, dims=(1, 2), without=["zero sizes"])
    assert report.causes == ("raises ValueError with 1 axis",), report
    assert "not enough values to unpack" in report.findings[0].words
    assert report.findings[0].words.endswith("Say dims=[2] if it is for 2 axes only.")
    report = examine(kernel, without=["zero sizes"], supports=plain)
    assert report.causes == ("raises ValueError with 1 or 3 axes",)
    assert "Say dims=[2] if" in report.findings[0].words
    assert examine(kernel, dims=2, without=["zero sizes"]).ok
    assert examine(kernel, dims=np.int64(2), without=["zero sizes"]).ok

    def turned(x, w, bias, **arguments):
        return kernel(x, w[:, :, ::-1, ::-1] if w.ndim == 4 else w, bias, **arguments)

    report = examine(turned, dims=(1, 2), without=["zero sizes"])
    assert report.causes == ("raises ValueError with 1 axis", "kernel not turned")


def test_a_kernel_that_raises():
    def kernel(x, w, bias, **arguments):
        raise KeyError("stride")

    report = examine(kernel, dims=(1,))
    assert report.causes == ("raises KeyError",)
    assert "KeyError: 'stride'" in str(report)


def test_a_kernel_that_refuses_everything():
    def kernel(x, w, bias, **arguments):
        raise NotImplementedError("later")

    report = examine(kernel, dims=(1,))
    assert report.causes == ("refuses everything",)
    assert "later" in str(report)


def test_errors_where_they_are_allowed():
    def kernel(x, w, bias, *, padding, **arguments):
        if any(isinstance(p, tuple) or p < 0 for p in padding):
            raise ValueError("padding must be one number >= 0")
        if 0 in x.shape + w.shape:
            raise RuntimeError("nothing to do")
        return scatter(x, w, bias, padding=padding, **arguments)

    report = examine(kernel, dims=(1, 2))
    assert report.ok, report
    text = str(report)
    assert "refused: ValueError: padding must be one number >= 0" in text  # two features, no common one
    assert "refused (zero sizes): RuntimeError: nothing to do" in text

    def other(x, w, bias, **arguments):
        if arguments["groups"] > 1:
            raise ValueError("groups must be 1")
        return scatter(x, w, bias, **arguments)

    assert examine(other, dims=(1,)).causes == ("wrong for groups",)
    assert examine(other, dims=(1,), without=["groups"]).ok


def test_memory_that_is_used_again():
    memory = np.zeros(10**5, np.float32)

    def kernel(*operands, **arguments):
        y = scatter(*operands, **arguments)
        kept = memory[: y.size].reshape(y.shape)
        kept[...] = y
        return kept

    assert examine(kernel, dims=(1,)).causes == ("reuses the memory of its result",)


def test_another_result_the_second_time():
    calls = []

    def kernel(*operands, **arguments):
        calls.append(1)
        y = scatter(*operands, **arguments)
        y[..., -1:] += len(calls) % 2
        return y

    # What comes out by chance is not looked for in the table, nor blamed on the layout.
    assert examine(kernel, dims=(1,)).causes == ("another result the second time",)


def test_a_changed_bias():
    def kernel(x, w, bias, **arguments):
        y = scatter(x, w, bias, **arguments)
        if bias is not None:
            bias[:] = 0
        return y

    assert examine(kernel, dims=(1,)).causes == ("changes its inputs",)


# Kernels that take less


def test_a_signature_says_what_a_kernel_has():
    report = examine(on_a_line, dims=(1,), without=["batch", "channels"])
    # Where there is no input, and where y[p:-p] is not what it looks like.
    assert report.causes == ("result has the wrong size", "wrong for negative padding"), report
    assert examine(on_a_line, dims=(1,), without=["batch", "channels", "zero sizes", "negative padding"]).ok
    seen = []

    def by_name(x, w, *, bias, stride):
        seen.append(bias is not None)
        return scatter(
            x,
            w,
            bias,
            stride=stride,
            padding=[0] * (x.ndim - 2),
            output_padding=[0] * (x.ndim - 2),
            dilation=[1] * (x.ndim - 2),
            groups=1,
        )

    assert examine(by_name, dims=(1, 2), without="zero sizes").ok
    assert any(seen)


def test_supports():
    asked = []

    def supports(case):
        asked.append(case)
        return max(case.stride) < 3

    def kernel(x, w, bias, **arguments):
        assert max(arguments["stride"]) < 3
        return scatter(x, w, bias, **arguments)

    assert examine(kernel, dims=(1,), without=["zero sizes"], supports=supports).ok
    assert any(max(case.stride) > 2 for case in asked)


def test_rounded():
    assert examine(by_fourier, dims=(1, 2), without=["non-finite", "zero sizes"]).causes == ("rounds",)
    report = examine(by_fourier, dims=(1, 2), without=["non-finite", "zero sizes"], rounded=True)
    assert report.ok, report


def test_half_precision_rounds_also_where_it_overflows():
    seen = []

    def kernel(*operands, **arguments):
        halves = [None if a is None else a.astype("float16") for a in operands]
        y = scatter(*halves, **arguments)
        seen.append(all(np.isfinite(a).all() for a in halves if a is not None) and np.isinf(y).any())
        return y

    assert examine(kernel, dims=1).causes == ("rounds",)
    assert any(seen)

    def infinite(*operands, **arguments):
        y = scatter(*operands, **arguments)
        return np.where(y == 5, np.inf, y)

    assert examine(infinite, dims=1).causes == (UNRECOGNISED,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dims": ()}, "dims: got "),
        ({"dims": (0, 1)}, "dims: got "),
        ({"dims": 0}, "dims: got 0; must be an integer >= 1, or one or more of them"),
        ({"without": ["group"]}, "without: got 'group'; must be of 'several axes', "),
        ({"dtype": "float16"}, "dtype: got float16; must be "),
        ({"dtype": "int16"}, "dtype: got int16; must be "),
        ({"dtype": "complex64"}, "dtype: got complex64; must be "),
        ({"dtype": bool}, "dtype: got bool; must be "),
    ],
)
def test_wrong_options(wrong, message):
    with pytest.raises(ValueError, match=message):
        examine(scatter, **wrong)


@pytest.mark.parametrize("dims", [1.5, [1.5], "1", ["1"], None, True])
def test_dims_that_are_no_integers(dims):
    with pytest.raises(TypeError) as caught:
        examine(scatter, dims=dims)
    assert str(caught.value) == f"dims: got {dims!r}; must be an integer >= 1, or one or more of them"


def test_not_a_kernel():
    with pytest.raises(TypeError, match="conv_transpose: got int; must be callable"):
        examine(3)


# The oracle itself


def judged_by_symbolic():
    """Those that SymPy is quick with, and that have a result of its kind: a list has no shape (0, 2)."""
    for case in CASES:
        if case.features.isdisjoint({"non-finite", "zero sizes", "large sizes"}) and len(case.size_in) < 3:
            yield case


def test_wanted_is_what_symbolic_says():
    cases = list(judged_by_symbolic())
    assert len(cases) > 500
    for case in cases:
        x, w, bias = (None if a is None else a.tolist() for a in operands(case))
        y = symbolic.conv_transpose(x, w, bias, layout="NC...", **case.arguments)
        assert y.tolist() == wanted(case).tolist(), case


def test_wanted_is_what_the_other_oracle_says():
    for case in CASES:
        x, w, bias = operands(case)
        sizes = {"crop": [begin for begin, _ in case.padding], "size_out": [a.size_out for a in case.lines]}
        arguments = {"stride": case.stride, "dilation": case.dilation, "groups": case.groups, **sizes}
        with np.errstate(invalid="ignore"):  # infinity times 0
            y = oracle.conv_transpose(x, w, bias, **arguments)
        np.testing.assert_array_equal(y.astype(float), wanted(case).astype(float), strict=True)


def test_every_sum_is_exact_in_float32():
    for case in CASES:
        x, w, bias = operands(case)
        assert "zero sizes" in case.features or len(set(x.flat) | set(w.flat)) > 1 or x.size == w.size == 1
        if "non-finite" not in case.features:
            most = Definition()(abs(x), abs(w), None if bias is None else abs(bias), case.lines, case.groups)
            assert most.size == 0 or most.max() < 2**20


def test_products_can_be_told_from_each_other():
    for case in CASES:
        x, w, bias = operands(case)
        if case.numbers in ("powers", "primes"):
            products = np.multiply.outer(x.ravel(), w.ravel()).ravel().tolist()
            both = [*products, *([] if bias is None else bias.tolist())]
            assert len(set(both)) == len(both), case


def test_there_are_cases_of_every_kind():
    assert [name for name in GRADES if not any(case.grade == name for case in CASES)] == []
    for word in FEATURES:
        assert any(word in case.features for case in CASES), word
    assert set(OPTIONAL) <= set(FEATURES)
    assert any({"padding", "output_padding", "dilation", "stride"} <= case.features for case in CASES)
    for dims in ((1,), (2,), (3,), (5,)):
        cases = graded_cases(dims)
        assert len(set(cases)) == len(cases) > 300
        assert {len(case.size_in) for case in cases} == set(dims)


def test_the_document_is_among_them():
    (case,) = (case for case in CASES if case.numbers == "document" and len(case.size_in) == 2)
    assert wanted(case)[0, 0].tolist() == [[1, 2, 0], [3, 3, -2], [0, -3, -4]]


def test_the_report_reads_sums_from_digits():
    report = examine(broken("turned"), dims=(1,))
    assert str(report.smallest).split("\n") == [
        "x of shape (1, 1, 1), w of shape (1, 1, 2)",
        "x       [1]",
        "w       [1 4]",
        "given   [4 1]",
        "wanted  [1 4]",
        "y[0, 0, 0]: given 4 = x[0]*w[1], wanted 1 = x[0]*w[0]",
        "2 of 2 values are wrong",
    ]


# The plugin

USE = """
import numpy as np

def right(x, w, *, stride):
    y = np.zeros((len(x), w.shape[1], (x.shape[2] - 1) * stride[0] + w.shape[2]), x.dtype)
    for i in range(x.shape[2]):
        y[:, :, stride[0] * i :][:, :, : w.shape[2]] += np.einsum("nc,cok->nok", x[:, :, i], w)
    return y

def test_right(examine_conv_transpose):
    assert examine_conv_transpose(right, dims=[1], without=["zero sizes"]).ok

def turned(x, w, *, stride):
    return right(x, w[:, :, ::-1], stride=stride)

def test_turned(examine_conv_transpose):
    examine_conv_transpose(turned, dims=[1], without=["zero sizes"])
"""


def run(tmp_path, *arguments):
    """Pytest in a fresh process, with no plugin but this one."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "tconv.testing.plugin", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


def test_the_fixture(tmp_path):
    (tmp_path / "test_it.py").write_text(USE)
    done = run(tmp_path, "-q")
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "conv_transpose: kernel not turned" in done.stdout
    assert "given 4 = x[0]*w[1], wanted 1 = x[0]*w[0]" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_plugin_costs_nothing_until_it_is_used(tmp_path):
    heavy = ("numpy", "numba", "sympy", "symbolic")
    (tmp_path / "test_it.py").write_text(
        f"import sys\ndef test_it():\n    assert [name for name in {heavy} if name in sys.modules] == []\n"
        "    assert 'tconv.testing.plugin' in sys.modules\n"
    )
    done = run(tmp_path, "-q", "-W", "error")
    assert "1 passed" in done.stdout, done.stdout


def test_an_examination_shares_nothing_with_the_kernels():
    code = """
import sys
from tconv.testing import examine
def kernel(x, w, bias, **arguments): raise NotImplementedError
examine(kernel, dims=[1])
print(sorted(name for name in sys.modules if name.split(".")[0] in ("tconv", "symbolic", "numba", "sympy", "pytest")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = ("cases", "causes", "definition", "examination", "report")
    assert done.stdout.strip() == str(["tconv", "tconv.testing", *(f"tconv.testing.{name}" for name in ours)])


def test_public_names():
    for name in tconv.testing.__all__:
        assert getattr(tconv.testing, name) is not None
        assert name in dir(tconv.testing)
    with pytest.raises(AttributeError, match=r"module 'tconv\.testing' has no attribute 'exam'"):
        _ = tconv.testing.exam
