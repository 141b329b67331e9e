"""How tests are run: on two threads even where there is one core, with the same random examples every time.

``HYPOTHESIS_PROFILE=search python -m pytest tests/test_random.py`` looks for new ones.
"""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import HealthCheck, settings

# Read when Numba is imported, which no test has done yet. Several processes run tests at once, each with these threads:
# one that waits must not hold a core that another needs.
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# What someone measured on this machine, and keeps, changes no test.
os.environ["TCONV_CACHE_DIR"] = os.path.join(tempfile.gettempdir(), "tconv-tests-nothing")

# The first call of a compiled kernel takes seconds, so no example has a deadline.
settings.register_profile(
    "fixed", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "search", deadline=None, max_examples=1000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture
def unbound(monkeypatch):
    """Calls take the way through the registry, where an algorithm can be replaced."""
    monkeypatch.setattr("tconv.api.bound_function", lambda *_: None)
