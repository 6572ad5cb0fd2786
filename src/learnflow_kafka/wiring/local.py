"""The runtime of clusters on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.errors import MissingExtraError
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from learnflow_kafka.app.up import World
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


def world() -> World:
    """What `learnflow up` works with."""
    from learnflow_kafka.app.up import World
    from learnflow_kafka.wiring import catalogs, kafka, system, verification

    return World(
        runtime=runtime(),
        clock=system.clock(),
        catalog=catalogs.load,
        admin=kafka.admin,
        verification=verification.ports,
        meanwhile=_load_clients,
    )


def _load_clients() -> None:
    """Load the clients' libraries beside the start of the brokers: 0.3 s that nobody waits for."""
    import contextlib
    import threading

    def load() -> None:
        # Where one is missing, the command itself says what to install.
        with contextlib.suppress(ImportError):
            from learnflow_kafka.adapters import kafka_admin, kafka_data

            del kafka_admin, kafka_data

    threading.Thread(target=load, name="load clients", daemon=True).start()
