"""
Several files, one catalog.

Each thing is declared once: a topic, event, service or tombstone that two files declare is an
error which names both places, so two owners cannot overlap. Environments are the exception:
one file says the brokers, any file may add overrides for its own topics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from learnflow_kafka.adapters.files import declare, schemas
from learnflow_kafka.core.catalog import Catalog, Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from learnflow_kafka.adapters.files.declare import Part
    from learnflow_kafka.adapters.files.lock import Lock
    from learnflow_kafka.adapters.files.models import TopicModel
    from learnflow_kafka.core.catalog import Environment, Topic, TopicOverride
    from learnflow_kafka.errors import Problem

T = TypeVar("T")
M = TypeVar("M")


@dataclass(slots=True)
class Merged:
    """The catalog, what was wrong or odd on the way, and the texts of the schema files read."""

    catalog: Catalog
    problems: list[Problem] = field(default_factory=list)
    unlocked: list[Problem] = field(default_factory=list)
    doubts: list[Problem] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def merge(parts: Sequence[Part], lock: Lock, *, name: str) -> Merged:
    """One catalog of all parts; `name` where no file says one."""
    problems: list[Problem] = []
    topics = _collect(parts, "topics", lambda p: p.model.topics, _topic(problems), problems)
    services = _collect(parts, "services", lambda p: p.model.services, declare.service, problems)
    tombstones = _collect(
        parts,
        "deleted",
        lambda p: p.model.deleted,
        lambda topic, model, part: declare.tombstone(topic, model.reason, part),
        problems,
    )
    reader = schemas.Reader(problems, lock)
    declared = _collect(parts, "events", lambda p: p.model.events, reader.event, problems)
    catalog = Catalog(
        name=_name(parts, problems) or name,
        topics=topics,
        events=declared,
        services=services,
        environments=_environments(parts, problems),
        tombstones=tombstones,
        policy=_policy(parts, problems),
        files=tuple(part.document.source.name for part in parts),
    )
    return Merged(catalog, problems, reader.unlocked, reader.doubts, reader.texts)


def _collect(
    parts: Sequence[Part],
    section: str,
    entries: Callable[[Part], Mapping[str, M]],
    build: Callable[[str, M, Part], T],
    problems: list[Problem],
) -> dict[str, T]:
    found: dict[str, T] = {}
    owners: dict[str, Part] = {}
    for part in parts:
        for name, model in entries(part).items():
            if name in found:
                problems.append(_twice(owners[name], part, section, name))
            else:
                owners[name] = part
                found[name] = build(name, model, part)
    return found


def _twice(first: Part, second: Part, *path: str) -> Problem:
    """Two files declare the same thing; the problem stands at the second."""
    what = f"{path[-1]!r} is declared here and in {first.place(*path)}"
    names = [_owner(part, path) for part in (second, first)]
    if all(names) and names[0] != names[1]:
        what += f" (owners {names[0]!r} and {names[1]!r})"
    return second.document.problem(path, what, "keep one of the two", key=True)


def _owner(part: Part, path: tuple[str, ...]) -> str | None:
    if path[0] != "topics":
        return None
    own = part.model.topics[path[1]].owner
    return own or (part.model.defaults.owner if part.model.defaults else None)


def _topic(problems: list[Problem]) -> Callable[[str, TopicModel, Part], Topic]:
    def build(name: str, model: TopicModel, part: Part) -> Topic:
        inherited = part.model.defaults.partitions if part.model.defaults else None
        if model.partitions is None and inherited is None:
            path = ("topics", name)
            known = declare.said_wrongly(part, *path, "partitions")
            if not known:
                problems.append(
                    part.document.problem(
                        path, "the key 'partitions' is missing", "write `partitions: 3`", key=True
                    )
                )
            model = model.model_copy(update={"partitions": 1})
        return declare.topic(name, model, part)

    return build


def _name(parts: Sequence[Part], problems: list[Problem]) -> str | None:
    saying = [part for part in parts if part.model.name is not None]
    for part in saying[1:]:
        if part.model.name != saying[0].model.name:
            what = f"the catalog is called {saying[0].model.name!r} in {saying[0].place('name')}"
            problems.append(part.document.problem(("name",), what, "keep one of the two"))
    return saying[0].model.name if saying else None


def _policy(parts: Sequence[Part], problems: list[Problem]) -> Policy:
    saying = [part for part in parts if part.model.policy is not None]
    problems += [_twice(saying[0], part, "policy") for part in saying[1:]]
    if not saying or saying[0].model.policy is None:
        return Policy()
    return declare.policy(saying[0].model.policy, saying[0])


def _environments(parts: Sequence[Part], problems: list[Problem]) -> dict[str, Environment]:
    names = dict.fromkeys(name for part in parts for name in part.model.environments)
    return {name: _environment(name, parts, problems) for name in names}


def _environment(name: str, parts: Sequence[Part], problems: list[Problem]) -> Environment:
    naming = [part for part in parts if name in part.model.environments]
    sizing = [part for part in naming if part.model.environments[name].brokers is not None]
    problems += [_twice(sizing[0], part, "environments", name) for part in sizing[1:]]
    main = sizing[0] if sizing else naming[0]
    if not sizing and not declare.said_wrongly(main, "environments", name, "brokers"):
        problems.append(
            main.document.problem(
                ("environments", name),
                "no file says how many brokers this environment has",
                "write `brokers: 3`",
                key=True,
            )
        )
    overrides: dict[str, TopicOverride] = {}
    owners: dict[str, Part] = {}
    for part in naming:
        for topic, model in part.model.environments[name].topics.items():
            if topic in overrides:
                problems.append(_twice(owners[topic], part, "environments", name, "topics", topic))
            else:
                owners[topic] = part
                overrides[topic] = declare.override(name, topic, model, part)
    return declare.environment(name, main.model.environments[name], overrides, main)
