"""Rules of the structure that `lint-imports` cannot state; test_import.py sees to what loads at run time."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import symbolic
import tconv

PACKAGES = [Path(package.__file__).parent for package in (tconv, symbolic)]
SOURCES = {f"{package.name}/{p.relative_to(package)}": p for package in PACKAGES for p in package.rglob("*.py")}


def imported_by(path):
    """Top-level names of all that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("name", sorted(name for name in SOURCES if name.startswith("symbolic/")))
def test_symbolic_imports_sympy_and_the_standard_library_only(name):
    assert set(imported_by(SOURCES[name])) <= {"symbolic", "sympy", *sys.stdlib_module_names}


def test_modules_bear_the_names_of_things():
    names = {path.stem for path in SOURCES.values()}
    assert not names & {"core", "common", "utils", "util", "helpers", "misc", "base"}


def test_packages_say_that_they_are_typed():
    assert all((package / "py.typed").exists() for package in PACKAGES)
