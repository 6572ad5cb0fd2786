"""The public API is typed throughout: for whoever uses it, and in every signature."""

from __future__ import annotations

import ast
import inspect
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from learnflow_kafka import sdk, testing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

USER = Path(__file__).with_name("user.py")
STRICT = ("--strict", "--disallow-any-expr", "--disallow-any-unimported", "--warn-unreachable")


def signatures(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function of a module's public names, and every public method and `__init__`."""
    for name in module.__all__:
        thing = getattr(module, name)
        if not inspect.isclass(thing):
            yield name, inspect.unwrap(getattr(thing, "_get_wrapped_function", lambda t=thing: t)())
            continue
        for attribute in dir(thing):
            if attribute.startswith("_") and attribute != "__init__":
                continue
            found = inspect.getattr_static(thing, attribute)
            function = getattr(found, "fget", None) or getattr(found, "__func__", found)
            if inspect.isfunction(function) and function.__module__.startswith("learnflow_kafka"):
                yield f"{name}.{attribute}", function


def untyped(function: Callable[..., Any]) -> list[str]:
    """What has no annotation: parameters but the first of a method, and the return value."""
    signature = inspect.signature(function)
    missing = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.annotation is parameter.empty and name not in {"self", "cls"}
    ]
    return [*missing, "return"] if signature.return_annotation is signature.empty else missing


@pytest.mark.parametrize("module", [sdk, testing], ids=lambda module: module.__name__)
def test_every_signature_is_annotated(module: ModuleType) -> None:
    """No parameter and no return value of a public function or method is without a type."""
    found = dict(signatures(module))

    assert len(found) > len(module.__all__)
    assert {name: missing for name, f in found.items() if (missing := untyped(f))} == {}


def test_the_package_says_that_it_is_typed() -> None:
    """Without the mark, checkers of those who install it would take all for Any."""
    assert resources.files("learnflow_kafka").joinpath("py.typed").is_file()


@pytest.mark.parametrize("module", [sdk, testing], ids=lambda module: module.__name__)
def test_the_users_module_uses_every_public_name(module: ModuleType) -> None:
    """Else the next test proves too little."""
    names = [
        node.id for node in ast.walk(ast.parse(USER.read_text())) if isinstance(node, ast.Name)
    ]

    assert set(module.__all__) <= set(names)


def test_a_users_module_meets_no_any(tmp_path: Path) -> None:
    """From outside, in the strictest mode, no expression over the public API is an Any."""
    shutil.copy(USER, tmp_path)
    command = [sys.executable, "-m", "mypy", *STRICT, "--config-file=", "--no-color-output"]
    done = subprocess.run(
        [*command, f"--cache-dir={tmp_path}/cache", USER.name],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
