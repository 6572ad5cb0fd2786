"""
A catalog as YAML text that `read` takes back as the same catalog.

What equals the format's own defaults is left out. Event schemas are written inline: one text
holds everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from learnflow_kafka.adapters.files.models import KEY_MOVEMENT, VERSION
from learnflow_kafka.adapters.files.nodes import FLOAT, INT
from learnflow_kafka.adapters.files.scalars import UNLIMITED
from learnflow_kafka.core.catalog import (
    Catalog,
    Cleanup,
    DataClass,
    Envelope,
    Guarantee,
    Isolation,
    Ordering,
    Partitioner,
    Policy,
    Retries,
    Start,
)
from learnflow_kafka.core.units import FOREVER, format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from learnflow_kafka.core.catalog import (
        Environment,
        Event,
        LagObjective,
        Service,
        Subscription,
        Topic,
        TopicOverride,
    )

_WIDTH: Final = 100
_BASE: Final[type[yaml.SafeDumper]] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_BASE):  # type: ignore[misc,valid-type] # libyaml's class where it is there
    """PyYAML's writer without aliases, quoting what our reader would take for a number."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the reader refuses them
        """Nothing is ever written as a reference to something above."""
        return True


for _tag, _pattern in (("int", INT), ("float", FLOAT)):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list("-+0123456789"))


def dump(catalog: Catalog) -> str:
    """The whole catalog as one YAML text."""
    sections: dict[str, object] = {
        "policy": _policy(catalog.policy),
        "environments": {e.name: _environment(e) for e in catalog.environments.values()},
        "topics": {t.name: _topic(t) for t in catalog.topics.values()},
        "events": {e.name: _event(e) for e in catalog.events.values()},
        "services": {s.name: _service(s) for s in catalog.services.values()},
        "deleted": {t.topic: {"reason": t.reason} for t in catalog.tombstones.values()},
    }
    head = _yaml({"version": VERSION, "name": catalog.name})
    return head + "".join(f"\n{_yaml({k: v})}" for k, v in sections.items() if v)


def _yaml(value: object) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return text


def _present(pairs: Iterator[tuple[str, object]]) -> dict[str, Any]:
    return {key: value for key, value in pairs if value is not None}


def _unless(value: object, default: object) -> str | None:
    """The word for a choice that differs from the format's default."""
    return None if value == default else str(value)


def _topic(topic: Topic) -> dict[str, Any]:
    events: object = list(topic.events) or None
    if len(topic.events) == 1:
        events = topic.events[0]
    reply = topic.reply

    def pairs() -> Iterator[tuple[str, object]]:
        yield "owner", topic.owner
        yield "description", topic.description
        yield from _sizing(topic)
        yield "cleanup", _cleanup(topic.cleanup)
        yield "config", dict(topic.config) or None
        yield "key", topic.key
        yield "partitioner", _unless(topic.partitioner, Partitioner.MURMUR2_RANDOM)
        yield "ordering", _unless(topic.ordering, Ordering.NONE)
        yield "event", events
        yield "envelope", _unless(topic.envelope, Envelope.NONE)
        yield "data_class", _unless(topic.data_class, DataClass.INTERNAL)
        yield "reply", {"topic": reply.topic, "correlate": reply.correlate} if reply else None
        yield "accept", [KEY_MOVEMENT] if topic.accepts_key_movement else None
        yield "prune", topic.prune or None

    return _present(pairs())


def _sizing(value: Topic | TopicOverride) -> Iterator[tuple[str, object]]:
    yield "partitions", value.partitions
    yield "replication", value.replication
    yield "min_insync_replicas", value.min_insync_replicas
    yield "retention", _duration(value.retention_ms)
    yield "retention_bytes", _size(value.retention_bytes)
    yield "max_record", _size(value.max_record_bytes)


def _duration(ms: int | None) -> str | None:
    return None if ms is None else format_duration(ms)


def _size(size: int | None) -> str | int | None:
    if size is None:
        return None
    text = UNLIMITED if size == FOREVER else format_size(size)
    return int(text) if text.isdigit() else text


def _cleanup(cleanup: Cleanup | None) -> str | list[str] | None:
    if cleanup is Cleanup.COMPACT_DELETE:
        return ["compact", "delete"]
    return None if cleanup is None else str(cleanup)


def _event(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = {"description": event.description} if event.description else {}
    found["compatibility"] = str(event.compatibility)
    found["versions"] = {version.number: _plain(version.schema) for version in event.versions}
    return found


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _service(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if service.owner is not None:
        found["owner"] = service.owner
    if service.description is not None:
        found["description"] = service.description
    if service.produces:
        found["produces"] = list(service.produces)
    if service.consumes:
        found["consumes"] = {c.topic: _subscription(c, service.name) for c in service.consumes}
    return found


def _subscription(subscription: Subscription, service: str) -> dict[str, Any]:
    def pairs() -> Iterator[tuple[str, object]]:
        yield "group", _unless(subscription.group, service)
        yield "start", _unless(subscription.start, Start.EARLIEST)
        yield "concurrency", subscription.concurrency if subscription.concurrency != 1 else None
        yield "retries", _retries(subscription.retries)
        yield "dead_letter", None if subscription.dead_letter else False
        yield "isolation", _unless(subscription.isolation, Isolation.READ_COMMITTED)
        yield "delivery", _unless(subscription.delivery, Guarantee.AT_LEAST_ONCE)
        yield "lag", _lag(subscription.lag)

    return _present(pairs())


def _retries(retries: Retries) -> dict[str, Any] | None:
    if retries == Retries():
        return None
    return {
        "attempts": retries.attempts,
        "backoff": format_duration(retries.backoff_ms),
        "factor": retries.factor,
        "max_backoff": format_duration(retries.max_backoff_ms),
        "mode": str(retries.mode),
    }


def _lag(lag: LagObjective | None) -> Mapping[str, object] | None:
    if lag is None:
        return None
    pairs = (("max_records", lag.max_records), ("max_age", _duration(lag.max_age_ms)))
    return _present(iter(pairs))


def _policy(policy: Policy) -> dict[str, Any]:
    cut, kept = policy.max_retention_cut_ms, policy.dead_letter_retention_ms
    found: dict[str, Any] = {} if cut is None else {"max_retention_cut": format_duration(cut)}
    if kept != Policy().dead_letter_retention_ms:
        found["dead_letter_retention"] = format_duration(kept)
    return found


def _environment(environment: Environment) -> dict[str, Any]:
    found: dict[str, Any] = {"brokers": environment.brokers}
    if environment.topics:
        found["topics"] = {
            name: {**_present(_sizing(override)), **_configs(override)}
            for name, override in environment.topics.items()
        }
    return found


def _configs(override: TopicOverride) -> dict[str, Any]:
    return {"config": dict(override.config)} if override.config else {}
