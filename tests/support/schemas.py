"""Catalogs of one event, and the classes that codegen makes of them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any
from uuid import uuid4

from learnflow_kafka.app.codegen import Generated, generate
from learnflow_kafka.core.catalog import (
    Catalog,
    Compatibility,
    Event,
    EventVersion,
    Place,
    Topic,
)
from learnflow_kafka.core.events.schemas import digest


def version(schema: dict[str, Any], number: int = 1, line: int = 7) -> EventVersion:
    """A version of an event, declared on a line of events.yaml."""
    return EventVersion(number, schema, digest(schema), Place("shop/events.yaml", line))


def event(
    *schemas: dict[str, Any],
    name: str = "order.placed",
    rule: Compatibility = Compatibility.BACKWARD,
) -> Event:
    """An event with a version for each schema."""
    numbered = tuple(version(schema, n) for n, schema in enumerate(schemas, start=1))
    return Event(name, numbered, rule, place=Place("shop/events.yaml", 3))


def fields(properties: dict[str, Any], *required: str, **rest: Any) -> dict[str, Any]:
    """The schema of an object with fields."""
    return {"type": "object", "properties": properties, "required": list(required), **rest}


def catalog_of(*events: Event, topics: tuple[Topic, ...] = (), name: str = "shop") -> Catalog:
    """A catalog of events, each in a topic of its name unless topics are given."""
    made = topics or tuple(
        Topic(e.name, 3, events=(e.name,), place=Place("shop/topics.yaml", 4)) for e in events
    )
    return Catalog(
        name,
        topics={t.name: t for t in made},
        events={e.name: e for e in events},
        files=("shop/events.yaml", "shop/topics.yaml"),
    )


def loaded(made: Generated) -> ModuleType:
    """The generated module, imported from its text under a name of its own."""
    module = ModuleType(f"generated_{uuid4().hex}")
    sys.modules[module.__name__] = module  # where msgspec looks names of types up
    exec(compile(made.text, module.__name__, "exec"), module.__dict__)
    return module


def class_of(schema: dict[str, Any], name: str = "OrderPlaced") -> type[Any]:
    """The class that a schema becomes."""
    made: type[Any] = getattr(loaded(generate(catalog_of(event(schema)))), name)
    return made
