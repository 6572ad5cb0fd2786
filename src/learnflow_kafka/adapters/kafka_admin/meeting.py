"""The first words with a cluster, through one of its bootstrap addresses."""

from __future__ import annotations

from typing import Any, Final

import kafka.errors as theirs

from learnflow_kafka.adapters.kafka_admin.errors import kind
from learnflow_kafka.errors import AuthenticationError

_SOON: Final = 0.005


async def meet(manager: Any, net: Any, node: str, seconds: float) -> None:
    """
    Learn from one bootstrap address which brokers there are.

    `manager` and `net` are the library's connections and its loop; `seconds` are for the
    connection. Raises the library's errors, and of several the one that says most.
    """
    connection = manager.get_connection(
        node, timeout_ms=seconds * 1000, refresh_metadata_on_err=False
    )
    refusals = _overheard(connection)
    try:
        await connection
        await manager.cluster.refresh_metadata(node)
    except theirs.KafkaConnectionError:
        await net.sleep(_SOON)
        if refusals:
            raise refusals[0] from None
        if connection.sasl_enabled and connection.broker_version_data is not None:
            # It told its version and hung up on what came next.
            raise theirs.SaslAuthenticationFailedError(
                "the broker hung up on our credentials"
            ) from None
        raise
    finally:
        connection.close()


def _overheard(connection: Any) -> list[theirs.KafkaError]:
    """
    What a connection is closed for, as far as it is about who we are.

    A broker that refuses a password says so and hangs up. Where both arrive together the
    library reports a lost connection; the reason comes later, as it closes once more, or
    never.
    """
    refusals: list[theirs.KafkaError] = []
    close = connection.close

    def overhear(error: Exception | None = None) -> None:
        if isinstance(error, theirs.KafkaError) and kind(type(error)) is AuthenticationError:
            refusals.append(error)
        close(error)

    connection.close = overhear
    return refusals
