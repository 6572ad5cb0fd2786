"""
Connections to the cluster that a context names.

Both ports are opened here, with secrets revealed at the last moment and let go together
with the connection. A context that pins its cluster never talks to another one.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from learnflow_kafka.errors import MissingExtraError, WrongClusterError
from learnflow_kafka.wiring.contexts import revealed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.ports import KafkaAdmin, KafkaData
    from learnflow_kafka.core.requests import Sent


@contextmanager
def admin(
    context: Context, *, on_sent: Callable[[Sent], None] | None = None
) -> Iterator[KafkaAdmin]:
    """
    The admin port of the context's cluster; `on_sent` hears of each request.

    Raises `UnreachableError` and its siblings within seconds, and `WrongClusterError` where
    another cluster answers than the one that the context pins.
    """
    try:
        from learnflow_kafka.adapters.kafka_admin import KafkaAdminAdapter, connect
    except ModuleNotFoundError as error:
        raise _missing(error) from error

    port = KafkaAdminAdapter(connect(revealed(context).connection, on_sent=on_sent))
    try:
        if context.cluster_id is not None:
            _check(context, port.cluster().cluster_id)
        yield port
    finally:
        port.close()


@contextmanager
def data(context: Context) -> Iterator[KafkaData]:
    """The data port of the context's cluster; raises as `admin` does."""
    from learnflow_kafka.adapters.kafka_data import Client, KafkaDataAdapter

    client = Client(revealed(context).connection)
    # Asked even where nothing is pinned: a wrong address or password shows itself here.
    answered = client.cluster_id()
    if context.cluster_id is not None:
        _check(context, answered)
    port = KafkaDataAdapter(client)
    try:
        yield port
    finally:
        port.close()


def _check(context: Context, answered: str) -> None:
    if answered != context.cluster_id:
        raise WrongClusterError(
            f"cluster {answered} answers, and the context pins {context.cluster_id}",
            where=f"context {context.name}, {context.connection.address}",
            fix="check the addresses; if the cluster was made anew, "
            f"`learnflow context add {context.name}` again",
        )


def _missing(error: ModuleNotFoundError) -> Exception:
    if (error.name or "").split(".")[0] != "kafka":
        return error
    return MissingExtraError(
        "kafka-python is not installed", fix="pip install 'learnflow-kafka[cli]'"
    )
