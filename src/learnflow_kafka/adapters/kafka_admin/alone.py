"""
One broker, asked alone, at the one address that was given.

The other client follows what brokers advertise. A diagnosis must not: an advertised address
that leads nowhere is one of the things that it looks for, and it wants to know what each
broker by itself thinks of the cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from learnflow_kafka.adapters.kafka_admin.client import Client, Limits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from learnflow_kafka.adapters.kafka_admin.client import Role
    from learnflow_kafka.core.connection import Connection

T = TypeVar("T")

ITSELF = -1
"""The number under which the broker that is asked names itself here: Kafka does not tell."""


class AloneClient(Client):
    """Every request goes to the bootstrap address, whatever broker it names."""

    def brokers(self) -> list[int]:
        """One: the broker that is asked."""
        return [ITSELF]

    async def _asked(self, to: int | Role, ask: Callable[[Any], Awaitable[T]]) -> T:
        """Once: there is no other broker to ask."""
        return await ask(await self._ready(to, set()))

    async def _ready(self, to: int | Role, failed: set[int]) -> Any:
        del to, failed
        broker = self._manager.cluster.bootstrap_brokers()[0]
        return await self._manager.get_connection(
            broker.node_id,
            timeout_ms=self.limits.connect * 1000,
            refresh_metadata_on_err=False,
        )


def connect_alone(
    connection: Connection,
    *,
    limits: Limits | None = None,
    hopeless: Callable[[], bool] | None = None,
) -> AloneClient:
    """
    A client of the one broker at the connection's address; `hopeless` ends the wait for it.

    Raises `UnreachableError`, `AuthenticationError` and their siblings.
    """
    client = AloneClient(connection, limits=limits)
    try:
        client.open(hopeless)
    except BaseException:
        client.close()
        raise
    return client
