"""Sizes: derived from where products land, the same as what an expansion has, and as what tconv says."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Integer, Symbol, simplify, symbols
from sympy.abc import d, k, n, s

import symbolic
import tconv
from symbolic.sizes import IndexSet

# Sizes and kernels from 0, strides and dilations from 1, crops at either end, outputs appended.
BOX = list(product(range(5), range(5), range(1, 5), range(1, 4), range(-2, 4), range(-1, 3), (0, 1, 3)))


def arguments(stride, dilation, begin, end, more):
    return {"stride": stride, "dilation": dilation, "padding": [(begin, end)], "output_padding": more}


def size_or_error(compute, *sizes, **keywords):
    try:
        return compute(*sizes, **keywords)
    except ValueError as error:
        return str(error).partition(":")[0]


def test_largest_index_is_the_largest_of_the_set():
    for i, j, stride, dilation in product(range(6), range(6), range(1, 6), range(1, 6)):
        index_set = IndexSet(i, j, stride, dilation)
        members = {stride * a + dilation * b for a in range(i) for b in range(j)}
        assert index_set.members() == sorted(members)
        assert index_set.largest() == max(members, default=-1)
        assert index_set.size() == index_set.largest() + 1


def test_size_is_that_of_the_expansion():
    ones = [[1] * i for i in range(5)]
    for i, j, *rest in BOX[::3]:
        words = arguments(*rest)
        size = size_or_error(symbolic.output_size, i, j, **words)
        y = size_or_error(symbolic.conv_transpose, ones[i], ones[j], **words)
        assert size == (y if isinstance(y, str) else len(y)), (i, j, words)


def test_tconv_says_the_same():
    for i, j, *rest in BOX:
        words = arguments(*rest)
        ours, theirs = (size_or_error(f, i, j, **words) for f in (symbolic.output_size, tconv.output_size))
        if isinstance(theirs, tuple):  # the padding is a sequence there too
            (theirs,) = theirs
        assert ours == theirs, (i, j, words)
    for i, j, stride, dilation, more in product(range(5), range(5), range(1, 5), range(1, 4), (0, 1, 3)):
        words = {"stride": stride, "dilation": dilation, "padding": "same", "output_padding": more}
        assert symbolic.output_size(i, j, **words) == tconv.output_size(i, j, **words) == i * stride + more


def test_the_documents_formula_appears():
    assert symbolic.output_size(n, k, stride=s) == (n - 1) * s + k
    assert str(symbolic.output_size(n, k, stride=s)) == "k + s*(n - 1)"
    assert symbolic.output_size(n, k) == n + k - 1
    assert symbolic.output_size(n, k, stride=2) == 2 * n + k - 2


def test_everything_symbolic():
    b, e, r = symbols("b e r")
    size = symbolic.output_size(n, k, stride=s, dilation=d, padding=[(b, e)], output_padding=r)
    assert simplify(size - ((n - 1) * s + (k - 1) * d + 1 - b - e + r)) == 0
    for values in product((1, 2, 5), (1, 3), (1, 2), (1, 4), (0, 1), (0, -2), (0, 2)):
        i, j, stride, dilation, begin, end, more = values
        number = symbolic.output_size(i, j, **arguments(stride, dilation, begin, end, more))
        assert size.subs(dict(zip((n, k, s, d, b, e, r), values, strict=True))) == number


def test_same_with_symbols():
    assert symbolic.output_size(n, k, stride=s, dilation=d, padding="same") == n * s
    assert symbolic.output_size(n, 3, stride=2, padding="same", output_padding=1) == 2 * n + 1


def test_what_comes_out():
    assert isinstance(symbolic.output_size(2, 2), Integer)
    assert list(range(symbolic.output_size(1, 2))) == [0, 1]
    assert symbolic.output_size((4, n), 3, stride=(2, s)) == (9, s * (n - 1) + 3)
    assert symbolic.output_size(4, (3, 1)) == (6, 4)
    assert symbolic.output_size([5], [2]) == (6,)
    assert symbolic.output_size((180, 320), 9, stride=3, padding=4, output_padding=2) == (540, 960)
    assert symbolic.output_size((3, 4), 2, padding=((1, 0), -1)) == (3, 7)


@pytest.mark.parametrize(
    ("sizes", "words", "error", "start"),
    [
        ((-1, 2), {}, ValueError, "input_size: got -1 for spatial axis 0; must be an integer >= 0"),
        ((2, (1, -2)), {}, ValueError, "kernel_size: got -2 for spatial axis 1; must be an integer >= 0"),
        ((2.0, 2), {}, TypeError, "input_size: got 2.0; must be an integer"),
        (("2", 2), {}, TypeError, "input_size: got '2'; must be an integer"),
        ((True, 2), {}, TypeError, "input_size: got True; must be an integer"),
        (((), 2), {}, ValueError, "input_size, kernel_size: got no spatial axis"),
        (((1, 2), (1, 2, 3)), {}, ValueError, "input_size: got (1, 2) with 2 values; must be"),
        ((2, 2), {"stride": 0}, ValueError, "stride: got 0 for spatial axis 0; must be an integer >= 1"),
        ((2, 2), {"dilation": s - s}, ValueError, "dilation: got 0 for spatial axis 0; must be"),
        ((2, 2), {"output_padding": -1}, ValueError, "output_padding: got -1 for spatial axis 0; must be"),
        ((2, 2), {"padding": 2}, ValueError, "padding: got (2, 2) for spatial axis 0, where 3 outputs are"),
        ((2, 2), {"padding": "full"}, ValueError, "padding: got 'full'; the words it may be"),
        ((2, 2), {"padding": [(1, 2, 3)]}, ValueError, "padding: got (1, 2, 3) with 3 values; must be"),
        ((n, 2), {"stride": Symbol("m", negative=True)}, ValueError, "stride: got m for spatial axis 0"),
        ((n / 2, 2), {"stride": Symbol("m", integer=False)}, TypeError, "stride: got m; must be an integer"),
    ],
)  # fmt: skip
def test_errors(sizes, words, error, start):
    with pytest.raises(error) as caught:
        symbolic.output_size(*sizes, **words)
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)
