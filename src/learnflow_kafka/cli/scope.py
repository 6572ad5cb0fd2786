"""The flags that say which part of a catalog is meant, shared by `plan` and `apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from learnflow_kafka.core.plans.plan import Scope
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from learnflow_kafka.core.connection import Context
    from learnflow_kafka.core.plans.desired import Desired
    from learnflow_kafka.core.plans.plan import Plan

F = TypeVar("F", bound="Callable[..., Any]")

_PREFIX = "topic/"


def scope_options(function: F) -> F:
    """`--only`, `--owner`, `--declared-only` and the flags of deletes (argument `scope`)."""
    import functools  # noqa: PLC0415 - imported with the first command that needs it

    @click.option(
        "--only",
        multiple=True,
        metavar="topic/NAME",
        help="Only these topics; * and ? stand for any letters. Repeatable.",
    )
    @click.option("--owner", metavar="NAME", help="Only topics of this owner.")
    @click.option(
        "--declared-only",
        is_flag=True,
        help="Ask about declared topics alone; undeclared ones are not looked for.",
    )
    @click.option(
        "--allow-delete",
        multiple=True,
        metavar="TOPIC",
        help="Delete this topic, which has a tombstone in the catalog. Repeatable.",
    )
    @click.option(
        "--delete-anyway",
        multiple=True,
        metavar="TOPIC",
        help="Delete it although a group is active on it or its data is fresh.",
    )
    @click.option(
        "--allow-internal",
        multiple=True,
        metavar="TOPIC",
        help="Delete it although it is an internal topic.",
    )
    @functools.wraps(function)
    def wrapper(  # noqa: PLR0913 - each flag is an argument
        *args: Any,
        only: tuple[str, ...],
        owner: str | None,
        declared_only: bool,
        allow_delete: tuple[str, ...],
        delete_anyway: tuple[str, ...],
        allow_internal: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        scope = Scope(
            only=tuple(map(pattern, only)),
            owner=owner,
            declared_only=declared_only,
            allow_delete=allow_delete,
            delete_anyway=delete_anyway,
            allow_internal=allow_internal,
        )
        return function(*args, scope=scope, **kwargs)

    return wrapper  # type: ignore[return-value] # same arguments but for the flags


def pattern(text: str) -> str:
    """The name's pattern in `topic/NAME`; raises UsageError for another kind."""
    if not text.startswith(_PREFIX) or text == _PREFIX:
        raise UsageError(
            f"--only {text!r} does not say what it names",
            fix=f"write --only {_PREFIX}{text.rpartition('/')[2] or 'NAME'}",
        )
    return text.removeprefix(_PREFIX)


def wanted(context: Context, catalog: str | None, environment: str | None) -> Desired:
    """What the catalog wants on the cluster of the context; see `catalogs.wanted`."""
    from learnflow_kafka.cli.progress import warn  # noqa: PLC0415 - with the command
    from learnflow_kafka.wiring import catalogs  # noqa: PLC0415

    return catalogs.wanted(context, catalog, environment, tell=warn)[1]


def wanted_by(plan: Plan, catalog: str | None, file: str) -> Desired:
    """
    What a saved plan was made from: its own catalog, or the one that is named.

    Raises UsageError where the catalog is not there, or is another one.
    """
    from pathlib import Path  # noqa: PLC0415 - with the command

    from learnflow_kafka.core.plans.desired import resolve  # noqa: PLC0415
    from learnflow_kafka.wiring import catalogs  # noqa: PLC0415

    path = plan.catalog_path if catalog is None else catalog
    if catalog is None and path is not None and not Path(path).exists():
        raise UsageError(
            f"its catalog {path!r} is not here",
            where=file,
            fix="apply it in the directory where it was made, or name the catalog with --catalog",
        )
    loaded = catalogs.load(path)
    if loaded.name != plan.catalog:
        raise UsageError(
            f"it was made from catalog {plan.catalog!r}, not {loaded.name!r}",
            where=file,
            fix="leave --catalog out, or name the plan's own",
        )
    return resolve(loaded, plan.environment, plan.brokers)
