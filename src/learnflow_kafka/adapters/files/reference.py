"""The format described for editors (JSON Schema) and for people (Markdown), from its models."""

from __future__ import annotations

import json
from typing import Any, Final

from learnflow_kafka.adapters.files import models
from learnflow_kafka.adapters.files.schema_rules import DRAFT

_SECTIONS: Final = (
    ("A file", "FileModel", ""),
    ("Topics", "TopicModel", "`topics.<name>`; `defaults` takes the same keys but `reply`."),
    ("Replies", "ReplyModel", "`topics.<name>.reply`."),
    ("Events", "EventModel", "`events.<name>`."),
    ("Services", "ServiceModel", "`services.<name>`."),
    ("Subscriptions", "SubscriptionModel", "`services.<name>.consumes.<topic>`; `{}` is enough."),
    ("Retries", "RetriesModel", "`services.<name>.consumes.<topic>.retries`."),
    ("Lag objectives", "LagModel", "`services.<name>.consumes.<topic>.lag`."),
    ("Environments", "EnvironmentModel", "`environments.<name>`."),
    ("Overrides", "OverrideModel", "`environments.<name>.topics.<topic>`."),
    ("Policy", "PolicyModel", "`policy`."),
    ("Tombstones", "TombstoneModel", "`deleted.<topic>`."),
)
_HEAD: Final = """\
# The catalog's format, version 1

<!-- Written by `make docs` from the models in adapters/files/models.py. -->

A catalog is one YAML file, or a folder of them (subfolders included, hidden files left out).
Every file begins with `version: 1` and may hold any of the sections below; a topic, event or
service stands in one file only. `learnflow validate` checks all of it without a cluster.

**Values.** Durations are whole numbers with units: `30s`, `15m`, `12h`, `7d`, `1h30m`. Sizes
are bytes with binary (`512Ki`, `1Mi`, `2Gi`) or decimal (`1M`, `1G`) units. Only `true` and
`false` are truth values, so `no`, `on`, `012`, `1_000` and `1:30` are texts here, and an error
where a number is expected. Anchors, aliases, merge keys (`<<`), tags and second documents are
refused: what topics share goes under `defaults`.

**Editors.** `learnflow init` writes `catalog.schema.json` beside the catalog; the first line
`# yaml-language-server: $schema=catalog.schema.json` gives completion and checks while typing.
"""


def schema() -> dict[str, Any]:
    """The JSON Schema of one file, without pydantic's noise."""
    raw = models.FileModel.model_json_schema()
    found: dict[str, Any] = _clean(raw)
    return {
        "$schema": DRAFT,
        "title": "learnflow-kafka catalog, version 1",
        **{key: value for key, value in found.items() if key != "title"},
    }


def schema_text() -> str:
    """The JSON Schema as it is published."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """The reference page."""
    described = schema()
    known = {**described["$defs"], "FileModel": described}
    parts = [_HEAD]
    for title, name, where in _SECTIONS:
        text = known[name].get("description", "") if name != "FileModel" else ""
        parts.append(f"\n## {title}\n\n{' '.join(filter(None, (where, text)))}".rstrip() + "\n")
        parts.append(_table(known[name]))
    return "".join(parts)


def _clean(value: Any, *, names: bool = False) -> Any:
    """Without titles, null alternatives and null defaults; `names`: keys are fields' names."""
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if not isinstance(value, dict):
        return value
    if names:
        return {key: _clean(item) for key, item in value.items()}
    options = [option for option in value.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        value = {**value, **options[0]}
        del value["anyOf"]
    elif options:
        value = {**value, "anyOf": options}
    return {
        key: _clean(item, names=key in {"properties", "$defs", "patternProperties"})
        for key, item in value.items()
        if key not in {"title", "default"}
    }


def _table(model: dict[str, Any]) -> str:
    needed = model.get("required", ())
    rows = ["\n| key | takes | meaning |\n|---|---|---|\n"]
    for name, field in model["properties"].items():
        must = " (required)" if name in needed else ""
        meaning = field.get("description", "")
        rows.append(f"| `{name}` | {_takes(field)}{must} | {meaning} |\n")
    return "".join(rows)


def _takes(field: dict[str, Any]) -> str:
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{word}`" for word in field["enum"])
    if "anyOf" in field:
        return " or ".join(_takes(option) for option in field["anyOf"])
    if "$ref" in field:
        return f"keys, see {_linked(field['$ref'])}"
    if "pattern" in field:
        return _kind_of_text(field["pattern"])
    return _plain_kind(field)


def _plain_kind(field: dict[str, Any]) -> str:
    kind = field.get("type")
    if kind == "object":
        inner = field.get("additionalProperties", field.get("patternProperties"))
        if isinstance(inner, dict) and "$ref" in inner:
            return f"by name, see {_linked(inner['$ref'])}"
        return "a mapping"
    if kind == "array":
        return f"a list of {_takes(field.get('items', {}))}"
    words = {"integer": "whole number", "number": "number", "boolean": "`true`, `false`"}
    return words.get(str(kind), "text")


def _kind_of_text(pattern: str) -> str:
    words = [f"`{word}`" for word in ("forever", "unlimited") if word in pattern]
    return " or ".join(["duration" if "ms|" in pattern else "size", *words])


def _linked(reference: str) -> str:
    name = reference.rsplit("/", 1)[-1]
    title = next((t for t, model, _ in _SECTIONS if model == name), "Topics")
    return f"[{title}](#{title.lower().replace(' ', '-')})"
