"""librdkafka's clients, made in one place: what they refuse is an error that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError as Code
from confluent_kafka import KafkaException

from learnflow_kafka.errors import UsageError
from learnflow_kafka.sdk import faults
from learnflow_kafka.sdk._client_log import ClientLog
from learnflow_kafka.sdk._lost_clients import WayBack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def made(kind: Callable[..., Any], config: Mapping[str, Any], logger: Any = None) -> Any:
    """
    A client with these settings; its lines go to our log, but for their floods.

    Where it forgets every broker it is led back, while somebody polls it.

    Raises UsageError where it does not take them: a name that it does not know, a value out of
    range, a certificate that cannot be read.
    """
    try:
        way_back = WayBack(config)
        client = kind(way_back.added_to(config), logger=ClientLog() if logger is None else logger)
    except KafkaException as error:
        fault = error.args[0]
        if fault.code() == Code._CRIT_SYS_RESOURCE:  # noqa: SLF001 - the client's own code
            raise faults.request_error(fault) from error
        raise _refused(fault.str()) from error
    except (TypeError, ValueError) as error:
        raise _refused(str(error)) from error
    way_back.lead(client)
    return client


def _refused(why: str) -> UsageError:
    return UsageError(
        f"the Kafka client does not take its settings: {why}",
        fix="mend `extra` of the settings, or the connection",
    )
