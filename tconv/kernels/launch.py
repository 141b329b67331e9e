"""How a kernel is compiled and run: on how many threads, and interpreted for exact objects."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import numba
from llvmlite import binding
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.runtime import rtsys
from numba.extending import register_jitable

_HERE = Path(__file__).parent
_SOURCES = tuple(
    (path.name, path.stat().st_size, path.stat().st_mtime_ns)
    for path in (*sorted(_HERE.glob("*.py")), *(_HERE.parent / name for name in ("transforms.py", "memory.py")))
)


class _Cache(FunctionCache):  # type: ignore[misc]  # Numba is untyped
    """Numba's cache on disk, which looks at one file only: a kernel is made of several, and the tile's is generated.

    Nor does Numba's tell a function compiled in parallel from the same one compiled for one thread.
    """

    def __init__(self, function: Callable[..., None], parallel: bool) -> None:
        super().__init__(function)
        self._parallel = parallel

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (*super()._index_key(sig, codegen), _SOURCES, self._parallel)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is on disk. Numba first reads in all that it can compile (0.6 s); to run what is compiled, none is."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def cached(compiler: Callable[..., Any], function: Callable[..., None]) -> Any:
    """``compiler(function)``, kept on disk."""
    kernel = compiler(function)
    if hasattr(kernel, "py_func"):  # else Numba was told not to compile
        kernel._cache = _Cache(function, "parallel" in kernel.targetoptions)
    return kernel


def compiled(function: Callable[..., None]) -> Any:
    """A parallel kernel, compiled when first called and kept on disk."""
    return cached(numba.njit(parallel=True, no_cfunc_wrapper=True, **WHOLE), function)


def serial(function: Callable[..., None]) -> Any:
    """The same on one thread, for callers that have threads of their own."""
    return cached(numba.njit(**WHOLE), function)


class _Kernel(JITCodeLibrary):  # type: ignore[misc]
    """Optimised once, as a whole, and with no loop unrolled: those over vectors are, by hand, where that pays.

    A first call takes three quarters of the time, later ones no longer; at LLVM's third level, a tenth more.
    """

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        options = binding.create_pipeline_tuning_options(speed_level=2)
        options.loop_unrolling, options.loop_vectorization = False, True
        passes = binding.create_pass_builder(self._codegen._tm, options)
        passes.getModulePassManager().run(self._final_module, passes)


@contextmanager
def uncollected() -> Iterator[None]:
    """Garbage waits: most of what compiling makes lives till its end, and looking through it takes a tenth more."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Part(_Kernel):
    """What goes into kernels as it is. Numba would first optimise it and make machine code of it, by itself."""

    codegen = SimpleNamespace(set_env=lambda name, environment: None)  # which functions need that Python calls

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0


class _KernelCompiler(Compiler):  # type: ignore[misc]
    """Numba's, with other passes of LLVM."""

    made: type[JITCodeLibrary] = _Kernel

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        library = self.made(target.codegen(), "kernel")
        library.enable_object_caching()
        super().__init__(typing, target, library, *rest)


class _PartCompiler(_KernelCompiler):
    """Compiles parts of kernels: a first call takes half the time."""

    made = _Part


# Of what is only called by its address: Python's way to call the engine would be a fourteenth of its code.
BY_ADDRESS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
WHOLE = {"nogil": True, "error_model": "numpy", "pipeline_class": _KernelCompiler}
# Of what only kernels call. They keep no arrays, so that references need not be counted.
CALLED = {**BY_ADDRESS, "_nrt": False, "pipeline_class": _PartCompiler}
# The same as part of the kernel that calls it: a call passes every field of every argument, which small tiles feel.
INLINED = {"forceinline": True, **CALLED}

called = register_jitable(**CALLED)
inlined = register_jitable(**INLINED)

# Numba's fallback layer aborts the process when two Python threads enter it at once.
_turns = Lock()

_forked = False  # so that Numba's threads are another process's, and it can't start new ones
_on_one_thread = cache(serial)


def _layer() -> str | None:
    """Numba's threading layer; None if no parallel kernel has run yet."""
    try:
        return str(numba.threading_layer())
    except ValueError:
        return None


def _after_fork() -> None:
    """A child has none of its parent's threads. GNU's OpenMP can't start new ones, and Numba would end the process."""
    global _turns, _forked
    _turns = Lock()  # one of those threads may have held it
    _forked = _layer() == "omp" and sys.platform == "linux"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _turn() -> AbstractContextManager[Any]:
    return _turns if _layer() in ("workqueue", None) else nullcontext()


def launch(kernel: Callable[..., Any], threads: int, exact: bool, *arguments: Any) -> Any:
    """Run ``kernel(*arguments)`` on ``threads`` threads; its Python body if ``exact``."""
    body = getattr(kernel, "py_func", kernel)
    if exact:
        return body(*arguments)
    if _forked:
        return _on_one_thread(body)(*arguments)
    before = numba.get_num_threads()
    if threads != before:  # Numba takes a lock each time it is told
        numba.set_num_threads(threads)
    try:
        with _turn():
            return kernel(*arguments)
    finally:
        if threads != before:
            numba.set_num_threads(before)
