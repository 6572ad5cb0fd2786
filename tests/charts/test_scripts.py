"""The chart's scripts as scripts: what a linter for shells says."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.chart import FILES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("script", sorted(FILES.glob("*.sh")), ids=lambda p: p.name)
def test_a_script_is_clean(script: Path):
    """ShellCheck has nothing to say; it reads start.sh and test.sh as POSIX sh."""
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    shell = "bash" if script.name == "zookeeper.sh" else "sh"

    done = subprocess.run(
        ["shellcheck", "--shell", shell, str(script)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
