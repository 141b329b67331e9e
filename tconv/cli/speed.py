"""Part 3 of the tour: how fast a few real layers run on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from statistics import median
from time import perf_counter

import numba
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

import tconv
from tconv.algorithms.polyphase import multiply_add_peak
from tconv.cli.waiting import status


@dataclass(frozen=True)
class Layer:
    """A layer of a published network; `x` is `(batch, channels_in, *size_in)`."""

    name: str
    x: tuple[int, ...]
    channels_out: int
    kernel: int
    stride: int
    padding: int = 0
    output_padding: int = 0

    @property
    def w(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return (self.x[1], self.channels_out, *(self.kernel,) * (len(self.x) - 2))

    @property
    def operations(self) -> int:
        """A multiplication and an addition for each pair of an input and a tap, as everybody counts."""
        return 2 * prod(self.x) * prod(self.w[1:])

    def __str__(self) -> str:
        """In short, as in ``16x128x16x16 to 64, k4 s2``."""
        return f"{'x'.join(map(str, self.x))} to {self.channels_out}, k{self.kernel} s{self.stride}"


LAYERS = (
    Layer("DCGAN generator", (16, 128, 16, 16), 64, 4, 2, 1),
    Layer("U-Net up 4", (1, 128, 196, 196), 64, 2, 2),
    Layer("FCN-8s up 8", (1, 21, 70, 70), 21, 16, 8),
    Layer("FSRCNN x3", (1, 56, 180, 320), 1, 9, 3, 4, 2),
    Layer("HiFi-GAN 3", (1, 128, 12800), 64, 4, 2, 1),
    Layer("3D-GAN 4", (1, 64, 32, 32, 32), 1, 4, 2, 1),
    Layer("one channel", (1, 1, 1024, 1024), 1, 5, 2, 2, 1),
)


def show(console: Console) -> None:
    """Time the layers and print them beside this machine's peak."""
    threads = numba.get_num_threads()
    with status(console, "measuring the multiply-add peak of this machine"):
        multiply_add_peak("float32", threads)  # compiles
    peak = multiply_add_peak("float32", threads)
    times = [_time(console, layer) for layer in LAYERS]
    peak = max(peak, multiply_add_peak("float32", threads))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("layer", no_wrap=True)
    table.add_column("input to channels, kernel, stride", no_wrap=True)
    for title in ("ms", "GFLOP/s", "of peak"):
        table.add_column(title, justify="right", no_wrap=True)
    rates = [layer.operations / seconds for layer, seconds in zip(LAYERS, times, strict=True)]
    for layer, seconds, rate in zip(LAYERS, times, rates, strict=True):
        table.add_row(layer.name, str(layer), f"{seconds * 1e3:.2f}", f"{rate / 1e9:.0f}", f"{rate / peak:.0%}")
    console.print(table)
    console.print(
        f"float32 on {threads} thread{'s' * (threads > 1)}; peak: {peak / 1e9:.0f} GFLOP/s, as measured with "
        "the engine's own register tile. Layers with few channels wait for memory, not for arithmetic. Where taps "
        "overlap, Winograd's algorithm multiplies less than the definition, which is what is counted: such a layer "
        "can pass the peak.",
        highlight=False,
    )


def _time(console: Console, layer: Layer) -> float:
    """Median time of one call, in seconds, of five calls or more."""
    with status(console, f"timing {layer.name}"):
        run, x = _ready(layer)
    # From here on without the display, whose thread would take time from the layer's.
    times: list[float] = []
    while len(times) < 5 or sum(times) < 0.3:
        start = perf_counter()
        run(x)
        times.append(perf_counter() - start)
    return median(times)


def _ready(layer: Layer) -> tuple[tconv.ConvTranspose, np.ndarray]:
    """The layer with random weights, compiled and run once, and its input."""
    random = np.random.default_rng(0)
    x = random.standard_normal(layer.x, np.float32)
    run = tconv.ConvTranspose(
        random.standard_normal(layer.w, np.float32),
        stride=layer.stride,
        padding=layer.padding,
        output_padding=layer.output_padding,
    )
    run(x)
    return run, x
