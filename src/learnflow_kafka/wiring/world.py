"""What `learnflow up` works with: the runtime, and all that proves what it started."""

from __future__ import annotations

import contextlib
import threading

from learnflow_kafka.app.up import World
from learnflow_kafka.wiring import catalogs, kafka, local, system, verification


def build() -> World:
    """The world of this machine, as the user set it up."""
    return World(
        runtime=local.runtime(),
        clock=system.clock(),
        catalog=catalogs.load,
        admin=kafka.admin,
        verification=verification.ports,
        meanwhile=_load_clients,
    )


def _load_clients() -> None:
    """Load the clients' libraries beside the start of the brokers: 0.3 s that nobody waits for."""

    def load() -> None:
        # Where one is missing, the command itself says what to install.
        with contextlib.suppress(ImportError):
            from learnflow_kafka.adapters import kafka_admin, kafka_data

            del kafka_admin, kafka_data

    threading.Thread(target=load, name="load clients", daemon=True).start()
