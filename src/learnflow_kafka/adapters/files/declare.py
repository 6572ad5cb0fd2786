"""From checked models to core values, with the place of each declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from learnflow_kafka.adapters.files.nodes import Mapping, Scalar, find, locate
from learnflow_kafka.core.catalog import (
    Environment,
    LagObjective,
    Place,
    Policy,
    Reply,
    Retries,
    Service,
    Subscription,
    Tombstone,
    Topic,
    TopicOverride,
)
from learnflow_kafka.core.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping as MappingOf

    from learnflow_kafka.adapters.files.errors import Document
    from learnflow_kafka.adapters.files.models import (
        EnvironmentModel,
        FileModel,
        LagModel,
        OverrideModel,
        PolicyModel,
        RetriesModel,
        ServiceModel,
        SubscriptionModel,
        TopicDefaults,
        TopicModel,
    )


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the catalog: where it is from, and what it declares."""

    document: Document
    model: FileModel

    def place(self, *path: object) -> Place:
        """Where the key at the end of the path stands."""
        mark, _ = locate(self.document.root, path, key=True)
        return Place(self.document.source.name, mark.line, mark.column)


def topic(name: str, model: TopicModel, part: Part) -> Topic:
    """A topic with the defaults of its file."""
    said = {**_said(part.model.defaults), **_said(model)}
    base = part.model.defaults.config if part.model.defaults else {}
    values = {ours: said[key] for key, ours in _TOPIC_FIELDS.items() if key in said}
    return Topic(
        name=name,
        partitions=said["partitions"],
        config={**base, **model.config},
        events=tuple(said.get("event", ())),
        reply=_reply(name, model, part),
        accepts_key_movement=bool(said.get("accept")),
        place=part.place("topics", name),
        **values,
    )


def _reply(name: str, model: TopicModel, part: Part) -> Reply | None:
    if model.reply is None:
        return None
    place = part.place("topics", name, "reply")
    return Reply(model.reply.topic, model.reply.correlate, place)


_SIZING_FIELDS = {
    "partitions": "partitions",
    "replication": "replication",
    "min_insync_replicas": "min_insync_replicas",
    "retention": "retention_ms",
    "retention_bytes": "retention_bytes",
    "max_record": "max_record_bytes",
}
_TOPIC_FIELDS = {
    **{key: ours for key, ours in _SIZING_FIELDS.items() if key != "partitions"},
    "owner": "owner",
    "description": "description",
    "cleanup": "cleanup",
    "key": "key",
    "partitioner": "partitioner",
    "ordering": "ordering",
    "envelope": "envelope",
    "data_class": "data_class",
    "prune": "prune",
}


def service(name: str, model: ServiceModel, part: Part) -> Service:
    """A service with its subscriptions."""
    return Service(
        name=name,
        produces=tuple(model.produces),
        consumes=tuple(
            _subscription(name, topic, found, part) for topic, found in model.consumes.items()
        ),
        owner=model.owner,
        description=model.description,
        place=part.place("services", name),
    )


def _subscription(
    service_name: str, topic_name: str, model: SubscriptionModel, part: Part
) -> Subscription:
    said = _said(model, "start", "concurrency", "dead_letter", "isolation", "delivery")
    if model.retries is not None:
        said["retries"] = _retries(model.retries)
    return Subscription(
        topic=topic_name,
        group=model.group or service_name,
        lag=_lag(model.lag),
        place=part.place("services", service_name, "consumes", topic_name),
        **said,
    )


def _retries(model: RetriesModel) -> Retries:
    said = _said(model)
    names = {"backoff": "backoff_ms", "max_backoff": "max_backoff_ms"}
    return Retries(**{names.get(key, key): value for key, value in said.items()})


def _lag(model: LagModel | None) -> LagObjective | None:
    if model is None:
        return None
    return LagObjective(max_records=model.max_records, max_age_ms=model.max_age)


def override(environment: str, name: str, model: OverrideModel, part: Part) -> TopicOverride:
    """What an environment changes of one topic."""
    said = _said(model)
    values = {ours: said[key] for key, ours in _SIZING_FIELDS.items() if key in said}
    place = part.place("environments", environment, "topics", name)
    return TopicOverride(config=dict(model.config), place=place, **values)


def environment(
    name: str, model: EnvironmentModel, overrides: MappingOf[str, TopicOverride], part: Part
) -> Environment:
    """An environment with the overrides of all files."""
    place = part.place("environments", name)
    return Environment(name, model.brokers or 1, dict(overrides), place)


def tombstone(name: str, reason: str, part: Part) -> Tombstone:
    """A topic that is to be deleted."""
    return Tombstone(name, reason, part.place("deleted", name))


def policy(model: PolicyModel, part: Part) -> Policy:
    """The catalog's policy."""
    names = {
        "max_retention_cut": "max_retention_cut_ms",
        "dead_letter_retention": "dead_letter_retention_ms",
    }
    said = {names[key]: value for key, value in _said(model).items()}
    return Policy(place=part.place("policy"), **said)


def _said(
    model: TopicDefaults | SubscriptionModel | RetriesModel | PolicyModel | OverrideModel | None,
    *only: str,
) -> dict[str, Any]:
    """The keys that the file has, with their values; `only` some of them."""
    if model is None:
        return {}
    return {
        key: getattr(model, key)
        for key in model.model_fields_set
        if getattr(model, key) is not None and (not only or key in only)
    }


def said_wrongly(part: Part, *path: str) -> bool:
    """Whether the file has the key, or a misspelling of it, though its model does not."""
    node = find(part.document.root, path[:-1])
    if not isinstance(node, Mapping):
        return not (isinstance(node, Scalar) and node.value is None)
    return any(path[-1] in {key, nearest(key, [path[-1]])} for key in node.entries)
