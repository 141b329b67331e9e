"""What ``import symbolic`` costs beyond ``import sympy``: its own few modules, and nothing else of weight."""

from __future__ import annotations

import subprocess
import sys


def modules(statement):
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_nothing_is_loaded_beyond_sympy():
    more = modules("import symbolic") - modules("import sympy")
    assert {name for name in more if name.partition(".")[0] not in {"symbolic", *sys.stdlib_module_names}} == set()
    assert len([name for name in more if name.startswith("symbolic")]) < 50


def test_public_names():
    import symbolic

    assert all(hasattr(symbolic, name) for name in symbolic.__all__)
    assert all(getattr(symbolic, name).__doc__ for name in symbolic.__all__)
