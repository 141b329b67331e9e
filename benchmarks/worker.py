"""The child process of one engine: reads requests as lines of JSON, answers in the same way.

``python -m benchmarks.worker ENGINE THREADS`` is started by `benchmarks.process.Worker`, perhaps with another
interpreter. Only NumPy and the engine's own framework are imported here.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks import operands as stored
from benchmarks.engines import Failed, Ready, Refused, without_figure
from benchmarks.layers import Layer
from benchmarks.machine import copy_bandwidth

Answer = dict[str, Any]


def confine(threads: int) -> None:
    """Keep the process on as many cores as it has threads, so that no hidden pool can use more."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def repeat(call: Callable[[], Any], seconds: float, least: int, most: int) -> list[float]:
    """Seconds of each call: at least ``least`` calls, then more until ``seconds`` are over."""
    times: list[float] = []
    begin = perf_counter()
    while len(times) < least or (len(times) < most and perf_counter() - begin < seconds):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return times


def memory_in_use() -> tuple[int, int]:
    """Bytes that the process holds now, and the most it held since the last `forget_peak`."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    now, peak = (1024 * int(fields[name].split()[0]) for name in ("VmRSS", "VmHWM"))
    return now, peak


def release_memory() -> None:
    """Give back to the system what is free but still held, where the C library can do that."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def forget_peak() -> None:
    """Let the kernel count the peak from here on.

    Raises
    ------
    Refused
        The system keeps no such count.
    """
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        raise Refused("needs Linux's /proc/self/clear_refs") from None


class Server:
    """One engine and the layer that it holds at the moment. Each public method is a request."""

    def __init__(self, engine: Any, threads: int) -> None:
        self._engine = engine
        self._threads = threads
        self._ready: Ready | None = None

    def hello(self) -> Answer:
        """Who is there."""
        return {"versions": {"numpy": np.__version__} | self._engine.versions()}

    def limits(self, dtype: str) -> Answer:
        """What this machine can do at most: operations in a second, bytes copied in a second."""
        return {
            "operations": self._engine.multiply_add_peak(dtype, self._threads),
            "bytes": copy_bandwidth(self._threads),
        }

    def build(self, layer: Answer, form: str, folder: str) -> Answer:
        """Take a layer: compile, pack, whatever the engine does before its first call."""
        self._ready = None
        operands = stored.load(Path(folder))
        begin = perf_counter()
        self._ready = self._engine.build(Layer.from_json(layer), operands, form, self._threads)
        return {"seconds": perf_counter() - begin}

    def first(self) -> Answer:
        """The first call."""
        assert self._ready is not None
        return {"seconds": repeat(self._ready.call, 0.0, 1, 1)[0]}

    def result(self, path: str, rows: int = 0) -> Answer:
        """Write the result of one more call as a .npy file: all, or the last ``rows`` of its first spatial axis."""
        assert self._ready is not None
        begin = perf_counter()
        y = self._ready.call()
        seconds = perf_counter() - begin
        np.save(path, np.ascontiguousarray(self._ready.look(y)[:, :, -rows:]))
        return {"seconds": seconds}

    def time(self, warmup: float, seconds: float, least: int, most: int) -> Answer:
        """Seconds of calls, after a time of warming up."""
        assert self._ready is not None
        if warmup:
            repeat(self._ready.call, warmup, 1, most)
        return {"seconds": repeat(self._ready.call, seconds, least, most)}

    def memory(self, layer: Answer, small: Answer, form: str, folder: str) -> Answer:
        """Bytes kept after one call (packed weights, buffers), bytes that another takes; results apart.

        A call of a ``small`` layer goes before, so that code and thread pools are loaded.
        """
        row, little = Layer.from_json(layer), Layer.from_json(small)
        operands = stored.load(Path(folder))
        self._engine.build(little, stored.random(little, operands.x.dtype.name), form, self._threads).call()
        release_memory()
        before, _ = memory_in_use()
        ready = self._engine.build(row, operands, form, self._threads)
        size = ready.look(ready.call()).nbytes
        release_memory()
        between, _ = memory_in_use()
        forget_peak()
        ready.call()
        _, peak = memory_in_use()
        kept, extra = between - before, peak - between
        if ready.keeps_result:
            kept -= size
        else:
            extra -= size
        return {"kept": max(kept, 0), "extra": max(extra, 0)}


def main(engine: str, threads: int) -> None:
    """Serve until standard input ends."""
    # Frameworks print; answers go to a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    confine(threads)
    server = Server(import_module(f"benchmarks.engines.{engine}"), threads)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(server, request.pop("do"))(**request)
        except Refused as error:
            answer = without_figure(error)
        except Exception as error:  # an engine may fail on a layer in any way; the table says how
            answer = without_figure(Failed(f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]))
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
