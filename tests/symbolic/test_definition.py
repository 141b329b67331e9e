"""What the operators are, by expectations worked out by hand, and by laws."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from sympy import Add, Array, Matrix, expand, nan, oo

import symbolic
from tests.symbolic.definition import by_index

X, W = [1, 10, 100], [1, 2, 3]
TRANSPOSED, ORDINARY = symbolic.ROUTES["conv_transpose"], symbolic.ROUTES["conv"]
ROUTES = [*product(["conv_transpose"], TRANSPOSED), *product(["conv"], ORDINARY)]

# Arguments, and what must come out of [1, 10, 100] and [1, 2, 3].
BY_HAND = [
    ({}, [1, 12, 123, 230, 300]),
    ({"stride": 2}, [1, 2, 13, 20, 130, 200, 300]),
    ({"stride": 4}, [1, 2, 3, 0, 10, 20, 30, 0, 100, 200, 300]),
    ({"dilation": 2}, [1, 10, 102, 20, 203, 30, 300]),
    ({"stride": 2, "dilation": 2}, [1, 0, 12, 0, 123, 0, 230, 0, 300]),
    ({"stride": 2, "dilation": 3}, [1, 0, 10, 2, 100, 20, 3, 200, 30, 0, 300]),
    ({"stride": 2, "padding": 1}, [2, 13, 20, 130, 200]),
    ({"stride": 2, "padding": (1,)}, [2, 13, 20, 130, 200]),
    ({"stride": 2, "padding": [(1, 0)]}, [2, 13, 20, 130, 200, 300]),
    ({"stride": 2, "padding": [(0, 1)]}, [1, 2, 13, 20, 130, 200]),
    ({"stride": 2, "padding": -1}, [0, 1, 2, 13, 20, 130, 200, 300, 0]),
    ({"stride": 2, "padding": [(-2, 3)]}, [0, 0, 1, 2, 13, 20]),
    ({"stride": 2, "padding": [(7, -3)]}, [0, 0, 0]),
    ({"stride": 2, "padding": [(9, -3)]}, [0]),
    ({"stride": 2, "padding": [(3, 4)]}, []),
    ({"stride": 2, "padding": "valid"}, [1, 2, 13, 20, 130, 200, 300]),
    ({"stride": 2, "padding": "same"}, [1, 2, 13, 20, 130, 200]),
    ({"stride": 1, "padding": "same"}, [12, 123, 230]),
    ({"stride": 5, "padding": "same"}, [1, 2, 3, 0, 0, 10, 20, 30, 0, 0, 100, 200, 300, 0, 0]),
    ({"stride": 2, "padding": "same", "output_padding": 1}, [1, 2, 13, 20, 130, 200, 300]),
    ({"stride": 2, "output_padding": 1}, [1, 2, 13, 20, 130, 200, 300, 0]),
    ({"stride": 2, "padding": 1, "output_padding": 1}, [2, 13, 20, 130, 200, 300]),
    ({"stride": 2, "output_padding": 5}, [1, 2, 13, 20, 130, 200, 300, 0, 0, 0, 0, 0]),
    ({"stride": 2, "output_size": 6}, [1, 2, 13, 20, 130, 200]),
    ({"stride": 2, "output_size": 9}, [1, 2, 13, 20, 130, 200, 300, 0, 0]),
    ({"stride": 2, "output_size": [3], "padding": 1}, [2, 13, 20]),
    ({"stride": 2, "output_size": 3, "padding": [(1, 100)]}, [2, 13, 20]),
    ({"stride": 2, "output_size": 0}, []),
    ({"stride": 2, "output_size": 4, "padding": "same"}, [1, 2, 13, 20]),
    ({"stride": 2, "bias": 5}, [6, 7, 18, 25, 135, 205, 305]),
    ({"stride": 2, "bias": [5], "padding": [(0, -2)]}, [6, 7, 18, 25, 135, 205, 305, 5, 5]),
]


@pytest.mark.parametrize("route", TRANSPOSED)
@pytest.mark.parametrize(("arguments", "expected"), BY_HAND, ids=str)
def test_conv_transpose_by_hand(arguments, expected, route):
    y = symbolic.conv_transpose(X, W, route=route, **arguments)
    assert isinstance(y, Array)
    assert list(y) == expected


@pytest.mark.parametrize("route", ORDINARY)
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [321, 3210]),
        ({"padding": 1}, [32, 321, 3210, 2100]),
        ({"padding": [(0, 2)]}, [321, 3210, 2100, 1000]),
        ({"padding": -1}, []),
        ({"padding": [(1, -1)]}, [32, 321]),
        ({"stride": 2}, [321]),
        ({"stride": 2, "padding": 1}, [32, 3210]),
        ({"stride": 3, "padding": 1}, [32, 2100]),
        ({"dilation": 2, "padding": 1}, [2 * 10 + 3 * 1000, 1 + 2 * 100]),
        ({"padding": "same"}, [32, 321, 3210, 2100]),
        ({"padding": "same", "stride": 2}, [321, 2100]),
        ({"padding": "same", "stride": 3}, [32, 2100]),
        ({"padding": "same", "stride": 5}, [1 + 20 + 300]),
        ({"padding": "valid"}, [321, 3210]),
        ({"bias": 7}, [328, 3217]),
    ],
    ids=str,
)
def test_conv_by_hand(arguments, expected, route):
    assert list(symbolic.conv([1, 10, 100, 1000], W, route=route, **arguments)) == expected


@pytest.mark.parametrize("route", TRANSPOSED)
@pytest.mark.parametrize(
    ("x", "w", "arguments", "expected"),
    [
        ([], W, {}, []),
        ([], W, {"output_padding": 2, "bias": 4}, [4, 4]),
        (X, [], {"padding": -1, "bias": 4}, [4, 4]),
        (X, [2], {"stride": 3}, [2, 0, 0, 20, 0, 0, 200]),
        ([7], W, {"stride": 9}, [7, 14, 21]),
        ([1, 10], [1, 2, 3, 4, 5], {}, [1, 12, 23, 34, 45, 50]),
        ([1], [1], {"padding": [(0, 1)]}, []),
        ([1, 10, 100], [5], {"stride": 2, "padding": "same"}, [5, 0, 50, 0, 500, 0]),
        ([1, 10], [1, 2, 3, 4, 5], {"stride": 2, "padding": "same"}, [2, 13, 24, 35]),
        ([1, 10], [1, 2, 3, 4], {"stride": 1, "padding": "same"}, [12, 23]),
    ],
    ids=str,
)
def test_every_size_is_defined(x, w, arguments, expected, route):
    assert list(symbolic.conv_transpose(x, w, route=route, **arguments)) == expected


def test_shapes_with_zeros():
    none = symbolic.array("x", (0, 3))
    assert none.shape == (0, 3)
    assert symbolic.conv_transpose(none, [[1], [2]], output_padding=(2, 0)).tolist() == [[0] * 3] * 2
    assert symbolic.conv_transpose(none, [[1], [2]]).shape == (0, 3)
    assert symbolic.conv_transpose([[], []], [[1]], padding=(-1, -1)).tolist() == [[0, 0]] * 4
    batch = symbolic.array("x", (2, 0, 3))
    y = symbolic.conv_transpose(batch, symbolic.array("w", (0, 4, 2)), [1, 2, 3, 4], layout="NC...")
    assert y.tolist() == [[[c] * 4 for c in (1, 2, 3, 4)]] * 2
    assert symbolic.conv_transpose(batch, symbolic.array("w", (0, 0, 2)), layout="NC...").shape == (2, 0, 4)
    assert symbolic.conv(none, [[1]]).shape == (0, 3)


@pytest.mark.parametrize("route", TRANSPOSED)
def test_only_taps_that_exist_contribute(route):
    assert list(symbolic.conv_transpose([oo, 1], [1, 0, 2], stride=2, route=route)) == [oo, nan, oo, 0, 2]
    assert list(symbolic.conv_transpose([0, 1], [oo, 1], stride=3, route=route)) == [nan, 0, 0, oo, 1]


@pytest.mark.parametrize("route", ORDINARY)
def test_padding_contributes_nothing(route):
    assert list(symbolic.conv([1, 2], [oo, 1, 0], padding=1, route=route)) == [1, oo]


def test_the_kernel_is_not_turned():
    assert list(symbolic.conv_transpose([1, 0, 0], W)) == [1, 2, 3, 0, 0]
    assert list(symbolic.conv([0, 0, 1, 0, 0], W)) == [3, 2, 1]


# Channels and layouts.


def test_channels_by_hand():
    x = [[[1, 10], [100, 1000]]]  # one example, two channels
    w = [[[1, 2], [0, 1], [5, 0]], [[1, 0], [3, 0], [0, 7]]]  # two input channels, three output channels
    y = symbolic.conv_transpose(x, w, [0, 0, 1], layout="NC...")
    assert y.tolist() == [[[101, 1012, 20], [300, 3001, 10], [6, 751, 7001]]]
    # the same kernel as "OI..." leads from three channels to two
    y = symbolic.conv([[[1, 10, 100], [1, 0, 0], [0, 1, 0]]], w, layout="NC...")
    assert y.tolist() == [[[1 + 20 + 0 + 0 + 0 + 0, 10 + 200 + 0 + 0 + 5], [1 + 3 + 7, 10 + 0]]]


def test_groups_by_hand():
    x = [[[1, 10], [100, 1000]]]
    w = [[[1, 2], [0, 1]], [[1, 0], [3, 0]]]
    y = symbolic.conv_transpose(x, w, groups=2, layout="NC...")
    assert y.tolist() == [[[1, 12, 20], [0, 1, 10], [100, 1000, 0], [300, 3000, 0]]]


@pytest.mark.parametrize("operator", ["conv_transpose", "conv"])
def test_groups_are_blocks(operator):
    compute = getattr(symbolic, operator)
    x, w = symbolic.array("x", (1, 6, 3)), symbolic.array("w", (6, 2, 2))
    whole = compute(x, w, groups=3, layout="NC...")
    if operator == "conv":
        assert w.shape[1] * 3 == x.shape[1]
    parts = [compute(x[:, 2 * g : 2 * g + 2], w[2 * g : 2 * g + 2], layout="NC...") for g in range(3)]
    joined = [channel for part in parts for channel in part.tolist()[0]]
    assert whole.tolist() == [joined]


def moved(array, labels, wanted):
    """The array with its axes, which ``labels`` name, in the order ``wanted``."""
    order = [labels.index(label) for label in wanted]
    shape = [array.shape[place] for place in order]
    found = by_index(array)
    return Array(
        [found[tuple(index[order.index(a)] for a in range(len(order)))] for index in product(*map(range, shape))],
        shape,
    )


LAYOUTS = {
    "NC...": "NCxy",
    "N...C": "NxyC",
    "C...N": "CxyN",
    "...CN": "xyCN",
    "...NC": "xyNC",
    "CN...": "CNxy",
}
KERNEL_LAYOUTS = {"IO...": "IOxy", "OI...": "OIxy", "...OI": "xyOI", "...IO": "xyIO", "I...O": "IxyO"}


@pytest.mark.parametrize(("operator", "route"), ROUTES)
def test_layouts(operator, route):
    compute = getattr(symbolic, operator)
    x, w, bias = symbolic.array("x", (2, 4, 3, 2)), symbolic.array("w", (4, 2, 2, 1)), symbolic.array("b", 4)
    default = "IOxy" if operator == "conv_transpose" else "OIxy"
    more = {"stride": (2, 1), "padding": ((1, 0), 0), "groups": 2, "route": route}
    y = compute(x, w, bias, layout="NC...", **more)
    for (layout, axes), (kernel_layout, kernel_axes) in product(LAYOUTS.items(), KERNEL_LAYOUTS.items()):
        got = compute(
            moved(x, "NCxy", axes),
            moved(w, default, kernel_axes),
            bias,
            layout=layout,
            kernel_layout=kernel_layout,
            **more,
        )
        assert got == moved(y, "NCxy", axes), (layout, kernel_layout)


@pytest.mark.parametrize("layout", ["NC...", "N...C", "...CN"])
def test_an_axis_fewer_is_no_batch(layout):
    unbatched = layout.replace("N", "")
    x, w = symbolic.array("x", (3, 3)), symbolic.array("w", (3, 3, 2))
    assert symbolic.conv_transpose(x, w, layout=layout) == symbolic.conv_transpose(x, w, layout=unbatched)
    assert len(symbolic.conv_transpose(x, w, layout=layout).shape) == 2


def test_plain_arrays_are_one_channel():
    x, w = symbolic.array("x", (2, 3)), symbolic.array("w", (3, 2))
    plain = symbolic.conv_transpose(x, w, stride=2)
    channels = symbolic.conv_transpose([x.tolist()], [[w.tolist()]], stride=2, layout="C...")
    assert [plain.tolist()] == channels.tolist()
    batches = symbolic.conv_transpose([x.tolist(), x.tolist()], w, stride=2, layout="N...")
    assert batches.tolist() == [plain.tolist()] * 2


# Laws.


def test_transposed_means_transposed():
    """The matrices of the two operators, read off by derivatives, are each other's transposes."""
    x, y, w = symbolic.array("x", (2, 3)), symbolic.array("y", (4, 5)), symbolic.array("w", (2, 3))
    settings = {"stride": 2, "padding": ((0, 0), (1, 1))}
    there = symbolic.conv_transpose(x, w, output_size=(4, 5), **settings)
    back = symbolic.conv(y, w, **settings)
    assert there.shape == y.shape
    assert back.shape == x.shape
    one = Matrix(list(by_index(there).values())).jacobian(Matrix(list(by_index(x).values())))
    other = Matrix(list(by_index(back).values())).jacobian(Matrix(list(by_index(y).values())))
    assert one == other.T
    assert one.rank() == 6


def test_adjoint():
    x, g, w = symbolic.array("x", 3), symbolic.array("g", 6), symbolic.array("w", 4)
    settings = {"stride": 2, "padding": 1}
    there, back = symbolic.conv_transpose(x, w, **settings), symbolic.conv(g, w, **settings)
    difference = Add(*(a * b for a, b in zip(there, g, strict=True)))
    difference -= Add(*(a * b for a, b in zip(x, back, strict=True)))
    assert expand(difference) == 0


def test_separable_kernels_are_products():
    x, u, v = symbolic.array("x", (2, 3)), symbolic.array("u", 3), symbolic.array("v", 2)
    w = [[a * b for b in v] for a in u]
    whole = symbolic.conv_transpose(x, w, stride=(2, 3))
    columns = [list(symbolic.conv_transpose(list(row), v, stride=3)) for row in x]
    rows = [list(symbolic.conv_transpose(list(column), u, stride=2)) for column in zip(*columns, strict=True)]
    assert all(expand(whole[i, j] - rows[j][i]) == 0 for i in range(whole.shape[0]) for j in range(whole.shape[1]))


def test_axes_are_alike():
    x, w = symbolic.array("x", (2, 3, 2)), symbolic.array("w", (1, 2, 3))
    strides = (1, 2, 3)
    y = symbolic.conv_transpose(x, w, stride=strides)
    for order in permutations(range(3)):
        names = "".join("xyz"[a] for a in order)
        turned = symbolic.conv_transpose(
            moved(x, "xyz", names), moved(w, "xyz", names), stride=[strides[a] for a in order]
        )
        assert turned == moved(y, "xyz", names)
