"""What this machine offers: threads, vectors, versions of what tconv runs on."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Any

import numba
from llvmlite import binding

from tconv import __version__
from tconv.algorithms import rates
from tconv.geometry import count
from tconv.kernels.scatter import place_kernels
from tconv.kernels.vectors import VECTOR_BYTES

_numba: Any = numba  # makes its attributes at run time, where no type checker sees them
_config: Any = _numba.config


def team(threads: object) -> int:
    """How many threads to use: as many as wished for, at most as many as Numba has; all of them for None."""
    if threads is None:
        return int(_numba.get_num_threads())
    return min(count("threads", threads), int(_config.NUMBA_NUM_THREADS))


def configuration() -> dict[str, str]:
    """Facts that a bug report should quote, by name."""
    return {
        "tconv": __version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        **{name: version(name) for name in ("numpy", "numba", "llvmlite")},
        "processor": _config.CPU_NAME or binding.get_host_cpu_name(),
        "vector width": f"{VECTOR_BYTES} bytes, {VECTOR_BYTES // 4} float32",
        "threads": f"{_numba.get_num_threads()} of {_config.NUMBA_NUM_THREADS}",
        "threading layer": _threading_layer(),
        "planner's rates": f"measured, in {rates.file()}" if rates.read() else "those of a machine like this",
        "compiled code": "switched off (NUMBA_DISABLE_JIT)" if _config.DISABLE_JIT else _cache_folder(),
    }


def _threading_layer() -> str:
    try:
        return str(_numba.threading_layer())
    except ValueError:
        return f"not started yet ({_config.THREADING_LAYER})"


def _cache_folder() -> str:
    return f"kept in {place_kernels.stats.cache_path}"
