"""How a kernel is compiled and run: on how many threads, and interpreted for exact objects."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Any

import numba
from numba.extending import register_jitable

compiled = numba.njit(parallel=True, nogil=True, cache=True, error_model="numpy")

# Part of the kernel that calls it: a call passes every field of every argument, which small tiles feel.
inlined = register_jitable(forceinline=True)

# Numba's fallback layer aborts the process when two Python threads enter it at once.
_turns = Lock()


def _turn() -> AbstractContextManager[Any]:
    try:
        return _turns if numba.threading_layer() == "workqueue" else nullcontext()
    except ValueError:  # no parallel kernel has run yet, so the layer is not known
        return _turns


def launch(kernel: Callable[..., None], threads: int, exact: bool, *arguments: Any) -> None:
    """Run ``kernel(*arguments)`` on ``threads`` threads; its Python body if ``exact``."""
    if exact:
        getattr(kernel, "py_func", kernel)(*arguments)
        return
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        with _turn():
            kernel(*arguments)
    finally:
        numba.set_num_threads(before)
