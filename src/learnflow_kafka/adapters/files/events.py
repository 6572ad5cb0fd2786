"""
Whether a value is one of the events that a topic carries.

Formats (`format: date-time`) are annotations, as JSON Schema has them, and are not enforced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import jsonschema

from learnflow_kafka.core.catalog import Envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

    from learnflow_kafka.core.catalog import Catalog, Event, Topic

_ATTRIBUTES: Final = ("id", "source", "type")
_LONG: Final = 160


def checker(catalog: Catalog, topic: Topic) -> Callable[[object], tuple[str, ...]]:
    """
    A function that says what keeps a value from being an event of the topic.

    Each problem begins with its JSON path. Any version of any of the topic's events will do;
    the problems are those against the newest version. A topic with an envelope takes the bare
    event or a CloudEvents object around it; a topic without events takes everything.
    """
    events = [catalog.events[name] for name in topic.events if name in catalog.events]
    validators = {event.name: _validators(event) for event in events if event.versions}

    def check(value: object) -> tuple[str, ...]:
        if not validators:
            return ()
        try:
            return judged(value)
        except RecursionError:
            return ("$: the schema, or the value, is nested without end",)

    def judged(value: object) -> tuple[str, ...]:
        if topic.envelope is not Envelope.NONE and _is_cloud_event(value):
            return tuple(_cloud_event_problems(value, validators))
        return _best(value, "$", list(validators.values()))

    return check


def _validators(event: Event) -> Sequence[Validator]:
    """One validator a version, newest first."""
    return [
        jsonschema.Draft202012Validator(dict(version.schema))
        for version in reversed(event.versions)
    ]


def _is_cloud_event(value: object) -> bool:
    return isinstance(value, Mapping) and "specversion" in value


def _cloud_event_problems(
    value: Any, validators: Mapping[str, Sequence[Validator]]
) -> Iterator[str]:
    if value["specversion"] != "1.0":
        yield f"$.specversion: {_shown(value['specversion'])} is not '1.0'"
    for name in _ATTRIBUTES:
        if not isinstance(value.get(name), str) or not value[name]:
            yield f"$.{name}: CloudEvents need this attribute, a text that is not empty"
    if "data" not in value:
        yield "$.data: the event itself is missing here"
        return
    named = validators.get(str(value.get("type")))
    candidates = [named] if named else list(validators.values())
    yield from _best(value["data"], "$.data", candidates)


def _best(value: Any, root: str, candidates: Sequence[Sequence[Validator]]) -> tuple[str, ...]:
    """No problem where any version of any event takes the value, else the shortest list."""
    newest = []
    for versions in candidates:
        if any(validator.is_valid(value) for validator in versions):
            return ()
        newest.append(tuple(_problems(value, root, versions[0])))
    return min(newest, key=len)


def _problems(value: Any, root: str, validator: Validator) -> Iterator[str]:
    for error in sorted(validator.iter_errors(value), key=lambda e: [*map(str, e.absolute_path)]):
        yield f"{_path(root, error)}: {_words(error)}"


def _path(root: str, error: ValidationError) -> str:
    steps = (f"[{s}]" if isinstance(s, int) else f".{s}" for s in error.absolute_path)
    return root + "".join(steps)


def _words(error: ValidationError) -> str:
    demand: Any = error.validator_value
    if error.validator == "required":
        instance: Any = error.instance
        missing = [name for name in demand if name not in instance]
        named = next((n for n in missing if error.message.startswith(repr(n))), missing[0])
        return f"the field {named!r} is missing"
    if error.validator == "type":
        names = demand if isinstance(demand, str) else " or ".join(demand)
        return f"{_shown(error.instance)} is not of type {names}"
    return _cut(error.message)


def _shown(value: object) -> str:
    try:
        return _cut(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError):
        return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."
