"""Layers one after the other: an encoder of ordinary convolutions, and the decoder that leads back the same way.

Each layer of a decoder is a transposed convolution whose input is the output of the one before. Its unknowns are found
as `solve` does, for every size that the layers before it can give. Where no layer can follow on these, there is no
chain, and why the layer cannot is the proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from symbolic.arguments import counted, nonnegative, per_axis, shown
from symbolic.sizes import conv_axes
from symbolic.solver import (
    AxesSolutions,
    Candidates,
    Solution,
    Solutions,
    lines,
    read_axis,
    read_bounds,
    solve_axis,
    split_axes,
    table,
)
from symbolic.steps import Step, Stepwise

_LAYER = ("output", "kernel", "stride", "padding", "output_padding", "dilation")
_CONVOLUTION = ("kernel", "stride", "padding", "dilation")
_MOST_TABLES = 3
_MOST_CHAINS = 100_000


@dataclass(frozen=True, repr=False)
class ChainSolutions(Stepwise, Sequence[tuple[Solution, ...]]):
    """Every chain of layers on one axis, or why there is none: ``print`` it, or let a notebook show it.

    Attributes
    ----------
    layers : tuple of symbolic.solver.Solutions
        For each layer what solves it on any input that the layers before can give; up to the first that nothing does.
    found : tuple of tuple of symbolic.solver.Solution
        For each chain, one solution per layer.
    encoder : tuple of int
        The sizes in the encoder, if there is one.
    """

    layers: tuple[Solutions, ...]
    found: tuple[tuple[Solution, ...], ...]
    encoder: tuple[int, ...] = ()

    @overload
    def __getitem__(self, index: int) -> tuple[Solution, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[Solution, ...], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[Any, ...]:
        return self.found[index]

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        return "\n\n".join(step.text for step in self._result())

    def steps(self) -> tuple[Step, ...]:
        """The sizes in the encoder, if there is one, and the chains, or which layer cannot follow and why."""
        sizes = [lines("Sizes in the encoder:", [" -> ".join(map(str, self.encoder))])] if self.encoder else []
        return (*sizes, *self._result())

    def _result(self) -> tuple[Step, ...]:
        if not self.found:
            step = self.layers[-1].steps()[-1]
            title = f"No chain. Layer {len(self.layers) - 1} cannot follow: {step.title[0].lower()}{step.title[1:]}"
            given = self.layers[-1].steps()[1]
            return (
                Step(f"What layer {len(self.layers) - 1} must fulfil:", given.drawing, given.formula),
                Step(title, step.drawing, step.formula),
            )
        if len(self.found) == 1:
            return (table(self.found[0], "1 chain, layer by layer:"),)
        tables = [
            table(chain, f"Chain {c} of {len(self.found)}, layer by layer:")
            for c, chain in enumerate(self.found[:_MOST_TABLES])
        ]
        more = len(self.found) - len(tables)
        return (*tables, *([lines("And so on:", [f"{more} more"])] if more else []))


def solve_chain(
    layers: Sequence[Mapping[str, Any]],
    *,
    input: Any,
    output: Any = None,
    bounds: Mapping[str, Any] | None = None,
) -> ChainSolutions | AxesSolutions:
    """Every way to complete transposed convolutions one after the other, from one size to another.

    Parameters
    ----------
    layers : list of dict
        For each layer what is given of it: ``kernel``, ``stride``, ``padding``, ``output_padding``, ``dilation`` and
        ``output``, each as in `solve`.
    input : int, range, set, or one of these per spatial axis
        The size before the first layer.
    output : int, range, set, None, or one of these per spatial axis
        The size after the last one.
    bounds : dict, optional
        As in `solve`.

    Returns
    -------
    ChainSolutions or AxesSolutions
        A sequence of chains, each a tuple of `Solution`, one per layer; for several axes, of tuples of chains. It is
        false if there is none, and then tells which layer cannot follow, and why.

    Raises
    ------
    ValueError
        As for `solve`; there is no layer, a layer holds a word that is not known, or there are too many chains.
    TypeError
        As for `solve`; a layer is not a dict.

    Examples
    --------
    >>> from symbolic import solve_chain
    >>> up = {"kernel": 4, "stride": 2, "dilation": 1, "output_padding": 0}
    >>> solve_chain([up, up], input=7, output=28)
    Chain 0 of 2, layer by layer:
    <BLANKLINE>
      input  output  kernel  stride  padding  output_padding  dilation
          7      14       4       2        1               0         1
         14      28       4       2        1               0         1
    <BLANKLINE>
    Chain 1 of 2, layer by layer:
    <BLANKLINE>
      input  output  kernel  stride  padding  output_padding  dilation
          7      16       4       2        0               0         1
         16      28       4       2        3               0         1
    >>> solve_chain([up | {"padding": 1}] * 2, input=7, output=30)
    What layer 1 must fulfil:
    <BLANKLINE>
      input = 14
      output = 30
      kernel = 4
      stride = 2
      padding = 1
      output_padding = 0
      dilation = 1
    <BLANKLINE>
    No chain. Layer 1 cannot follow: no solution:
    <BLANKLINE>
      output is 28, not 30
    """
    layers = [_read_layer("layers", layer, _LAYER) for layer in _listed("layers", layers)]
    if output is not None:
        if layers[-1].get("output") is not None:
            raise ValueError(f"output: got {shown(output)} beside that of the last layer; must be one of the two")
        layers[-1] = {**layers[-1], "output": output}
    return _solved(layers, input, bounds, ())


def solve_decoder(
    encoder: Sequence[Mapping[str, Any]],
    *,
    input: Any,
    decoder: Sequence[Mapping[str, Any]] | None = None,
    every_level: bool = True,
    bounds: Mapping[str, Any] | None = None,
) -> ChainSolutions | AxesSolutions:
    """The decoder of transposed convolutions that returns through the sizes of an encoder of ordinary ones.

    By default it is the mirror of the encoder: its layers in reverse order, each with the same kernel, stride, padding
    and dilation. Output padding is what is left to find.

    Parameters
    ----------
    encoder : list of dict
        The convolutions in order, each with ``kernel`` and, as in `conv`, ``stride``, ``padding`` and ``dilation``.
    input : int or one per spatial axis
        The size before the encoder.
    decoder : list of dict, optional
        As many layers, in the decoder's order, as in `solve_chain`.
    every_level : bool
        Whether each layer must return to the encoder's size at its level, as skip connections take it; else only the
        last must.
    bounds : dict, optional
        As in `solve`.

    Returns
    -------
    ChainSolutions or AxesSolutions
        As for `solve_chain`.

    Raises
    ------
    ValueError, TypeError
        As for `solve_chain`; or `decoder` has not as many layers, or the encoder's padding leaves no size.

    Examples
    --------
    >>> from symbolic import solve_decoder
    >>> down = {"kernel": 3, "stride": 2, "padding": 1}
    >>> print(solve_decoder([down, down, down], input=100))
    Sizes in the encoder:
    <BLANKLINE>
      100 -> 50 -> 25 -> 13
    <BLANKLINE>
    1 chain, layer by layer:
    <BLANKLINE>
      input  output  kernel  stride  padding  output_padding  dilation
         13      25       3       2        1               0         1
         25      50       3       2        1               1         1
         50     100       3       2        1               1         1
    >>> up = {"kernel": 2, "stride": 2, "padding": 0, "output_padding": 0, "dilation": 1}
    >>> print(solve_decoder([down, down], input=30, decoder=[up, up]))
    Sizes in the encoder:
    <BLANKLINE>
      30 -> 15 -> 8
    <BLANKLINE>
    What layer 0 must fulfil:
    <BLANKLINE>
      input = 8
      output = 15
      kernel = 2
      stride = 2
      padding = 0
      output_padding = 0
      dilation = 1
    <BLANKLINE>
    No chain. Layer 0 cannot follow: no solution:
    <BLANKLINE>
      output is 16, not 15
    """
    convolutions = [_read_layer("encoder", layer, _CONVOLUTION) for layer in _listed("encoder", encoder)]
    sizes = [nonnegative("input", input)]
    axes = len(sizes[0])
    for layer in convolutions:
        if layer.get("kernel") is None:
            raise ValueError(f"encoder: got a layer {shown(layer)} without a kernel; must have one")
        kernel = per_axis("kernel", layer["kernel"], axes, lowest=0)
        rest = {name: layer.get(name, 0 if name == "padding" else 1) for name in ("stride", "padding", "dilation")}
        sizes.append(tuple(axis.size_out for axis in conv_axes(sizes[-1], kernel, **rest)))
    if decoder is None:
        layers = [{"stride": 1, "padding": 0, "dilation": 1, **layer} for layer in reversed(convolutions)]
    else:
        layers = [_read_layer("decoder", layer, _LAYER) for layer in _listed("decoder", decoder)]
        if len(layers) != len(convolutions):
            got = counted(len(layers), "layer")
            raise ValueError(f"decoder: got {got}; must be {len(convolutions)}, as the encoder has")
    several = isinstance(input, list | tuple)
    for level, layer in enumerate(layers):
        if every_level or level == len(layers) - 1:
            size = sizes[len(layers) - 1 - level]
            layer["output"] = size if several else size[0]
    return _solved(layers, sizes[-1] if several else sizes[-1][0], bounds, sizes)


def _listed(name: str, layers: Any) -> Sequence[Any]:
    if not isinstance(layers, list | tuple):
        raise TypeError(f"{name}: got {shown(layers)}; must be a list of dicts")
    if not layers:
        raise ValueError(f"{name}: got no layer; must have one or more")
    return layers


def _read_layer(name: str, layer: Any, words: Sequence[str]) -> dict[str, Any]:
    if not isinstance(layer, Mapping):
        raise TypeError(f"{name}: got {shown(layer)}; must hold dicts")
    for word in layer:
        if word not in words:
            raise ValueError(f"{name}: got a layer with {shown(word)}; may have {', '.join(words)}")
    return dict(layer)


def _solved(
    layers: Sequence[Mapping[str, Any]], size: Any, bounds: Any, encoder: Sequence[tuple[int, ...]]
) -> ChainSolutions | AxesSolutions:
    default = read_bounds(bounds)
    given = {f"layer {i} {name}": layer.get(name) for i, layer in enumerate(layers) for name in _LAYER}
    several, axes = split_axes({"input": size, **given})
    chains = []
    for a, values in enumerate(axes):
        own = [{name: values[f"layer {i} {name}"] for name in _LAYER} for i in range(len(layers))]
        chains.append(_solved_axis(own, values["input"], default, tuple(level[a] for level in encoder)))
    return AxesSolutions(tuple(chains)) if several else chains[0]


def _solved_axis(
    layers: Sequence[Mapping[str, Any]], size: Any, default: Mapping[str, Candidates], encoder: tuple[int, ...]
) -> ChainSolutions:
    solved: list[Solutions] = []
    for layer in layers:
        solved.append(solve_axis(read_axis({"input": size, **layer}, default)))
        if not solved[-1]:
            return ChainSolutions(tuple(solved), (), encoder)
        size = {solution.output for solution in solved[-1]}
    # From the end: what leads on to a solution of the next layer, by its input.
    following: dict[int, list[tuple[Solution, ...]]] = {}
    for number, solutions in enumerate(reversed(solved)):
        longer: dict[int, list[tuple[Solution, ...]]] = {}
        for solution in solutions:
            for rest in following.get(solution.output, []) if number else [()]:
                longer.setdefault(solution.input, []).append((solution, *rest))
        following = longer
        if sum(map(len, following.values())) > _MOST_CHAINS:
            raise ValueError(f"bounds: got more than {_MOST_CHAINS} chains; must leave fewer")
    found = tuple(chain for chains in following.values() for chain in chains)
    return ChainSolutions(tuple(solved), found, encoder)
