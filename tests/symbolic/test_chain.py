"""Chains of layers: what brute force finds, decoders that return to the encoder's sizes, and reasons for none."""

from __future__ import annotations

from itertools import product

import pytest

import symbolic
from symbolic.chain import solve_chain, solve_decoder
from symbolic.sizes import conv_axes, output_size

DOWN = {"kernel": 3, "stride": 2, "padding": 1}
UP = {"kernel": 4, "stride": 2, "dilation": 1, "output_padding": 0}


def brute(layers, size, output):
    """All chains, layer by layer, over all combinations."""
    chains = [((), size)]
    for layer in layers:
        longer = []
        for chain, n in chains:
            for k, s, p in product(layer["kernel"], layer["stride"], layer["padding"]):
                for a in range(s):
                    o = (n - 1) * s + k - 2 * p + a
                    if o >= 1:
                        longer.append(((*chain, (n, o, k, s, p, a, 1)), o))
        chains = longer
    return {chain for chain, o in chains if o == output}


@pytest.mark.parametrize("output", [1, 5, 8, 13, 40])
def test_brute_force_finds_the_same(output):
    layers = [
        {"kernel": {2, 3}, "stride": {1, 2}, "padding": range(2), "dilation": 1},
        {"kernel": {1, 4}, "stride": {2, 3}, "padding": {0, 2}, "dilation": 1},
        {"kernel": {3}, "stride": {1}, "padding": range(3), "dilation": 1},
    ]
    found = solve_chain(layers, input=3, output=output)
    expected = brute(layers, 3, output)
    assert set(found) == expected
    assert len(found) == len(expected)


def test_decoder_returns_to_every_size():
    for size in range(20, 60):
        decoder = solve_decoder([DOWN, {"kernel": 4, "stride": 3, "dilation": 2}, DOWN], input=size)
        assert len(decoder) == 1
        (chain,) = decoder
        assert [layer.output for layer in chain] == list(reversed(decoder.encoder[:-1]))
        n = decoder.encoder[-1]
        for layer in chain:
            n = output_size(n, layer.kernel, **layer.arguments())
            (axis,) = conv_axes(
                (layer.output,), (layer.kernel,), stride=layer.stride, dilation=layer.dilation, padding=layer.padding
            )
            assert axis.size_out == layer.input
            assert 0 <= layer.output_padding < layer.stride
        assert n == size


def test_decoder_runs():
    (chain,) = solve_decoder([DOWN, DOWN], input=10)
    x = [1] * 10
    for _ in range(2):
        x = symbolic.conv(x, [1] * 3, stride=2, padding=1)
    for layer in chain:
        x = symbolic.conv_transpose(x, [1] * 3, **layer.arguments())
    assert len(x) == 10


def test_only_the_last_level():
    encoder = [{"kernel": 2, "stride": 2}] * 2
    up = {"kernel": {2, 3}, "stride": 2, "padding": {0, 1}, "output_padding": {0, 1}, "dilation": 1}
    each = solve_decoder(encoder, input=12, decoder=[up, up])
    last = solve_decoder(encoder, input=12, decoder=[up, up], every_level=False)
    assert set(each) < set(last)
    assert all(chain[-1].output == 12 for chain in last)
    assert {chain[0].output for chain in each} == {6}
    assert {chain[0].output for chain in last} > {6}


def test_axes():
    decoder = solve_decoder([{**DOWN, "stride": (2, 1)}, DOWN], input=(9, 12))
    assert len(decoder) == 1
    first, second = decoder[0]
    assert [layer.output for layer in first] == [5, 9]
    assert [layer.output for layer in second] == [12, 12]
    assert decoder.axes[1].encoder == (12, 12, 6)
    pair = solve_decoder([{"kernel": 3, "stride": 2, "padding": [(1, 0)]}], input=8)
    assert pair[0][0].padding == (1, 0)


def test_none_is_explained():
    none = solve_decoder([DOWN], input=9, decoder=[{**UP, "padding": None}])
    assert not none
    assert str(none.layers[0].reasons[0]) == "output is even for any padding, 9 is odd"
    assert "No chain. Layer 0 cannot follow: no solution:" in str(none)
    later = solve_chain([{**UP, "padding": 1}] * 3, input=4, output=31)
    assert len(later.layers) == 3
    assert "Layer 2 cannot follow" in repr(later)
    assert "output is 32, not 31" in repr(later)


def test_it_can_be_read():
    for shown in (
        solve_decoder([DOWN] * 3, input=50),
        solve_decoder([DOWN] * 2, input=(50, 30)),
        solve_chain([{**UP, "output_padding": None}] * 3, input=7, output=56),
        solve_chain([UP], input=4, output=9),
        solve_decoder([{"kernel": 3}] * 30, input=200),
        solve_chain([UP | {"kernel": range(9), "stride": {2, 5}, "padding": None}], input=range(4), output=90),
    ):
        text, latex = str(shown), shown._repr_latex_()
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 80
        assert all(len(line) <= 76 for step in shown.steps() for line in step.drawing)
        assert latex.count("{") == latex.count("}")
        assert latex.count(r"\begin") == latex.count(r"\end")
        assert shown[:1] == tuple(list(shown)[:1])


@pytest.mark.parametrize(
    ("call", "error", "start"),
    [
        (lambda: solve_chain([], input=3), ValueError, "layers: got no layer"),
        (lambda: solve_chain(UP, input=3), TypeError, "layers: got {'kernel': 4"),
        (lambda: solve_chain([3], input=3), TypeError, "layers: got 3; must hold dicts"),
        (lambda: solve_chain([{"size": 3}], input=3), ValueError, "layers: got a layer with 'size'; may have output"),
        (lambda: solve_chain([{"output": 4}], input=3, output=4), ValueError, "output: got 4 beside that of the last"),
        (lambda: solve_decoder([{"stride": 2}], input=3), ValueError, "encoder: got a layer {'stride': 2} without"),
        (lambda: solve_decoder([DOWN], input=3, decoder=[UP, UP]), ValueError, "decoder: got 2 layers; must be 1"),
        (lambda: solve_decoder([DOWN] * 2, input=9, decoder=[UP]), ValueError, "decoder: got 1 layer; must be 2"),
        (lambda: solve_decoder([{"kernel": 5}], input=3), ValueError, "padding: got (0, 0) for spatial axis 0"),
        (lambda: solve_decoder([DOWN], input=2.5), TypeError, "input: got 2.5; must be"),
    ],
)
def test_errors(call, error, start):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)
