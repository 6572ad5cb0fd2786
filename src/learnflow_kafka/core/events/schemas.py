r"""
Event schemas as values: their digests, and which fields differ between two of them.

The digest covers the whole schema, descriptions included: anybody can compute it again with
`jq -cS . schema.json | tr -d '\n' | sha256sum`, and generated classes and pages follow from
the descriptions too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

Schema = Mapping[str, Any]

WHOLE: Final = "(the event itself)"
"""How the part of a schema is called that belongs to no field."""

_SHORT: Final = 16


def canonical(value: object) -> str:
    """
    The one JSON text of a value: sorted keys, no spaces, whole numbers without a fraction.

    >>> canonical({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1}'

    Raises ValueError for values that JSON does not have (NaN, infinity).
    """
    return json.dumps(
        _normal(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _normal(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _normal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def digest(schema: Schema) -> str:
    """`sha256:` and the hex digest of the schema's canonical JSON in UTF-8."""
    return f"sha256:{_sha256(schema)}"


def resolve(reference: str, root: Schema) -> Schema | bool | None:
    """What a reference such as `#/$defs/language` points at in the schema, or None."""
    if reference != "#" and not reference.startswith("#/"):
        return None
    found: object = root
    for step in reference.split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found if isinstance(found, Mapping | bool) else None


def field_digests(schema: Schema) -> dict[str, str]:
    """
    A short digest for each field, nested ones as `context.page`, and one for the rest.

    A field's digest covers its own schema and whether it is required, and not the fields
    inside it. Two schemas with equal field digests are equal.
    """
    fields: dict[str, str] = {}
    _collect(schema, "", required=False, fields=fields)
    return fields


def changed_fields(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """What differs between two schemas' field digests, one phrase a field."""
    phrases = []
    for name in sorted({*before, *after}):
        if name not in after:
            phrases.append(f"field {name!r} was removed")
        elif name not in before:
            phrases.append(f"field {name!r} was added")
        elif before[name] != after[name]:
            phrases.append(
                "the event itself was changed" if name == WHOLE else f"field {name!r} was changed"
            )
    return tuple(phrases)


def _collect(schema: Schema, path: str, *, required: bool, fields: dict[str, str]) -> None:
    own, inner = _split(schema)
    fields[path or WHOLE] = _sha256([own, required])[:_SHORT]
    names = schema.get("required")
    needed = set(names) if isinstance(names, list) else set()
    for name, (prefix, field) in inner.items():
        where = f"{path}.{name}" if path and name != "[]" else f"{path}{name}"
        _collect(field, where, required=prefix in needed, fields=fields)


def _split(schema: Schema) -> tuple[dict[str, Any], dict[str, tuple[str, Schema]]]:
    """The schema without its fields, and the fields (an array's items as `[]`)."""
    own, inner = dict(schema), {}
    properties = own.get("properties")
    if isinstance(properties, Mapping) and all(isinstance(p, Mapping) for p in properties.values()):
        inner = {_shown(name): (name, field) for name, field in properties.items()}
        own["properties"] = None
        names = own.get("required")
        if isinstance(names, list):
            own["required"] = [name for name in names if name not in properties]
    items = own.get("items")
    if isinstance(items, Mapping):
        inner["[]"] = ("[]", items)
        own["items"] = None
    return own, inner


def _shown(name: str) -> str:
    """A field's name as a step of a path; one that would read as several steps is quoted."""
    return json.dumps(name) if "." in name or "[" in name or not name else name


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()
