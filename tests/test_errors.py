"""Wrong calls: each gets one line that names the argument, what was given and what is allowed."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

import tconv
from tconv import errors
from tconv.algorithms import ALGORITHMS

X, W, B = np.zeros((2, 4, 8, 8)), np.zeros((4, 6, 3, 3)), np.zeros(6)
V = np.zeros((6, 4, 3, 3))  # weights of conv
G = np.zeros((2, 6, 10, 10))  # gradient of conv_transpose(X, W)
OUT = np.zeros((2, 6, 10, 10))
LINE = np.zeros((2, 4, 8))


def read_only():
    out = OUT.copy()
    out.flags.writeable = False
    return out


def within(x):
    """A result's place in the memory of an operand: an array x whose tail is ``out``."""
    room = np.zeros(x.size + OUT.size - 1)
    return room[: x.size].reshape(x.shape), room[x.size - 1 :].reshape(OUT.shape)


X_ROOM, X_OUT = within(X)
W_ROOM, W_OUT = within(W)
B_ROOM, B_OUT = within(B)
FOLDED = np.lib.stride_tricks.as_strided(np.zeros(2000), OUT.shape, (8, 8, 80, 8))
REPEATED = np.lib.stride_tricks.as_strided(np.zeros(2000), OUT.shape, (4800, 800, 80, 0))

up, down = tconv.conv_transpose, tconv.conv
by_x, by_w = tconv.conv_transpose_input_vjp, tconv.conv_transpose_weight_vjp
Shape, Parameter, Kind = errors.ShapeError, errors.ParameterError, errors.ArgumentTypeError

# What is called, with what, which error, and words of its message.
WRONG = [
    # operands
    (up, (None, W), {}, Kind, r"x: got None; must be an array"),
    (up, (X, None), {}, Kind, r"w: got None; must be an array"),
    (up, ([[1, 2], [3]], W), {}, Kind, r"x: got list, which NumPy cannot read \(.*inhomogeneous"),
    (up, ("abc", W), {}, errors.DtypeError, r"x: got dtype <U3; must be .*: convert text to numbers"),
    (
        up,
        (3, W),
        {},
        Shape,
        r"x: got shape \(\) with 0 axes; must have 4, or 3 without N, for layout 'NC\.\.\.'",
    ),
    (up, (X > 0, W), {}, errors.DtypeError, r"x: got dtype bool; must be .* \.astype\('uint8'\)"),
    (
        up,
        (X, W.astype("g")),
        {},
        errors.DtypeError,
        r"w: got dtype (longdouble|float\d+); must be .*object array",
    ),
    (
        up,
        (X, W, B.astype("M8[s]")),
        {},
        errors.DtypeError,
        r"bias: got dtype datetime64\[s\]; must be .*unit",
    ),
    (up, (np.ma.array(X), W), {}, Kind, r"x: got a masked array; must be a plain one, e\.g\. x\.filled\(0\)"),
    # shapes
    (
        up,
        (X[0, 0], W),
        {},
        Shape,
        r"x: got shape \(8, 8\) with 2 axes; must have 4, or 3 without N, .*2 spatial axes",
    ),
    (up, (X[None], W), {}, Shape, r"x: got shape \(1, 2, 4, 8, 8\) with 5 axes; must have 4"),
    (
        up,
        (X, W[0, 0]),
        {},
        Shape,
        r"w: got shape \(3, 3\) with 2 axes; must have 3 or more for layout 'NC\.\.\.'",
    ),
    (
        up,
        (X, 3),
        {"layout": "..."},
        Shape,
        r"w: got shape \(\) with 0 axes; must have 1 or more for layout '\.\.\.'",
    ),
    (up, (X, W[:3]), {}, Shape, r"x: axis 1 \(C\) has size 4; must be 3, as axis 0 \(I\) of w says"),
    (up, (X, V), {}, Shape, r"x: axis 1 \(C\) has size 4; must be 6, as axis 0 \(I\) of w says"),
    (
        up,
        (LINE, W[..., 0]),
        {"layout": "N...C"},
        Shape,
        r"x: axis 2 \(C\) has size 8; must be 4, as axis 0 \(I\)",
    ),
    (down, (X, W), {}, Shape, r"x: axis 1 \(C\) has size 4; must be 6, as axis 1 \(I\) of w says"),
    (
        down,
        (X, V),
        {"groups": 2},
        Shape,
        r"x: axis 1 \(C\) has size 4; must be 8 = 2 groups of 4, as axis 1 \(I\)",
    ),
    (up, (X, W, B[:5]), {}, Shape, r"bias: got shape \(5,\); must be \(6,\), one number per output channel"),
    (up, (X, W, 1.0), {}, Shape, r"bias: got shape \(\); must be \(6,\)"),
    (up, (X, W, B[:, None]), {}, Shape, r"bias: got shape \(6, 1\); must be \(6,\)"),
    (
        up,
        ([1], [1], [1, 2]),
        {"layout": "..."},
        Shape,
        r"bias: got shape \(2,\); must be one number, as layout",
    ),
    # stride, dilation, groups
    (up, (X, W), {"stride": 0}, Parameter, r"stride: got 0 for spatial axis 0; must be an integer >= 1"),
    (
        up,
        (X, W),
        {"stride": (1, -2)},
        Parameter,
        r"stride: got -2 for spatial axis 1; must be an integer >= 1",
    ),
    (
        up,
        (X, W),
        {"stride": (1, 2, 3)},
        Parameter,
        r"stride: got \(1, 2, 3\) with 3 values; must be an integer or one",
    ),
    (
        up,
        (X, W),
        {"stride": (2,)},
        Parameter,
        r"stride: got \(2,\) with 1 values?; must be .* per spatial axis, here 2",
    ),
    (up, (X, W), {"stride": 2.0}, Kind, r"stride: got 2\.0; must be an integer or hold integers"),
    (up, (X, W), {"stride": True}, Kind, r"stride: got True; must be an integer"),
    (up, (X, W), {"stride": (2, 2.5)}, Kind, r"stride: got 2\.5; must be an integer"),
    (up, (X, W), {"stride": None}, Kind, r"stride: got None; must be an integer or one per spatial axis"),
    (up, (X, W), {"stride": "2"}, Kind, r"stride: got '2'; must be an integer"),
    (up, (X, W), {"stride": {2, 1}}, Kind, r"stride: got \{1, 2\}; must be an integer"),
    (up, (X, W), {"padding": {2: 1, 1: 2}}, Kind, r"padding: got \{2: 1, 1: 2\}; must be an integer"),
    (up, (X, W), {"stride": Fraction(2)}, Kind, r"stride: got Fraction\(2, 1\); must be an integer"),
    (up, (X, W), {"dilation": 0}, Parameter, r"dilation: got 0 for spatial axis 0; must be an integer >= 1"),
    (down, (X, V), {"dilation": (1, 0)}, Parameter, r"dilation: got 0 for spatial axis 1"),
    (up, (X, W), {"groups": 3}, Shape, r"w: axis 0 \(I\) has size 4; must be a multiple of groups = 3"),
    (down, (X, V), {"groups": 4}, Shape, r"w: axis 0 \(O\) has size 6; must be a multiple of groups = 4"),
    (up, (X, W), {"groups": 0}, Parameter, r"groups: got 0; must be an integer >= 1"),
    (up, (X, W), {"groups": (1, 1)}, Kind, r"groups: got \(1, 1\); must be an integer >= 1"),
    (
        up,
        ([1], [1]),
        {"layout": "...", "groups": 2},
        Parameter,
        r"groups: got 2; must be 1 for layout '\.\.\.', .*no C",
    ),
    # padding, output_padding, output_size
    (
        up,
        (X, W),
        {"padding": "full"},
        Parameter,
        r"padding: got 'full'; the words it may be are 'same' and 'valid'",
    ),
    (up, (X, W), {"padding": 1.5}, Kind, r"padding: got 1\.5; must be an integer"),
    (
        up,
        (X, W),
        {"padding": (1, 2, 3)},
        Parameter,
        r"padding: got \(1, 2, 3\) with 3 values; must be .* here 2",
    ),
    (up, (LINE, W[..., 0]), {"padding": (1, 2)}, Parameter, r"padding: got \(1, 2\) with 2 values; .*here 1"),
    (
        up,
        (X, W),
        {"padding": ((1, 2), (1,))},
        Parameter,
        r"padding: got \(1,\) with 1 values?; must be .*pair",
    ),
    (up, (X, W), {"padding": ((1, 2), (1, "x"))}, Kind, r"padding: got 'x'"),
    (
        up,
        (X, W),
        {"padding": (6, 5)},
        Parameter,
        r"padding: got \(6, 6\) for spatial axis 0, where 10 outputs .*>= 0",
    ),
    (
        up,
        (X, W),
        {"padding": ((0, 0), (5, 6))},
        Parameter,
        r"padding: got \(5, 6\) for spatial axis 1, where 10",
    ),
    (
        down,
        (X, V),
        {"padding": -4},
        Parameter,
        r"padding: got \(-4, -4\) for spatial axis 0, where 8 inputs .*>= 0",
    ),
    (
        up,
        (X, W),
        {"output_padding": -1},
        Parameter,
        r"output_padding: got -1 for spatial axis 0; must be .*>= 0",
    ),
    (up, (X, W), {"output_padding": 0.5}, Kind, r"output_padding: got 0\.5; must be an integer"),
    (
        up,
        (X, W),
        {"output_size": (10, -1)},
        Parameter,
        r"output_size: got -1 for spatial axis 1; must be .*>= 0",
    ),
    (
        up,
        (X, W),
        {"output_size": (2, 6, 10, 10)},
        Parameter,
        r"output_size: got \(2, 6, 10, 10\) with 4 values",
    ),
    (
        up,
        (X, W),
        {"output_size": 9, "output_padding": 1},
        Parameter,
        r"output_padding: got 1 beside output_size.*be 0",
    ),
    # layouts
    (
        up,
        (X, W),
        {"layout": "NCHW"},
        errors.LayoutError,
        r"layout: got 'NCHW'; must hold '\.\.\.' for the spatial axes",
    ),
    (
        up,
        (X, W),
        {"layout": "NN..."},
        errors.LayoutError,
        r"layout: got 'NN\.\.\.'; must hold .*at most once",
    ),
    (up, (X, W), {"layout": "IO..."}, errors.LayoutError, r"layout: got 'IO\.\.\.'; must hold .*N and C"),
    (up, (X, W), {"layout": 3}, Kind, r"layout: got 3; must be a string such as 'NC\.\.\.'"),
    (up, (X, W), {"layout": ["NC..."]}, Kind, r"layout: got \('NC\.\.\.',\); must be a string"),
    (up, (X, W), {"layout": None}, Kind, r"layout: got None; must be a string"),
    (
        up,
        (X, W),
        {"kernel_layout": "I..."},
        errors.LayoutError,
        r"kernel_layout: got 'I\.\.\.'; .*exactly once",
    ),
    (up, (X, W), {"kernel_layout": "OIHW"}, errors.LayoutError, r"kernel_layout: got 'OIHW'; must hold"),
    # method, threads
    (
        up,
        (X, W),
        {"method": "im2col"},
        errors.MethodError,
        r"method: got 'im2col'; must be 'auto' or one of 'polyphase'",
    ),
    (up, (X, W), {"method": 1}, Kind, r"method: got 1; must be 'auto' or the name of an algorithm"),
    (up, (X, W), {"method": ["auto"]}, Kind, r"method: got \['auto'\]; must be"),
    (
        up,
        (X, W),
        {"method": "sliding_window"},
        errors.MethodError,
        r"method: got 'sliding_window', which refuses this",
    ),
    (
        down,
        (X, V),
        {"method": "scatter"},
        errors.MethodError,
        r"method: got 'scatter', which refuses .*'polyphase'",
    ),
    (up, (X, W), {"threads": 0}, Parameter, r"threads: got 0; must be an integer >= 1"),
    (up, (X, W), {"threads": 1.5}, Kind, r"threads: got 1\.5; must be an integer"),
    # out
    (up, (X, W), {"out": []}, Kind, r"out: got list; must be a NumPy array"),
    (up, (X, W), {"out": np.ma.array(OUT)}, Kind, r"out: got MaskedArray; must be a NumPy array"),
    (
        up,
        (X, W),
        {"out": OUT[:1]},
        Shape,
        r"out: got shape \(1, 6, 10, 10\); must be \(2, 6, 10, 10\), with 2 along axis 0",
    ),
    (
        up,
        (X, W),
        {"out": OUT[0]},
        Shape,
        r"out: got shape \(6, 10, 10\); must be \(2, 6, 10, 10\), with 4 axes",
    ),
    (up, (X, W), {"out": OUT.astype("f4")}, errors.DtypeError, r"out: got dtype float32; must be float64"),
    (
        up,
        (X, W),
        {"out": OUT.astype(">f8")},
        errors.DtypeError,
        r"out: got dtype >f8; must be float64, in native",
    ),
    (up, (X, W), {"out": read_only()}, errors.OutError, r"out: got a read-only array; must be writeable"),
    (up, (X_ROOM, W), {"out": X_OUT}, errors.OutError, r"out: got memory that x lies in; must not overlap"),
    (up, (X, W_ROOM), {"out": W_OUT}, errors.OutError, r"out: got memory that w lies in"),
    (up, (X, W, B_ROOM), {"out": B_OUT}, errors.OutError, r"out: got memory that bias lies in"),
    (up, (X, W), {"out": REPEATED}, errors.OutError, r"out: got strides .*several elements share memory"),
    (up, (X, W), {"out": FOLDED}, errors.OutError, r"out: got strides .*several elements share memory"),
    # sizes that cannot be
    (
        up,
        (X, W),
        {"output_size": 10**7},
        errors.TooLargeError,
        r"x, w: got shapes whose result .* needs .*B; must fit in",
    ),
    (
        up,
        (X, W),
        {"output_size": 2**61},
        errors.TooLargeError,
        r"x, w: got shapes whose result is .*< 2\*\*62 elements",
    ),
    (
        up,
        (X, W),
        {"output_padding": 2**62},
        errors.TooLargeError,
        r"output_padding: got .* must be < 2\*\*62",
    ),
    (
        up,
        (X, W),
        {"stride": 2**61},
        errors.TooLargeError,
        r"stride, dilation, padding: indices along spatial axis 0",
    ),
    (up, (X, W), {"padding": -(2**63)}, errors.TooLargeError, r"padding: got .* must be within 2\*\*62"),
    # gradients
    (
        by_x,
        (G, W),
        {"stride": 2},
        Shape,
        r"g: axis 2 has size 10; must be 9, the output of conv_transpose for input",
    ),
    (
        by_x,
        (G, W),
        {"input_size": 7},
        Shape,
        r"g: axis 2 has size 10; must be 9, the output of .* input size 7",
    ),
    (by_x, (G, W), {"input_size": (8, 9)}, Shape, r"g: axis 3 has size 10; must be 11"),
    (by_x, (G[:, :5], W), {}, Shape, r"g: axis 1 \(C\) has size 5; must be 6, as axis 1 \(O\) of w says"),
    (by_x, (G, W), {"output_size": 10}, Parameter, r"input_size: got None beside output_size; must be given"),
    (by_x, (None, W), {}, Kind, r"g: got None; must be an array"),
    (
        tconv.conv_input_vjp,
        (G, V),
        {"input_size": (8, 8)},
        Shape,
        r"g: axis 2 has size 10; must be 6, .*conv",
    ),
    (by_w, (X, G), {"kernel_size": (4, 3)}, Shape, r"g: axis 2 has size 10; must be 11"),
    (by_w, (X, G), {"kernel_size": 3}, Shape, r"x: got .* 4 axes; must have 3, .* as kernel_size = 3 says"),
    (
        by_w,
        (X, G[0]),
        {"kernel_size": (3, 3)},
        Shape,
        r"g: got 3 axes beside an x with 4; both must have N or none",
    ),
    (
        by_w,
        (X, G[:1]),
        {"kernel_size": (3, 3)},
        Shape,
        r"g: axis 0 \(N\) has size 1; must be 2, as axis 0 of x",
    ),
    (
        by_w,
        (X, G),
        {"kernel_size": (3, 3), "groups": 4},
        Shape,
        r"g: axis 1 \(C\) has size 6; must be a multiple of",
    ),
    (by_w, (X, G), {"kernel_size": (3, -3)}, Parameter, r"kernel_size: got -3 for spatial axis 1; must be"),
    (by_w, (X, G), {"kernel_size": ()}, Parameter, r"kernel_size: got \(\) with 0 values"),
    # layers, plans and the rest
    (tconv.ConvTranspose, (W,), {"stride": 0}, Parameter, r"stride: got 0 for spatial axis 0"),
    (tconv.ConvTranspose, (W, B[:5]), {}, Shape, r"bias: got shape \(5,\); must be \(6,\)"),
    (tconv.ConvTranspose, (W > 0,), {}, errors.DtypeError, r"w: got dtype bool"),
    (tconv.ConvTranspose, (W,), {"method": "im2col"}, errors.MethodError, r"method: got 'im2col'"),
    (tconv.Conv, (V,), {"groups": 4}, Shape, r"w: axis 0 \(O\) has size 6; must be a multiple of groups = 4"),
    (tconv.Conv(V), (X[:, :3],), {}, Shape, r"x: axis 1 \(C\) has size 3; must be 4"),
    (tconv.Conv(V), (X, OUT), {}, Shape, r"out: got shape"),
    (
        tconv.plan,
        ((2, 4, 8), (4, 6, 3)),
        {"dtype": "float3"},
        errors.DtypeError,
        r"dtype: got 'float3'; must be a NumPy",
    ),
    (tconv.plan, ((2, 4, 8), (4, 6, 3)), {"dtype": bool}, errors.DtypeError, r"dtype: got dtype bool"),
    (tconv.plan, ((2, 4, -8), (4, 6, 3)), {}, Shape, r"x_shape: got -8 for axis 2; must be >= 0"),
    (tconv.plan, (8, (4, 6, 3)), {}, Kind, r"x_shape: got 8; must be a sequence of sizes"),
    (
        tconv.plan,
        ((2, 4, 2**60), (4, 6, 3)),
        {},
        errors.TooLargeError,
        r"x_shape: got .*fewer than 2\*\*62 elements",
    ),
    (
        tconv.plan,
        ((2, 4, 8), (4, 6, 3)),
        {"operator": "deconv"},
        Parameter,
        r"operator: got 'deconv'; must be",
    ),
    (
        tconv.plan,
        ((2, 4, 8), (6, 4, 3)),
        {"operator": "conv", "output_size": 3},
        Parameter,
        r"output_padding, output_s",
    ),
    (
        tconv.output_size,
        (-1, 3),
        {},
        Parameter,
        r"input_size: got -1 for spatial axis 0; must be an integer >= 0",
    ),
    (
        tconv.output_size,
        ((3, 3), (3, 3, 3)),
        {},
        Parameter,
        r"input_size: got \(3, 3\) with 2 values; .*here 3",
    ),
    (tconv.output_size, ((), ()), {}, Parameter, r"input_size, kernel_size: got no spatial axis"),
    (tconv.output_size, ({3, 4}, 3), {}, Kind, r"input_size: got \{3, 4\}; must be an integer or one per spatial axis"),
    (tconv.output_size, (3.0, 3), {}, Kind, r"input_size: got 3\.0"),
    (
        tconv.output_size,
        (3, 3),
        {"padding": 3},
        Parameter,
        r"padding: got \(3, 3\) for spatial axis 0, where 5 outputs",
    ),
    (
        tconv.warmup,
        (["float128x"],),
        {},
        errors.DtypeError,
        r"dtypes: got 'float128x'; must be a NumPy dtype",
    ),
    (tconv.warmup, ("float32",), {}, Kind, r"dtypes: got 'float32'; must be a sequence, such as \['float32'\]"),
    (tconv.warmup, (np.float32,), {}, Kind, r"dtypes: got <class 'numpy.float32'>; must be a sequence"),
    (
        tconv.warmup,
        (),
        {"methods": "scatter"},
        Kind,
        r"methods: got 'scatter'; must be a sequence",
    ),
    (tconv.plan, (X.shape, W.shape), {"method": ["auto"]}, Kind, r"method: got \['auto'\]; must be 'auto' or the name"),
    (tconv.warmup, (), {"methods": ["im2col"]}, errors.MethodError, r"method: got 'im2col'"),
]


def label(row):
    function, _, options, kind, _ = row
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name}-{'-'.join(options) or 'operands'}-{kind.__name__}"


@pytest.mark.parametrize("row", WRONG, ids=label)
def test_wrong_calls_are_answered_in_one_line(row):
    function, operands, options, kind, words = row
    with pytest.raises(kind) as caught:
        function(*operands, **options)
    assert type(caught.value) is kind
    message = str(caught.value)
    assert re.match(words, message), message
    assert "\n" not in message
    assert isinstance(caught.value, (ValueError, TypeError))
    assert isinstance(caught.value, errors.TconvError)


def test_the_table_is_long_enough():
    assert len(WRONG) >= 60


@pytest.mark.parametrize(
    "row", [row for row in WRONG if "out" in row[2] and isinstance(row[2]["out"], np.ndarray)], ids=label
)
def test_nothing_is_written_before_out_is_accepted(row):
    function, operands, options, kind, _ = row
    before = options["out"].copy()
    with pytest.raises(kind):
        function(*operands, **options)
    assert np.array_equal(options["out"], before)


@pytest.mark.parametrize("call", [up, lambda x, w, **options: tconv.ConvTranspose(w, **options)(x)])
def test_what_does_not_fit_is_refused_before_anything_is_allocated(call, monkeypatch):
    def allocate(*_):
        raise AssertionError("came too far")

    tconv.plan(X.shape, W.shape, dtype=X.dtype, output_size=10**7, method="polyphase")  # makes tables
    monkeypatch.setattr(ALGORITHMS["polyphase"], "prepare", allocate)
    monkeypatch.setattr(np, "empty", allocate)
    with pytest.raises(errors.TooLargeError, match="must fit in"):
        call(X, W, output_size=10**7, method="polyphase")


@pytest.mark.parametrize("slip", [2.0, True, (2.0, 1), (True, 1)])
def test_a_call_that_went_well_does_not_hide_a_wrong_one(slip):
    """2.0 and True equal 2 and 1, so a careless cache would find the plan of the correct call."""
    good = tuple(int(v) for v in slip) if isinstance(slip, tuple) else int(slip)
    up(X, W, stride=good)
    with pytest.raises(errors.ArgumentTypeError, match="stride"):
        up(X, W, stride=slip)


def test_long_values_are_cut():
    with pytest.raises(errors.ParameterError) as caught:
        up(X, W, stride=[1] * 1000)
    assert len(str(caught.value)) < 200


def test_a_value_that_cannot_be_shown_is_named_by_its_type():
    class Shy:
        def __repr__(self):
            raise RuntimeError

    assert errors.shown(Shy()) == "<Shy>"


def test_every_error_is_documented_and_public():
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.TconvError)
        assert kind.__doc__
