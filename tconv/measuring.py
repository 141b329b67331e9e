"""A plan with measured times beside the predicted ones."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np

from tconv.algorithms import ALGORITHMS
from tconv.call import Packed, run
from tconv.dtypes import for_kernels
from tconv.planner import Candidate
from tconv.plans import Plan
from tconv.typing import Array

LONGEST = 1.0  # seconds predicted, beyond which an algorithm is not tried
SPENT = 0.1  # seconds on each


def measured(plan: Plan) -> Plan:
    """The plan, and what each algorithm takes with random operands, weights packed: the least of some calls.

    Not of those predicted to take more than a second. Compiled code is loaded, or made, before.
    """
    if plan.choice is None:
        return plan
    random = np.random.default_rng(0)
    x, w = (np.rint(9 * random.standard_normal(view.shape)).astype(plan.dtype) for view in (plan.x, plan.w))
    return replace(plan, candidates=tuple(_measured(plan, candidate, x, w) for candidate in plan.candidates))


def _measured(plan: Plan, candidate: Candidate, x: Array, w: Array) -> Candidate:
    if candidate.cost is None or candidate.cost.seconds > LONGEST:
        return candidate
    weights = plan.w.of(for_kernels(w, plan.kernel_dtype))
    packed = Packed(candidate.name, ALGORITHMS[candidate.name].prepare(plan.problem, weights, plan.threads))
    run(plan, x, w, packed, None, None)
    times: list[float] = []
    while len(times) < 3 or sum(times) < SPENT:
        before = perf_counter()
        run(plan, x, w, packed, None, None)
        times.append(perf_counter() - before)
    return replace(candidate, measured=min(times))
