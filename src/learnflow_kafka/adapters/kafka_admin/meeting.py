"""The first words with a cluster, through one of its bootstrap addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import kafka.errors as theirs

from learnflow_kafka.adapters.kafka_admin.errors import kind
from learnflow_kafka.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Callable

_SOON: Final = 0.005
_LOOK: Final = 0.05


async def meet(
    manager: Any, net: Any, node: str, seconds: float, hopeless: Callable[[], bool] | None = None
) -> None:
    """
    Learn from one bootstrap address which brokers there are.

    `manager` and `net` are the library's connections and its loop; `seconds` are for the
    connection, which is given up before where it is `hopeless`. Raises the library's errors, and
    of several the one that says most.
    """
    connection = manager.get_connection(
        node, timeout_ms=seconds * 1000, refresh_metadata_on_err=False
    )
    refusals = _overheard(connection)
    if hopeless is not None:
        manager.call_soon(_watched, net, connection, hopeless)
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


async def _watched(net: Any, connection: Any, hopeless: Callable[[], bool]) -> None:
    """Close the connection as soon as nothing is to be hoped for, if it is still open then."""
    while not connection.close_future.is_done:
        if hopeless():
            connection.close(theirs.RequestTimedOutError("others did long ago"))
        await net.sleep(_LOOK)


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
