"""One real broker with properties of the test's choice, for what `learnflow up` never does."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support import sasl
from tests.support.ports import free_ports

from learnflow_kafka.adapters.local import config, processes
from learnflow_kafka.adapters.local.client import LocalRuntime
from learnflow_kafka.core.local import Mode
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def running(folder: Path, **changes: str) -> Iterator[str]:
    """
    A broker without security; yields the address at which it listens.

    `changes` replace properties, `_` in a name standing for the dot, `{free}` in a value for
    a port at which nothing listens.
    """
    port = free_ports(3)
    named = {k.replace("_", "."): v.format(free=port + 2) for k, v in changes.items()}
    places = paths()
    engine, _ = LocalRuntime(data=places.data, cache=places.cache).engine(Mode.KRAFT)
    (folder / "logs").mkdir()
    (folder / "log4j2.properties").write_text(config.LOG4J2)
    properties = folder / "server.properties"
    properties.write_text(config.as_properties(_properties(folder, port) | named))
    sasl._format(engine, properties)
    process = processes.spawn(sasl._command(engine, folder, properties), folder)
    try:
        sasl._await(port, process, folder)
        yield f"127.0.0.1:{port}"
    finally:
        sasl._end(process)


def _properties(folder: Path, port: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{port + 1}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{port + 1}",
        "log.dirs": str(folder / "data"),
        "offsets.topic.replication.factor": "1",
    }
