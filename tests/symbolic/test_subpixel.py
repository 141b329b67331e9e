"""Sub-pixel convolution: the shuffle, both ways between it and transposed convolution, and wrong shuffles."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Array

from symbolic import array, conv, conv_transpose
from symbolic.subpixel import (
    SubpixelConv,
    pixel_shuffle,
    pixel_unshuffle,
    prove_subpixel_from_transposed,
    prove_transposed_from_subpixel,
    subpixel_from_transposed,
    transposed_from_subpixel,
)
from symbolic.theorem import Refuted, Theorem
from tests.symbolic.definition import by_index

# size of x, of w, stride, crops, outputs appended, dilation
BOX = list(product((1, 3), range(1, 5), (1, 2, 3), (-1, 0, 2), (-1, 1), (0, 1), (1, 2, 3)))
CHOSEN = [
    ((1, 2, 2), (2, 2, 3), {"stride": 2, "padding": [(1, 0)]}),
    ((2, 4, 2), (4, 1, 3), {"stride": 3, "groups": 2, "output_padding": 1}),
    ((1, 3, 2), (3, 2, 2), {"stride": 2, "groups": 3}),
    ((1, 1, 2, 2), (1, 2, 4, 3), {"stride": (2, 3), "padding": [(1, 1), (0, 2)]}),
    ((1, 2, 2, 2), (2, 1, 2, 2), {"stride": 2, "dilation": (3, 2), "padding": "same"}),
    ((1, 1, 2, 1, 2), (1, 1, 2, 1, 2), {"stride": (2, 1, 2)}),
    ((1, 1, 1), (1, 1, 1), {"stride": 4}),
]


def channels_last(x, strides):
    """The other order of channels: TensorFlow's, "DCR" in ONNX: the channel is r*C + c."""
    (s,) = strides
    n, c, *_ = x.shape
    order = [r * (c // s) + b for b in range(c // s) for r in range(s)]
    return pixel_shuffle(Array([[x[a, o] for o in order] for a in range(n)]), s)


def phases_turned(x, strides):
    (s,) = strides
    n, c, *_ = x.shape
    order = [b * s + s - 1 - r for b in range(c // s) for r in range(s)]
    return pixel_shuffle(Array([[x[a, o] for o in order] for a in range(n)]), s)


def test_shuffle_is_pytorchs():
    x = array("x", (2, 12, 2, 3))
    y = pixel_shuffle(x, (2, 3))
    assert y.shape == (2, 2, 4, 9)
    for (n, c, h, w), element in by_index(y).items():
        assert element == x[n, c * 6 + h % 2 * 3 + w % 3, h // 2, w // 3]
    # What torch.nn.functional.pixel_shuffle(torch.arange(8).reshape(1, 8, 1, 1), 2) gives.
    small = pixel_shuffle(Array(range(8), (1, 8, 1, 1)), 2)
    assert small.tolist() == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]


def test_unshuffle_is_the_inverse():
    for shape, stride in [
        ((1, 4, 3), 2),
        ((2, 12, 2, 1), (2, 3)),
        ((1, 8, 1, 2, 1), 2),
        ((0, 2, 3), 2),
        ((1, 2, 0), 2),
    ]:
        x = array("x", shape)
        y = pixel_shuffle(x, stride)
        assert pixel_unshuffle(y, stride) == x
        assert pixel_shuffle(pixel_unshuffle(y, stride), stride) == y


def test_from_transposed_over_a_box():
    count = 0
    for i, k, s, begin, end, more, d in BOX:
        if (i - 1) * s + (k - 1) * d + 1 - begin - end + more < 0:
            continue
        words = {"stride": s, "dilation": d, "padding": [(begin, end)], "output_padding": more}
        assert isinstance(prove_subpixel_from_transposed((1, 1, i), (1, 1, k), **words), Theorem)
        count += 1
    assert count > 700


@pytest.mark.parametrize(("x", "w", "words"), CHOSEN)
def test_from_transposed_chosen(x, w, words):
    prove_subpixel_from_transposed(x, w, **words)
    inputs, weights = array("x", x), array("w", w)
    y = subpixel_from_transposed(weights, **words)(inputs)
    assert y == conv_transpose(inputs, weights, layout="NC...", **words)


def test_it_does_not_depend_on_the_size_of_x():
    w = array("w", (1, 1, 4))
    layer = subpixel_from_transposed(w, stride=2, padding=4, output_padding=1)
    for i in (4, 5, 8):
        x = array("x", (1, 1, i))
        assert layer(x) == conv_transpose(x, w, stride=2, padding=4, output_padding=1, layout="NC...")


def test_from_subpixel_over_a_box():
    for i, k, s, begin, end in product((1, 2, 3), (1, 2, 3), (1, 2, 3), (-1, 0, 1, 2), (-1, 0, 2)):
        if i + begin + end < k - 1:
            continue
        prove_transposed_from_subpixel((1, 1, i), (s, 1, k), stride=s, padding=[(begin, end)])


@pytest.mark.parametrize(
    ("x", "w", "words"),
    [
        ((1, 2, 3), (4, 2, 3), {"stride": 2, "padding": 1}),
        ((2, 4, 2), (6, 2, 2), {"stride": 3, "groups": 2}),
        ((1, 2, 2, 2), (12, 2, 2, 1), {"stride": (2, 3), "padding": [(1, 0), (0, 1)]}),
        ((1, 1, 1, 2, 1), (4, 1, 1, 2, 1), {"stride": (2, 1, 2), "padding": "valid"}),
    ],
)
def test_there_and_back(x, w, words):
    prove_transposed_from_subpixel(x, w, **words)
    weights, groups = array("w", w), words.get("groups", 1)
    there = transposed_from_subpixel(weights, **words)
    back = subpixel_from_transposed(there.w, stride=there.stride, padding=there.padding, groups=groups)
    assert back.w == weights
    assert not any(back.crop)
    inputs = array("x", x)
    phases = conv(inputs, weights, padding=words.get("padding", 0), groups=groups, layout="NC...")
    assert back(inputs) == there(inputs) == pixel_shuffle(phases, words["stride"])


def test_a_kernel_of_the_strides_size_is_copied():
    w = array("w", (2, 3, 2))
    layer = subpixel_from_transposed(w, stride=2)
    assert layer.w.shape == (6, 2, 1)
    assert layer.padding == ((0, 0),)
    assert all(layer.w[c * 2 + r, ci, 0] == w[ci, c, r] for ci, c, r in product(range(2), range(3), range(2)))


@pytest.mark.parametrize("shuffle", [channels_last, phases_turned, lambda x, s: x])
def test_wrong_shuffles_are_refuted(shuffle):
    for prove, w_shape in ((prove_subpixel_from_transposed, (1, 2, 2)), (prove_transposed_from_subpixel, (4, 1, 1))):
        with pytest.raises(Refuted) as refuted:
            prove((1, 1, 2), w_shape, stride=2, shuffle=shuffle)
        found = refuted.value.counterexample
        if "x" not in found:
            assert len(set(found.values())) == 2  # two shapes
            continue
        assert list(found.values())[-1] != list(found.values())[-2]
        if prove is prove_subpixel_from_transposed:
            layer = subpixel_from_transposed(found["w"], stride=2)
            y = conv_transpose(found["x"], found["w"], found["bias"], stride=2, layout="NC...")
        else:
            layer = SubpixelConv(found["w"], (2,), ((0, 0),), (0,))
            y = transposed_from_subpixel(found["w"], stride=2)(found["x"], found["bias"])
        assert layer(found["x"], found["bias"]) == y
        assert layer(found["x"], found["bias"], shuffle=shuffle) != y


def test_errors():
    for call, start in [
        (lambda: pixel_shuffle([[[1]], [[2]]], 2), "x: axis 1 .C. has size 1; must be a multiple of 2"),
        (lambda: pixel_shuffle([1, 2], 2), "x: got shape .2,.; must have 3 or more axes"),
        (lambda: pixel_unshuffle([[[1, 2, 3]]], 2), "y: spatial axis 0 has size 3; must be a multiple of stride = 2"),
        (lambda: pixel_shuffle([[[1]]], 0), "stride: got 0"),
        (lambda: subpixel_from_transposed(array("w", (1, 1, 0))), "w: got shape .*; must have one tap"),
        (lambda: subpixel_from_transposed([[[1]]], groups=2), "groups: got 2; must divide the 1 channel$"),
        (lambda: transposed_from_subpixel([[[1]]], stride=2), "w: axis 0 .O. has size 1; must be a multiple of 2"),
        (lambda: transposed_from_subpixel([[[1]]], stride=1, padding="same"), "padding: got 'same'; must be numbers"),
    ]:
        with pytest.raises(ValueError, match=f"^{start}"):
            call()


@pytest.mark.parametrize("shuffle", [3, None])
def test_shuffle_must_be_callable(shuffle):
    calls = [
        lambda: prove_subpixel_from_transposed((1, 1, 2), (1, 1, 2), stride=2, shuffle=shuffle),
        lambda: prove_transposed_from_subpixel((1, 1, 2), (2, 1, 1), stride=2, shuffle=shuffle),
        lambda: subpixel_from_transposed([[[1, 2]]], stride=2)([[[1]]], shuffle=shuffle),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=f"^shuffle: got {shuffle}; must be callable$"):
            call()


def test_all_can_be_read():
    w = array("w", (2, 2, 4, 4))
    long = sum(array("a", 30))
    for told in (
        subpixel_from_transposed(w, stride=2, padding=1, output_padding=1),
        transposed_from_subpixel(array("w", (4, 2, 3, 3)), stride=2, padding=1),
        prove_subpixel_from_transposed((1, 1, 2, 2), (1, 1, 3, 3), stride=2),
        prove_transposed_from_subpixel((1, 1, 2, 2), (4, 1, 1, 1), stride=2),
        prove_transposed_from_subpixel((1, 1, 1), (1, 1, 1), stride=1),
        subpixel_from_transposed([[[long, long]]], stride=2),
        subpixel_from_transposed(array("w", (1, 1, 2, 2, 2)), padding=[(-10, -12)] * 3, stride=(10, 10, 10)),
        transposed_from_subpixel(array("w", (1, 1, 2, 2, 2)), padding=[(-10, -12)] * 3, stride=1),
    ):
        assert max(map(len, str(told).splitlines())) <= 80
        for step in told.steps():
            assert step.title[-1] in ":."
            assert not set(step.title) & set("_^$#%&{}\\")
            assert max(map(len, step.drawing)) <= 76
            assert " 1 differences" not in step.title
            assert step.formula.count("{") == step.formula.count("}")
