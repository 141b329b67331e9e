"""The derived formulas are the true ones, for symbols and for numbers; and how they read."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Integer, Symbol, floor, simplify, symbols
from sympy.abc import x

from symbolic.size_derivation import (
    BEGIN,
    DILATION,
    END,
    INPUT_SIZE,
    KERNEL_SIZE,
    OUTPUT_PADDING,
    STRIDE,
    derive_conv_size,
    derive_conv_transpose_size,
)
from symbolic.sizes import conv_axes, output_size

N, K, S, D, A = INPUT_SIZE, KERNEL_SIZE, STRIDE, DILATION, OUTPUT_PADDING
BOX = list(product((1, 2, 5), (1, 3), (1, 2, 3), (1, 2), (-1, 0, 1), (0, 2)))


def counted_windows(n, k, s, d, begin, end):
    """How many windows begin at multiples of s and end inside, without a formula."""
    return sum(1 for t in range(-begin, n + end, s) if t + d * (k - 1) < n + end)


def furthest_place(n, k, s, d):
    return max(s * i + d * j for i in range(n) for j in range(k))


def test_formulas_of_the_transpose_in_the_documents_order():
    derivation = derive_conv_transpose_size()
    expected = [
        (N - 1) * S + K,
        (N - 1) * S + (K - 1) * D + 1,
        (N - 1) * S + (K - 1) * D + 1 - BEGIN - END,
        (N - 1) * S + (K - 1) * D + 1 - BEGIN - END + A,
    ]
    assert [simplify(stage.formula - e) for stage, e in zip(derivation.stages, expected, strict=True)] == [0] * 4
    assert derivation.formula == derivation.size == derivation.stages[-1].formula
    assert "o = N - p_b - p_e + a" in str(derivation.steps()[-1])


def test_formulas_of_convolution_in_order():
    derivation = derive_conv_size()
    numerators = [N - K, N - (K - 1) * D - 1, N + BEGIN + END - (K - 1) * D - 1]
    for stage, numerator in zip(derivation.stages, numerators, strict=True):
        assert simplify(stage.formula - floor(numerator / S) - 1) == 0
    (document,) = [step for step in derivation.steps() if "document" in step.title]
    assert document.drawing == ("o = 1 + (-k + n)/s = m + 1",)


def test_numbers_are_counted():
    for n, k, s, d, begin, end in BOX:
        words = {"stride": s, "dilation": d, "padding": [(begin, end)]}
        natural = furthest_place(n, k, s, d) + 1
        if natural - begin - end >= 0:
            derivation = derive_conv_transpose_size(n, k, **words, output_padding=2)
            assert derivation.size == natural - begin - end + 2 == output_size(n, k, **words, output_padding=2)
            assert derivation.stages[0].size == furthest_place(n, k, s, 1) + 1
        windows = counted_windows(n, k, s, d, begin, end)
        if windows:
            derivation = derive_conv_size(n, k, **words)
            (axis,) = conv_axes((n,), (k,), **words)
            assert derivation.size == axis.size_out == windows


def test_formula_with_the_numbers_is_the_size():
    for n, k, s, d, begin, end in BOX[::5]:
        values = {N: n, K: k, S: s, D: d, BEGIN: begin, END: end, A: 1}
        for some in (values, {N: n, S: s}, {K: k, D: d}):
            named = {N: "input_size", K: "kernel_size", S: "stride", D: "dilation", A: "output_padding"}
            words = {named[symbol]: value for symbol, value in some.items() if symbol in named}
            if BEGIN in some:
                words["padding"] = [(begin, end)]
            try:
                derivation = derive_conv_transpose_size(**words)
            except ValueError:
                assert furthest_place(n, k, s, d) + 2 - begin - end < 0
                continue
            for stage in derivation.stages:
                assert stage.formula.subs(values) == stage.size.subs(values)
            words.pop("output_padding", None)
            if n + begin + end - 1 - d * (k - 1) < -s:
                continue
            for stage in derive_conv_size(**words).stages:
                assert stage.formula.subs(values) == stage.size.subs(values)


def test_what_changes_nothing_is_left_out():
    plain = derive_conv_transpose_size(dilation=1, padding=0, output_padding=0)
    assert len(plain.stages) == 1
    assert plain.size == K + S * (N - 1)
    assert len(derive_conv_size(dilation=1, padding="valid").stages) == 1
    assert len(derive_conv_size(dilation=1).stages) == 2
    with_all = derive_conv_transpose_size(4, 3, stride=2, dilation=2, padding=1, output_padding=1)
    assert [stage.size for stage in with_all.stages] == [9, 11, 9, 10]


def test_same():
    assert derive_conv_transpose_size(padding="same", output_padding=0).size == N * S
    assert derive_conv_transpose_size(5, 2, stride=3, padding="same", output_padding=1, dilation=1).size == 16
    for n, k, s in product(range(1, 8), range(1, 4), range(1, 4)):
        (axis,) = conv_axes((n,), (k,), stride=s, dilation=1, padding="same")
        assert derive_conv_size(n, k, stride=s, dilation=1, padding="same").size == axis.size_out == -(-n // s)


def test_the_callers_expressions():
    assert derive_conv_transpose_size(2 * x, 3, stride=2, dilation=1, padding=1, output_padding=1).size == 4 * x
    assert derive_conv_size(x, 2, stride=1, dilation=1, padding=0).size == floor(x) - 1
    assert derive_conv_transpose_size(stride=Symbol("q")).size.has(Symbol("q"))


def test_where_the_places_are_is_drawn():
    first = derive_conv_transpose_size(3, 2, stride=2, dilation=2).steps()[0]
    assert first.drawing[-3:] == ("input 0  0  1", "input 1        2  3", "input 2              4  5")
    dilated = derive_conv_transpose_size(2, 2, stride=1, dilation=3, padding=0).stages[1].steps[0]
    assert dilated.drawing[-2:] == ("input 0  0        3", "input 1     1        4")
    assert len(derive_conv_transpose_size(100, 2, stride=2).steps()[0].drawing) == 1


def test_example_where_the_floor_matters_is_one():
    for n, k, s, d, begin, end in BOX:
        if not counted_windows(n, k, s, d, begin, end):
            continue
        derivation = derive_conv_size(n, k, stride=s, dilation=d, padding=[(begin, end)])
        last = n + begin + end - 1 - d * (k - 1)
        assert bool(derivation.remarks) == (last % s != 0 and last > 0), (n, k, s, d, begin, end)
        if derivation.remarks:
            missed = last - s * (derivation.size - 1)
            what = "padded" if (begin, end) != (0, 0) else "inputs"
            assert derivation.remarks[0].drawing[-1].startswith(what)
            word = "place" if what == "padded" else "input"
            told = f"the last {word}." if missed == 1 else f"the last {missed} {word}s."
            assert derivation.remarks[0].title.endswith(f"no window reaches {told}")
    assert derive_conv_size(stride=1).remarks == ()
    (remark,) = derive_conv_size(stride=4, kernel_size=2, dilation=3, padding=1).remarks
    assert remark.drawing[0] == "n = 7, k = 2, s = 4, d = 3, p_b = 1, p_e = 1"
    (remark,) = derive_conv_size().remarks
    assert remark.title == "An example where the floor matters: no window reaches the last input."
    assert remark.drawing[0] == "n = 6, k = 3, s = 2"


@pytest.mark.parametrize(
    "derivation",
    [
        derive_conv_size(),
        derive_conv_transpose_size(),
        derive_conv_size(9, 2, stride=3, dilation=4, padding=[(1, 0)]),
        derive_conv_transpose_size(12, 3, stride=2),
        derive_conv_transpose_size(padding="same"),
        derive_conv_size(padding="same"),
        derive_conv_transpose_size(sum(symbols("size_of_the_input:9"), Integer(1)), 3),
    ],
    ids=lambda derivation: derivation.operator,
)
def test_it_can_be_read(derivation):
    text, latex = str(derivation), derivation._repr_latex_()
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80
    assert all(len(line) <= 76 for step in derivation.steps() for line in step.drawing)
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\begin") == latex.count(r"\end")
    assert not any("_" in step.title for step in derivation.steps())


@pytest.mark.parametrize(
    ("derive", "arguments", "error", "start"),
    [
        (derive_conv_size, {"input_size": 0}, ValueError, "input_size: got 0 for spatial axis 0; must be"),
        (derive_conv_transpose_size, {"kernel_size": 0}, ValueError, "kernel_size: got 0 for spatial axis 0"),
        (derive_conv_transpose_size, {"stride": 0}, ValueError, "stride: got 0 for spatial axis 0; must be"),
        (derive_conv_transpose_size, {"output_padding": -1}, ValueError, "output_padding: got -1"),
        (derive_conv_transpose_size, {"dilation": 1.5}, TypeError, "dilation: got 1.5; must be an integer"),
        (derive_conv_size, {"padding": "full"}, ValueError, "padding: got 'full'; the words it may be"),
        (derive_conv_size, {"padding": [(1, 2), 3]}, ValueError, "padding: got [(1, 2), 3] with 2 values"),
        (
            derive_conv_transpose_size,
            {"input_size": 1, "kernel_size": 2, "stride": 1, "dilation": 1, "padding": 2, "output_padding": 0},
            ValueError,
            "padding: got (2, 2) for spatial axis 0, where 2 outputs are",
        ),
        (
            derive_conv_size,
            {"input_size": 1, "kernel_size": 4, "stride": 1, "dilation": 1, "padding": 0},
            ValueError,
            "padding: got (0, 0), where a kernel that spans 4 meets 1 input; must leave >= 0 outputs, not -2",
        ),
    ],
)
def test_errors(derive, arguments, error, start):
    with pytest.raises(error) as caught:
        derive(**arguments)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)


def test_it_is_short_unless_printed():
    for derivation in (derive_conv_size(), derive_conv_transpose_size(5, 3)):
        title = derivation.steps()[0].title.rstrip(":")
        assert repr(derivation) == f"<SizeDerivation: {title}>" or repr(derivation).endswith(" ...>")
        assert len(repr(derivation)) <= 80
    assert repr(derive_conv_size()) == "<SizeDerivation: Window t has its last tap, tap k - 1, at input i>"


def test_sizes_are_sympy_integers():
    assert isinstance(derive_conv_transpose_size(3, 2, stride=2, dilation=1, padding=0, output_padding=0).size, Integer)
