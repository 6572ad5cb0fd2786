"""Finding what a command was pointed at: topics by name, and where their partitions end."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from learnflow_kafka.core.lag import Extent
from learnflow_kafka.core.plans.facts import partitions_of
from learnflow_kafka.core.ports import Edge, Fault
from learnflow_kafka.core.suggest import did_you_mean
from learnflow_kafka.errors import KafkaError, NotAuthorizedError, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from learnflow_kafka.core.observed import OffsetAt, TopicPartition, TopicState
    from learnflow_kafka.core.ports import KafkaAdmin

T = TypeVar("T")


def find_topics(admin: KafkaAdmin, names: Collection[str]) -> Mapping[str, TopicState]:
    """
    The named topics, in the order of the names.

    Raises RequestError, with the nearest names, where one does not exist (or is hidden from
    this user, which Kafka does not tell apart). No topic is ever created by asking.
    """
    found = admin.topics(names)
    missing = [name for name in names if name not in found]
    if missing:
        raise _unknown(missing, admin.topics())
    return {name: found[name] for name in names}


def _unknown(missing: list[str], existing: Collection[str]) -> RequestError:
    hints = [
        f"{name!r}" + (f" ({hint})" if (hint := did_you_mean(name, existing)) else "")
        for name in missing
    ]
    return RequestError(
        f"there is no topic {', '.join(hints)}, or this user may not see it",
        code="UNKNOWN_TOPIC_OR_PARTITION",
        fix="see `learnflow topics list`; topics are declared in the catalog and made by `apply`",
    )


def partitions_in(states: Iterable[TopicState]) -> list[TopicPartition]:
    """Every partition of the topics."""
    return [where for state in states for where in partitions_of(state)]


def extents(
    admin: KafkaAdmin, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, Extent]:
    """The first and next offsets of each partition; None where a broker did not say."""
    if not partitions:
        return {}
    starts = admin.offsets(partitions, Edge.EARLIEST)
    ends = admin.offsets(partitions, Edge.LATEST)
    return {p: Extent(_offset(starts.get(p)), _offset(ends.get(p))) for p in partitions}


def _offset(answer: OffsetAt | Fault | None) -> int | None:
    return None if answer is None or isinstance(answer, Fault) else answer.offset


def allowed(ask: Callable[[], T]) -> T | None:
    """The answer, or None where this user may not ask or the brokers are too old."""
    try:
        return ask()
    except NotAuthorizedError:
        return None
    except RequestError as error:
        if error.code.endswith("AUTHORIZATION_FAILED"):
            return None
        raise


def fault_error(where: str, fault: Fault) -> KafkaError:
    """An item's fault as an error of its own, where the item is all that was asked for."""
    if fault.code.endswith("AUTHORIZATION_FAILED"):
        return NotAuthorizedError(str(fault), where=where)
    return RequestError(fault.message or fault.code, code=fault.code, where=where)
