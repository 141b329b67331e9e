"""The definition, read off word by word: the judge of all routes, with which it shares nothing.

Only plain dictionaries and `itertools`; every pair of indices is looked at.
"""

from __future__ import annotations

from itertools import product

from sympy import Integer


def conv_transpose(x, w, bias, *, sizes, strides, dilations, crops, groups):
    """By (n, c, *t), from x by (n, ci, *i) and w by (ci, c in its group, *j); ``sizes`` is y's shape."""
    channels_in = 1 + max((index[0] for index in w), default=-1)
    y = {}
    for n, c, *t in product(*map(range, sizes)):
        y[(n, c, *t)] = bias[c] if bias else Integer(0)
        group, within = divmod(c, max(sizes[1] // groups, 1))
        for (batch, ci, *i), (channel, c_within, *j) in product(x, w):
            meets = all(
                s * a + d * b == at + p for s, a, d, b, at, p in zip(strides, i, dilations, j, t, crops, strict=True)
            )
            same_group = ci // max(channels_in // groups, 1) == group
            if meets and batch == n and ci == channel and c_within == within and same_group:
                y[(n, c, *t)] += x[(batch, ci, *i)] * w[(channel, c_within, *j)]
    return y


def conv(x, w, bias, *, sizes, strides, dilations, crops, groups):
    """By (n, c, *t), from x by (n, ci, *i) and w by (c, ci in its group, *j); ``sizes`` is y's shape."""
    channels_in = 1 + max((index[1] for index in x), default=-1)
    y = {}
    for n, c, *t in product(*map(range, sizes)):
        y[(n, c, *t)] = bias[c] if bias else Integer(0)
        group = c // max(sizes[1] // groups, 1)
        for (batch, ci, *i), (channel, ci_within, *j) in product(x, w):
            meets = all(
                a == s * at + d * b - p for s, a, d, b, at, p in zip(strides, i, dilations, j, t, crops, strict=True)
            )
            in_group = divmod(ci, max(channels_in // groups, 1)) == (group, ci_within)
            if meets and batch == n and channel == c and in_group:
                y[(n, c, *t)] += x[(batch, ci, *i)] * w[(channel, ci_within, *j)]
    return y


def by_index(array):
    """The elements of a SymPy array by index."""
    return {index: array[index] for index in product(*map(range, array.shape))}
