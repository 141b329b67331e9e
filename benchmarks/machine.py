"""On what the figures were measured."""

from __future__ import annotations

import os
import platform
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

_VECTOR_FEATURES = ("fma", "avx2", "avx512f", "asimd", "sve", "sve2")


def describe() -> dict[str, Any]:
    """Processor, cores this process may use, vector instructions, system. No names of the host."""
    facts = _cpuinfo()
    flags = facts.get("flags", facts.get("Features", "")).split()
    return {
        "cpu": facts.get("model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "vectors": [feature for feature in _VECTOR_FEATURES if feature in flags],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _cpuinfo() -> dict[str, str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def copy_bandwidth(threads: int, size: int = 2**28, repeats: int = 7) -> float:
    """Bytes read and written in a second while ``threads`` threads copy ``size`` bytes in turn."""
    source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)
    edges = np.linspace(0, size, threads + 1).astype(int)
    parts = [slice(begin, end) for begin, end in pairwise(edges)]
    times = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(repeats):
            begin = perf_counter()
            list(pool.map(lambda part: np.copyto(target[part], source[part]), parts))
            times.append(perf_counter() - begin)
    return 2 * size / median(times)
