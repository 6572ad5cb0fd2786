"""What a service loads with the SDK: the two libraries of the base install."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import sys, json
before = set(sys.modules)
import {module}
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(json.dumps(sorted(loaded - sys.stdlib_module_names)))
"""
BASE = {"confluent_kafka", "msgspec"}
OF_THEIRS = {"cimpl", "typing_extensions"}
"""What confluent-kafka brings along where it is installed."""


@pytest.mark.parametrize("module", ["learnflow_kafka.sdk", "learnflow_kafka.events"])
def test_the_base_install_is_all_that_is_loaded(module: str) -> None:
    """No YAML, no pydantic, no command line: a service needs none of the extras."""
    program = [sys.executable, "-c", PROGRAM.format(module=module)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))

    assert loaded - OF_THEIRS == BASE | {"learnflow_kafka"}


@pytest.mark.parametrize(
    "parts", ["adapters", "app", "wiring", "cli", "catalogs", "testing"], ids=str
)
def test_the_tool_is_not_loaded(parts: str) -> None:
    """Of this package, the SDK loads its own parts and the core."""
    check = (
        f"import sys, learnflow_kafka.events; assert 'learnflow_kafka.{parts}' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
