"""Catalogs for use cases: the built-in one, or files that the user names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.catalog import BUILT_IN, own_path
from learnflow_kafka.core.local import choose_catalog, name_in
from learnflow_kafka.core.plans.desired import resolve, told_of_brokers
from learnflow_kafka.errors import CatalogError, UsageError
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from learnflow_kafka.core.catalog import Catalog
    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.errors import Problem

STARTER: Final = "starter"
EDITOR_SCHEMA: Final = "catalog.schema.json"


@dataclass(frozen=True, slots=True)
class Publication:
    """The lock with new versions of events: where it belongs, its text, and what is new."""

    file: Path
    text: str
    added: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """
    A catalog that can be used, and what is left to say about it.

    `warnings` never forbid anything. `unlocked` are event versions that are not published
    yet: fine while writing them; `publication` is what publishing them would write.
    """

    catalog: Catalog
    warnings: tuple[Problem, ...]
    unlocked: tuple[Problem, ...]
    publication: Publication


def load(path: str | None) -> Catalog:
    """
    The catalog in a file or a folder; None, or the word `learnflow`, is the built-in one.

    Raises CatalogError with every problem, and UsageError for an empty path: an unset
    variable of a script must not choose a catalog.
    """
    source, label = _source(path)
    if label is not None:
        from learnflow_kafka.adapters.files import kept

        return kept.load(source, label, paths().cache / "made")
    from learnflow_kafka.adapters.files import read

    return read.load(source).catalog


def of(context: Context, path: str | None) -> Catalog:
    """
    The catalog at the path, else the one that the context remembers.

    Raises as `load`, and says who remembers a catalog that cannot be used.
    """
    if path is not None or context.catalog is None:
        return load(path)
    try:
        return load(context.catalog)
    except CatalogError as error:
        cluster = name_in(context.name)
        if cluster is not None:
            raise error.remembered(f"cluster {cluster}", choose_catalog(cluster)) from None
        raise error.remembered(
            f"context {context.name}", "add --catalog PATH, or change the context"
        ) from None


def wanted(
    context: Context,
    path: str | None,
    environment: str | None,
    *,
    tell: Callable[[str], None] | None = None,
) -> tuple[Catalog, Desired]:
    """
    The catalog, and what it wants on the cluster of the context.

    The context's own catalog, environment and number of brokers hold where nothing else is
    said; another number of brokers than the environment's is told in a notice. A catalog without
    environments is the same everywhere. `tell` hears where it has some and none is chosen: what is
    wanted may then fit no cluster at all.

    Raises CatalogError and UsageError as `load`, and ContextError for an environment that the
    catalog does not have.
    """
    loaded = of(context, path)
    if environment is None and loaded.environments:
        environment = context.environment
    # The context counts the brokers of its own environment, not of another one.
    brokers = context.brokers if environment in {None, context.environment} else None
    desired = resolve(loaded, environment, brokers)
    notice = _unchosen(loaded, desired)
    if tell is not None and notice is not None:
        tell(notice)
    return loaded, told_of_brokers(desired, loaded, context.name)


def declared(context: Context, path: str | None, environment: str | None) -> Catalog | None:
    """
    The catalog, where the user or the context says that one holds there; None: nobody does.

    A bare address is any cluster: the built-in catalog says nothing about it. Raises as `load`.
    """
    if not (path or environment or context.catalog or context.environment):
        return None
    return of(context, path)


def check(path: str | None, *, renew: Collection[tuple[str, int]] = ()) -> Checked:
    """
    As `load`, with what is doubtful in the catalog and which events are not locked yet.

    `renew` names published versions of events that may change all the same.

    Raises CatalogError with every problem.
    """
    from learnflow_kafka.adapters.files import lock, read

    source, label = _source(path)
    loaded = read.load(source, label, renew=renew)
    extended, added = lock.extended(loaded.lock, loaded.catalog)
    publication = Publication(lock.beside(source), lock.text(extended), added)
    return Checked(loaded.catalog, loaded.warnings, loaded.unlocked, publication)


def _unchosen(catalog: Catalog, desired: Desired) -> str | None:
    """What to say where the catalog has environments and none of them was chosen."""
    if desired.environment is not None or not catalog.environments:
        return None
    names = ", ".join(catalog.environments)
    return f"no environment chosen; the catalog has {names}: add --env NAME"


def _source(path: str | None) -> tuple[Path, str | None]:
    """Where the catalog lies, and what its files are called in messages."""
    if path == "":
        raise UsageError("the catalog's path is empty", fix="name a file or a folder")
    own = own_path(path)
    if own is not None:
        return Path(own), None
    from learnflow_kafka import catalogs

    return Path(catalogs.__file__).parent / BUILT_IN, BUILT_IN


def starter() -> dict[str, str]:
    """The files of a new catalog: relative path -> text."""
    from learnflow_kafka import catalogs

    home = Path(catalogs.__file__).parent
    folder = home / STARTER
    files = sorted(f for f in folder.rglob("*") if f.suffix in {".yaml", ".json", ".lock"})
    texts = {str(f.relative_to(folder)): f.read_text(encoding="utf-8") for f in files}
    return {**texts, EDITOR_SCHEMA: (home / EDITOR_SCHEMA).read_text(encoding="utf-8")}


def editor_schema() -> str:
    """The JSON Schema of the catalog's format, for editors, as it is published."""
    from learnflow_kafka.adapters.files import reference

    return reference.schema_text()


def reference_page() -> str:
    """The reference of the catalog's format, as Markdown."""
    from learnflow_kafka.adapters.files import reference

    return reference.page()


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
