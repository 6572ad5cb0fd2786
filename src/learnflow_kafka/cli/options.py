"""Flags that several commands share, so that they are spelled and explained once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


@dataclass(frozen=True, slots=True)
class Target:
    """Which cluster the user named: a context, or bare bootstrap addresses, or neither."""

    context: str | None
    bootstrap: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where on Kubernetes, as far as the user said; None: as the context or the default says."""

    namespace: str | None
    release: str | None
    kube_context: str | None
    kubeconfig: str | None

    @property
    def said(self) -> bool:
        """Whether any of it was given."""
        return any(
            part is not None
            for part in (self.namespace, self.release, self.kube_context, self.kubeconfig)
        )


class FileName(click.ParamType[str]):
    """A file that is going to be written; an empty name (an unset variable) is refused."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as given."""
        if not value.strip():
            self.fail("the name is empty", param, ctx)
        return value


class PodName(click.ParamType[tuple[str, str]]):
    """A pod as `NAMESPACE/POD`."""

    name = "pod"

    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        """The two names; UsageError where one is missing."""
        if not isinstance(value, str):
            return value
        namespace, slash, pod = value.partition("/")
        if not (slash and namespace and pod) or "/" in pod:
            self.fail(f"{value!r} is not NAMESPACE/POD", param, ctx)
        return namespace, pod


def client_option(words: str) -> Callable[[F], F]:
    """`--client`: a pod that Kafka is looked at from, explained by `words` (argument `client`)."""
    return click.option("--client", type=PodName(), metavar="NAMESPACE/POD", help=words)


def refuse_client(client: tuple[str, str] | None) -> None:
    """Raises UsageError for a client's pod where there is no Kubernetes."""
    if client is not None:
        raise UsageError("this Kafka is not on Kubernetes, where pods are", where="--client")


def json_option(function: F) -> F:
    """`--json`: one JSON object on standard output (argument `as_json`)."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(
        function
    )


def yes_option(function: F) -> F:
    """`--yes`: do not ask (argument `yes`)."""
    return click.option("--yes", "-y", is_flag=True, help="Do not ask before changing things.")(
        function
    )


def dry_run_option(function: F) -> F:
    """`--dry-run`: show what would be done (argument `dry_run`)."""
    return click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")(
        function
    )


def target_options(function: F) -> F:
    """`--context` and `--bootstrap` (argument `target`)."""
    import functools  # noqa: PLC0415 - imported with the first command that needs it

    @click.option("--context", "-c", metavar="NAME", help="A cluster named by `learnflow context`.")
    @click.option("--bootstrap", "-b", metavar="HOST:PORT", help="Any cluster, without security.")
    @functools.wraps(function)
    def wrapper(*args: Any, context: str | None, bootstrap: str | None, **kwargs: Any) -> Any:
        if context is not None and bootstrap is not None:
            raise click.UsageError("give --context or --bootstrap, not both")
        return function(*args, target=Target(context, bootstrap), **kwargs)

    return wrapper  # type: ignore[return-value] # same arguments but for the two flags


def kubernetes_options(function: F) -> F:
    """`--namespace`, `--release`, `--kube-context` and `--kubeconfig` (argument `place`)."""
    import functools  # noqa: PLC0415 - imported with the first command that needs it

    @click.option("--namespace", metavar="NAME", help="Default: kafka.")
    @click.option("--release", metavar="NAME", help="Helm's name for it. Default: kafka.")
    @click.option(
        "--kube-context", metavar="NAME", help="The kubeconfig's context. Default: its current one."
    )
    @click.option("--kubeconfig", metavar="PATH", help="Default: $KUBECONFIG, else the usual file.")
    @functools.wraps(function)
    def wrapper(
        *args: Any,
        namespace: str | None,
        release: str | None,
        kube_context: str | None,
        kubeconfig: str | None,
        **kwargs: Any,
    ) -> Any:
        place = Place(namespace, release, kube_context, kubeconfig)
        return function(*args, place=place, **kwargs)

    return wrapper  # type: ignore[return-value] # same arguments but for the four flags


def catalog_options(function: F) -> F:
    """`--catalog` and `--env` (arguments `catalog` and `environment`)."""
    catalog = click.option(
        "--catalog",
        metavar="PATH",
        help="A catalog's file or folder, or the word learnflow: the built-in one. Default: the "
        "context's, else the built-in one.",
    )
    environment = click.option(
        "--env",
        "environment",
        metavar="NAME",
        help="An environment of the catalog. Default: the context's.",
    )
    return catalog(environment(function))
