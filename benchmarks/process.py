"""The parent's side: start the workers, ask them, end one that takes too long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

from benchmarks.engines import ENGINES, Failed, Refused

ROOT = Path(__file__).parents[1]

# Seconds for an answer on which no judgement hangs; a start and a compilation on a busy machine fit in.
PATIENT = 300.0

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class Gone(Failed):
    """The worker ended by itself; the message is the last thing that it said."""


class Slow(Refused):
    """The worker did not answer in time and was ended."""


def environment(threads: int) -> dict[str, str]:
    """What a worker sees: this process's variables, and the thread count in every framework's own words."""
    eigen = f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"
    return (
        dict(os.environ)
        | dict.fromkeys(_THREAD_VARIABLES, str(threads))
        | {"XLA_FLAGS": f"{eigen} {os.environ.get('XLA_FLAGS', '')}".strip()}
        | {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1", "PYTHONPATH": str(ROOT)}
    )


class Worker:
    """One engine in its own process.

    Parameters
    ----------
    module
        Name of a file in ``benchmarks.engines``.
    threads
        How many threads, and cores, it may use.
    python
        The interpreter; the running one if None.
    variables
        Of its environment, beyond those of `environment`.
    """

    def __init__(
        self, module: str, threads: int, python: str | None = None, variables: Mapping[str, str] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            [python or sys.executable, "-m", "benchmarks.worker", module, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(threads) | dict(variables or {}),
            cwd=ROOT,
        )
        self._answers: Queue[str] = Queue()
        self._last_words = ""
        listeners = (self._listen, self._listen_to_errors)
        self._listeners = [Thread(target=listen, daemon=True) for listen in listeners]
        for listener in self._listeners:
            listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def _listen_to_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._last_words = line.strip() or self._last_words

    def ask(self, do: str, limit: float, **request: Any) -> dict[str, Any]:
        """The answer to one request.

        Raises
        ------
        Slow
            No answer within ``limit`` seconds; the process has been ended.
        Gone
            The process ended.
        """
        assert self._process.stdin is not None
        try:
            print(json.dumps({"do": do, **request}), file=self._process.stdin, flush=True)
            line = self._answers.get(timeout=limit)
        except Empty:
            self.close()
            raise Slow(f"no answer within {limit:g} s") from None
        except (BrokenPipeError, ValueError):  # the pipe is closed at their end, or at ours
            line = ""
        if not line:
            self.close()
            raise Gone(self._last_words[:200] or f"ended with status {self._process.returncode}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process and everything that reads from it."""
        self._process.kill()
        self._process.wait()
        for listener in self._listeners:
            listener.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(BrokenPipeError):  # something may be left to send
                if stream is not None:
                    stream.close()


class Crew:
    """A worker for each engine, started when first asked and again after it has ended. A context manager."""

    def __init__(self, threads: int, pythons: Mapping[str, str], variables: Mapping[str, str] | None = None) -> None:
        self._threads = threads
        self._pythons = pythons
        self._variables = variables
        self._workers: dict[str, Worker] = {}

    def ask(self, engine: str, do: str, limit: float = PATIENT, **request: Any) -> dict[str, Any]:
        """As `Worker.ask`, by the engine's name.

        Raises
        ------
        Refused
            The engine says why it has no answer; or it was `Slow`; or it is `Gone`.
        """
        if engine not in self._workers:
            module = ENGINES[engine].module
            self._workers[engine] = Worker(module, self._threads, self._pythons.get(module), self._variables)
        try:
            answer = self._workers[engine].ask(do, limit, **request)
        except (Gone, Slow):
            del self._workers[engine]
            raise
        if "refused" in answer:
            raise (Failed if "failed" in answer else Refused)(answer["refused"])
        return answer

    def beside(self, **variables: str) -> Crew:
        """Another crew like this one, whose workers see ``variables`` in their environment."""
        return Crew(self._threads, self._pythons, variables)

    def dismiss(self, engine: str) -> None:
        """End the engine's worker, so that the next question goes to a fresh one."""
        if worker := self._workers.pop(engine, None):
            worker.close()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for engine in list(self._workers):
            self.dismiss(engine)
