"""The tree tells the architecture, and these facts hold it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "learnflow_kafka"
TESTS = Path(__file__).parent
CORE = sorted((SOURCE / "core").rglob("*.py"))
PACKAGES = sorted(p.relative_to(SOURCE) for p in SOURCE.rglob("__init__.py"))


def imported(module: Path) -> set[str]:
    """Top-level names of the modules that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("module", CORE, ids=lambda p: str(p.relative_to(SOURCE)))
def test_the_core_imports_the_standard_library_itself_and_errors_only(module: Path):
    """A core module imports nothing but the standard library, core and errors."""
    foreign = {
        name
        for name in imported(module)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not name.startswith(("learnflow_kafka.core", "learnflow_kafka.errors"))
    }

    assert foreign == set()


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_every_package_says_what_belongs_in_it(package: Path):
    """A package's docstring says what lives there."""
    tree = ast.parse((SOURCE / package).read_text(encoding="utf-8"))

    assert ast.get_docstring(tree)


def test_importing_the_package_loads_no_library():
    """`import learnflow_kafka` costs no third-party import."""
    code = (
        "import sys, learnflow_kafka\n"
        "third = {m.split('.')[0] for m in sys.modules} & {'click', 'kafka', 'confluent_kafka', "
        "'pydantic', 'rich', 'yaml', 'msgspec'}\n"
        "print(sorted(third))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_every_test_states_a_fact():
    """Every test function has a docstring that says in a sentence what holds."""
    silent = [
        f"{file.relative_to(TESTS)}::{node.name}"
        for file in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert silent == []
