"""The runtime of clusters on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.errors import MissingExtraError
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from learnflow_kafka.core.local import Runtime


def runtime() -> Runtime:
    """
    Kafka on this machine.

    Raises MissingExtraError where the packages for it are not installed.
    """
    try:
        from learnflow_kafka.adapters.local.client import LocalRuntime
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("learnflow_kafka"):
            raise
        raise MissingExtraError(
            f"Kafka on this machine needs {error.name!r}, which is not installed",
            fix='pip install "learnflow-kafka[local]"',
        ) from error
    places = paths()
    return LocalRuntime(data=places.data, cache=places.cache)
