"""Step by step gives the same as the expansions, for any sizes; and how it is drawn."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Add, Array

import symbolic
from symbolic.steps import Step
from tests.symbolic.definition import by_index

BOX = list(product(range(4), range(4), (1, 3), (1, 2), (-1, 1), (0, 2)))


def or_error(compute, *operands, **arguments):
    try:
        return compute(*operands, **arguments)
    except ValueError as error:
        return str(error)


def test_placements_over_a_box():
    for i, k, s, d, begin, end in BOX:
        x, w = symbolic.array("x", i), symbolic.array("w", k)
        words = {"stride": s, "dilation": d, "padding": [(begin, end)]}
        trace = or_error(symbolic.trace_conv_transpose, x, w, **words)
        expected = or_error(symbolic.conv_transpose, x, w, **words)
        assert (trace if isinstance(trace, str) else trace.result) == expected
        if not isinstance(trace, str):
            assert trace.sum == symbolic.conv_transpose(x, w, stride=s, dilation=d)
            assert len(trace.placements) == i
            assert str(trace).count("times the kernel") == i


def test_windows_over_a_box():
    for i, k, s, d, begin, end in BOX:
        x, w = symbolic.array("x", i), symbolic.array("w", k)
        words = {"stride": s, "dilation": d, "padding": [(begin, end)]}
        trace, expected = or_error(symbolic.trace_conv, x, w, **words), or_error(symbolic.conv, x, w, **words)
        assert (trace if isinstance(trace, str) else trace.result) == expected
        if not isinstance(trace, str):
            assert [window.sum for window in trace.windows] == list(expected)
            assert str(trace).count("Window at") == len(expected)


def test_more_axes():
    x, w = symbolic.array("x", (2, 1, 3)), symbolic.array("w", (1, 2, 2))
    words = {"stride": (2, 1, 2), "padding": (0, 1, (1, 0)), "dilation": (1, 2, 1)}
    trace = symbolic.trace_conv_transpose(x, w, **words, output_padding=1)
    assert trace.result == symbolic.conv_transpose(x, w, **words, output_padding=1)
    total = [Add(*(p.placed[t] for p in trace.placements)) for t in by_index(trace.sum)]
    assert Array(total, trace.sum.shape) == trace.sum
    x = symbolic.array("x", (3, 4, 3))
    assert symbolic.trace_conv(x, w, **words).result == symbolic.conv(x, w, **words)


def test_output_size():
    trace = symbolic.trace_conv_transpose([1, 10], [1, 2], stride=2, output_size=6)
    assert trace.result.tolist() == [1, 2, 10, 20, 0, 0]
    assert trace.steps()[-1].title == "Padding, axis 0 gains 2 at the end:"


def test_a_dot_is_not_a_zero():
    step = symbolic.trace_conv_transpose([0, 1], [0, 5], stride=2).steps()[1]
    assert step.drawing == ("0 * [ 0  5 ] -> [ 0  0  .  . ]",)
    assert step.formula.endswith(r"\begin{bmatrix} 0 & 0 & \cdot & \cdot \end{bmatrix}")


def test_padding_is_told():
    trace = symbolic.trace_conv_transpose([[1, 2]], [[1, 1, 1]], padding=((0, -1), (2, 1)))
    assert trace.sum.tolist() == [[1, 3, 3, 2]]
    assert trace.result.tolist() == [[3], [0]]
    assert str(trace.steps()[-1]) == (
        "Padding, axis 0 gains 1 at the end; axis 1 loses 2 at the beginning and loses 1\n"
        "at the end:\n\n"
        "  [ 1  3  3  2 ] -> [ 3 ]\n"
        "                    [ 0 ]"
    )


def test_windows_that_reach_beyond_the_input():
    first, *_, last = symbolic.trace_conv([1, 2], [1, 1, 1], padding=2).steps()[1:-1]
    assert first.drawing == ("[ .  .  1 ] * [ 1  1  1 ]", "", "1*1 = 1")
    assert last.drawing == ("[ 2  .  . ] * [ 1  1  1 ]", "", "2*1 = 2")
    nothing = symbolic.trace_conv([1], [1, 1], padding=2).steps()[1]
    assert nothing.drawing == ("[ .  . ] * [ 1  1 ]", "", "0")


def test_steps_and_dilations_are_told():
    title = symbolic.trace_conv_transpose([[1]], [[1, 2]], stride=2, dilation=(1, 3)).steps()[0].title
    assert title == "Transposed convolution of x by w, stride 2, dilation (1, 3):"
    assert symbolic.trace_conv([[1]], [[1]], stride=(1, 2)).steps()[0].title == (
        "Convolution of x by w, stride (1, 2):"
    )


def test_what_is_too_wide_is_told_line_by_line():
    trace = symbolic.trace_conv_transpose(symbolic.array("image", (1, 4)), symbolic.array("w", (1, 4)))
    assert trace.steps()[-1].drawing[:2] == (
        "y[0,0] = image[0,0]*w[0,0]",
        "y[0,1] = image[0,0]*w[0,1] + image[0,1]*w[0,0]",
    )
    assert max(map(len, str(trace).splitlines())) <= 80


@pytest.mark.parametrize("compute", [symbolic.trace_conv, symbolic.trace_conv_transpose])
@pytest.mark.parametrize("x", [list(range(30)), symbolic.array("x", 8), symbolic.array("image", (3, 9))])
def test_lines_fit_a_terminal(compute, x):
    trace = compute(x, x, stride=2)
    assert max(map(len, str(trace).splitlines())) <= 80
    assert "\n\n\n" not in str(trace)


def test_operands_beside_each_other_or_below():
    short, long = (compute_operands(list(range(n))) for n in (5, 30))
    assert short == ("x = [ 0  1  2  3  4 ]   w = [ 1  2  3 ]",)
    assert long[:2] == ("x[0] = 0", "x[1] = 1")
    assert long[-3:] == ("x[29] = 29", "", "w = [ 1  2  3 ]")
    assert compute_operands(list(range(20)))[0].startswith("x = [ 0  1")


def compute_operands(x):
    return symbolic.trace_conv_transpose(x, [1, 2, 3], stride=2).steps()[0].drawing


def test_a_trace_is_short_unless_printed():
    trace = symbolic.trace_conv_transpose([1, 2], [3, 4], stride=2)
    assert repr(trace) == "<ConvTransposeTrace: Transposed convolution of x by w, stride 2>"
    assert repr(trace.placements[:1]) == "(<Placement: x[0] = 1 times the kernel, its first tap at [0]>,)"


def test_a_long_title_is_wrapped_and_not_indented():
    words = " ".join(["word"] * 30)
    title, more, blank, drawing = Step(words, ("drawn",), "x").text.splitlines()
    assert f"{title} {more}" == words
    assert len(title) == 79
    assert (blank, drawing) == ("", "  drawn")
    assert Step(f"{'w' * 79}:", (), "").text.splitlines()[0] == f"{'w' * 79}:"


@pytest.mark.parametrize("compute", [symbolic.trace_conv, symbolic.trace_conv_transpose])
def test_nothing_at_all(compute):
    assert str(compute([], [1])).endswith("[ ]")


def test_a_part_can_be_read_alone():
    transposed, ordinary = symbolic.trace_conv_transpose([1, 2], [3, 4]), symbolic.trace_conv([1, 2], [3, 4])
    for parts, trace in ((transposed.placements, transposed), (ordinary.windows, ordinary)):
        for part, step in zip(parts, trace.steps()[1:-1], strict=True):
            assert part.steps() == (step,)
            assert str(part) == str(step)
            assert part._repr_latex_() == step._repr_latex_()
