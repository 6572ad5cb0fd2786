"""How names of the catalog are spelled in Python: classes, fields, constants."""

from __future__ import annotations

import keyword
import re
from typing import Final

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[A-Z]+")

TAKEN: Final = frozenset(
    # What generated classes use in their own bodies: a field of that name would hide it.
    {"Annotated", "Any", "Literal", "Meta", "Struct", "TypeAlias"}
    | {"bool", "bytes", "dict", "dt", "field", "float", "int", "list", "str", "uuid"}
)


IMPORTED: Final = frozenset(
    # What generated modules import: a class of that name gets `Event` behind it.
    {"Contract", "Envelope", "EventType", "Exchange", "Final", "Guarantee", "Isolation", "Ordering"}
    | {"Partitioner", "Place", "Retries", "RetryMode", "Service", "Start", "Subscription", "Topic"}
    | TAKEN
    | {"None", "True", "False"}
)


def words(name: str) -> list[str]:
    """
    The words of a name, however it joins them.

    >>> words("learning.query"), words("studentId"), words("HTTPCode2")
    (['learning', 'query'], ['student', 'Id'], ['HTTP', 'Code', '2'])
    """
    return _WORD.findall(name)


def class_name(*names: str) -> str:
    """
    A class's name: `LearningQuery`.

    >>> class_name("code.execution.request", "limits")
    'CodeExecutionRequestLimits'
    """
    joined = "".join(word[:1].upper() + word[1:] for name in names for word in words(name))
    return _legal(joined, "N")


def event_class_name(event: str) -> str:
    """
    The class of an event; never a name that the generated module needs itself.

    >>> event_class_name("learning.query"), event_class_name("topic")
    ('LearningQuery', 'TopicEvent')
    """
    name = class_name(event)
    return f"{name}Event" if name in IMPORTED else name


def field_name(name: str) -> str:
    """
    A field's name: `student_id`; a Python keyword, and what generated code needs, gets `_`.

    >>> field_name("studentId"), field_name("from"), field_name("2nd"), field_name("id")
    ('student_id', 'from_', 'n_2_nd', 'id')
    """
    if re.fullmatch(r"[a-z][a-z0-9_]*", name):
        spelled = name
    else:
        spelled = _legal("_".join(words(name)).lower(), "n_")
    if keyword.iskeyword(spelled) or spelled in TAKEN:
        return f"{spelled}_"
    return spelled


def constant_name(name: str) -> str:
    """
    A constant's name: `LEARNING_QUERY`.

    >>> constant_name("learning.query")
    'LEARNING_QUERY'
    """
    return _legal("_".join(words(name)).upper(), "N_")


def _legal(spelled: str, prefix: str) -> str:
    """An identifier: not empty, and not beginning with a digit."""
    return spelled if spelled and not spelled[0].isdigit() else f"{prefix}{spelled}"
