"""What the test kit is made of: Kafka in memory, and a runtime that leaves nothing behind."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.memory import MemoryKafka, Moment, Right
from learnflow_kafka.errors import MissingExtraError
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from pathlib import Path

    from learnflow_kafka.core.local import Runtime

__all__ = ["MemoryKafka", "Moment", "Right", "free_port", "runtime"]

_PORTS: Final = range(12_000, 30_000)
"""Below the ranges from which systems give ports to outgoing connections."""


def runtime(folder: Path) -> Runtime:
    """
    Kafka on this machine with everything but the downloaded jars in a folder.

    Raises MissingExtraError where the packages for it are not installed.
    """
    try:
        from learnflow_kafka.adapters.local.client import LocalRuntime
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return LocalRuntime(data=folder, cache=paths().cache)


def free_port() -> int:
    """A port at which nothing listens, at a random place: test runs do not meet."""
    try:
        from learnflow_kafka.adapters.local.ports import free_run
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return free_run(random.choice(_PORTS), 1)  # noqa: S311 - no secret


def _missing(error: ModuleNotFoundError) -> Exception:
    if (error.name or "").startswith("learnflow_kafka"):
        return error
    return MissingExtraError(
        f"a real broker in tests needs {error.name!r}, which is not installed",
        fix='pip install "learnflow-kafka[local]"',
    )
