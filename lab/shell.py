"""Run other programs; a failure shows what they said."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class LabError(Exception):
    """The lab cannot do what was asked; the message is for people."""


def run(
    *command: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> str:
    """
    The program's output.

    Raises LabError with its last lines where it is missing or fails.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=cwd, env=env, input=stdin, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise LabError(
            f"{words[0]} is not installed; lab/README.md lists what is needed"
        ) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-15:]
        raise LabError(f"{' '.join(words)} failed ({done.returncode}):\n  " + "\n  ".join(said))
    return done.stdout
