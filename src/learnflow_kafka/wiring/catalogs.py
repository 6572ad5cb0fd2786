"""Catalogs for use cases: the built-in one, or files that the user names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from learnflow_kafka.adapters.files.read import Loaded
    from learnflow_kafka.core.catalog import Catalog

BUILT_IN = "learnflow"


def load(path: str | None) -> Catalog:
    """
    The catalog in a file or a folder; None is the built-in LearnFlow catalog.

    Raises CatalogError with every problem.
    """
    return check(path).catalog


def check(path: str | None) -> Loaded:
    """
    As `load`, with what is doubtful in the catalog and which events are not locked yet.

    Raises CatalogError with every problem.
    """
    from learnflow_kafka import catalogs
    from learnflow_kafka.adapters.files import read

    if path is None:
        return read.load(Path(catalogs.__file__).parent / BUILT_IN, label=BUILT_IN)
    return read.load(Path(path))


def dump(catalog: Catalog) -> str:
    """The catalog as one YAML text that `load` takes back as the same catalog."""
    from learnflow_kafka.adapters.files import write

    return write.dump(catalog)


def event_checker(catalog: Catalog, topic: str) -> Callable[[object], tuple[str, ...]]:
    """
    A function that says what keeps a value from being an event of the topic, problem by problem.

    A topic that the catalog does not know, or that has no event, takes everything.
    """
    from learnflow_kafka.adapters.files import events

    declared = catalog.topics.get(topic)
    if declared is None:
        return lambda _value: ()
    return events.checker(catalog, declared)
