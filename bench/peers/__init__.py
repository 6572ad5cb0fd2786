"""
Other clients and frameworks beside ours, in an environment of their own.

`requirements.txt` locks it (`make lock-bench` renews it); it is made once, in the cache folder.
Nothing of it is needed to use, test or build this project.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from learnflow_kafka.wiring.paths import paths

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
LOCK: Final = HERE / "requirements.txt"
_MAKING: Final = 300.0
_RUNNING: Final = 300.0


class PeersMissingError(Exception):
    """The environment could not be made; the text says why."""


def environment() -> Path:
    """The Python of the peers' environment, made if it is not there. Raises PeersMissingError."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = paths().cache / "bench" / f"peers-{digest}"
    python = folder / "bin" / "python"
    ready = folder / ".ready"
    if not ready.exists():
        base = str(Path(sys.executable).resolve())
        install = ["install", "--quiet", "--require-hashes", "-r", str(LOCK)]
        for command in (
            [base, "-m", "venv", "--clear", "--without-pip", str(folder)],
            [base, "-m", "pip", "--python", str(python), *install],
        ):
            _run(command, timeout=_MAKING)
        ready.touch()
    return python


def consume(side: str, bootstrap: str, topic: str, count: int) -> float:
    """
    Records a second of one peer (`aiokafka` or `faststream`), in a process of its own.

    Raises PeersMissingError.
    """
    script = [str(environment()), "-m", "bench.peers.consuming"]
    return float(_run([*script, side, bootstrap, topic, str(count)], timeout=_RUNNING))


def _run(command: list[str], *, timeout: float) -> str:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeersMissingError(str(error)) from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise PeersMissingError(last[0])
    return done.stdout
