"""
Which cluster is meant, and the file that names clusters.

The order: `--bootstrap`, `--context`, $LEARNFLOW_CONTEXT, the choice of `context use`, and
last the cluster that `learnflow up` runs here. The address of a cluster that runs here means
that cluster, with its catalog and environment.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from learnflow_kafka.core.connection import Connection, Context, SecretRef, parse_bootstrap
from learnflow_kafka.core.contexts import (
    LOCAL,
    ContextBook,
    is_local,
    kubernetes_place,
)
from learnflow_kafka.core.kubernetes import CLIENT_PORT
from learnflow_kafka.core.local import DEFAULT_NAME, LOOPBACK, name_flag
from learnflow_kafka.errors import ContextError, LocalError, MissingExtraError, UsageError
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from learnflow_kafka.core.connection import Kubernetes, Sasl, Tls

VARIABLE: Final = "LEARNFLOW_CONTEXT"
_NAMES: Final = "`learnflow context list` names them"


class Target(Protocol):
    """What the user said about the cluster: a context's name, addresses, or neither."""

    @property
    def context(self) -> str | None:
        """A context's name."""
        ...

    @property
    def bootstrap(self) -> str | None:
        """Addresses, joined by commas."""
        ...


def file() -> Path:
    """Where contexts are kept."""
    return paths().config / "contexts.yaml"


def book() -> ContextBook:
    """The saved contexts; raises ContextError with all problems of a broken file."""
    from learnflow_kafka.adapters.contexts import read

    return read.load(file())


def edit(change: Callable[[ContextBook], ContextBook]) -> None:
    """
    Change the file of contexts in one step; another command's change is never lost.

    Raises ContextError as `change` does, and where the file cannot be written.
    """
    from learnflow_kafka.adapters.contexts import write

    with write.locked(file()):
        write.save(change(book()), file())


def resolved_inside(target: Target) -> Connection:
    """
    How programs beside the cluster reach it: on Kubernetes by the release's service.

    Tunnels are for this machine alone. Raises as `resolve` does.
    """
    context = resolve(target)
    place = context.kubernetes
    if place is None:
        return context.connection
    service = f"{place.release}.{place.namespace}.svc:{CLIENT_PORT}"
    return replace(context.connection, bootstrap=(service,))


def save_place(
    name: str,
    place: Kubernetes,
    bootstrap: Sequence[str],
    *,
    like: Context | None = None,
    use: bool = False,
) -> Context:
    """
    Save a release on Kubernetes as a context; `like` has its other settings, `use` chooses it.

    One of that name is replaced where it is the same place, and keeps what was set in it.
    Raises ContextError where it is another.
    """
    known = book().contexts.get(name)
    if known is not None and known.kubernetes != place:
        raise ContextError(
            f"there is a context {name!r} already, of another place",
            fix=f"choose another name, or `learnflow context remove {name}`",
        )
    connection = Connection(tuple(bootstrap))
    base = like or known or Context(name, connection)
    saved = replace(
        base,
        name=name,
        connection=connection,
        kubernetes=place,
        protected=known.protected if known else base.protected,
    )

    def add(before: ContextBook) -> ContextBook:
        changed = before.with_context(saved)
        return changed.choosing(name) if use else changed

    edit(add)
    return saved


def resolve(target: Target) -> Context:
    """
    The cluster that is meant, with its secrets still references.

    Raises ContextError where there is none, and says how to get one, and UsageError for an
    empty name: an unset variable of a script must not choose a cluster.
    """
    if target.bootstrap is not None:
        return _bare(target.bootstrap)
    if target.context is not None:
        if not target.context.strip():
            raise UsageError("the context's name is empty", where="--context", fix=_NAMES)
        return named(target.context)
    name = chosen()
    return named(name) if name else _implicit()


def chosen() -> str | None:
    """The name of the context that holds where none is named; None: none was chosen."""
    return os.environ.get(VARIABLE) or (book().current if file().exists() else None)


def on_kubernetes() -> Context | None:
    """The chosen context ($LEARNFLOW_CONTEXT, `context use`) where it is on Kubernetes."""
    saved = book()
    name = os.environ.get(VARIABLE) or saved.current or ""
    found = named(name) if kubernetes_place(name) else saved.contexts.get(name)
    return found if found is not None and found.kubernetes is not None else None


def of_place(place: Kubernetes) -> Context | None:
    """The saved context of a release, or None where it is not saved."""
    return next((c for c in book().contexts.values() if c.kubernetes == place), None)


def named(name: str) -> Context:
    """The context of that name; raises ContextError where there is none."""
    if is_local(name):
        found = local(name)
        if found is None:
            up = f"learnflow up{name_flag(_cluster(name))}"
            raise ContextError(f"no Kafka of {name!r} runs on this machine", fix=f"`{up}`")
        return found
    place = kubernetes_place(name)
    if place is not None:
        return Context(name, Connection(()), kubernetes=place)
    return book().get(name)


def local(name: str = LOCAL) -> Context | None:
    """The cluster of this machine that the name means, or None where it does not run."""
    from learnflow_kafka.wiring.local import runtime

    try:
        found = runtime().find_running(_cluster(name))
    except MissingExtraError:
        return None
    return None if found is None else found.context


def locals_running() -> tuple[Context, ...]:
    """Every cluster of this machine that runs."""
    from learnflow_kafka.wiring.local import runtime

    try:
        here = runtime()
        found = [here.find_running(name) for name in here.names()]
    except MissingExtraError:
        return ()
    return tuple(cluster.context for cluster in found if cluster is not None)


def revealed(context: Context) -> Context:
    """
    The context with its secrets read and the way to it open, for an adapter's client.

    Raises ContextError where a secret cannot be read, and ForwardError and its siblings where
    no tunnel can be built to a release on Kubernetes.
    """
    if context.kubernetes is not None:
        from learnflow_kafka.wiring.kubernetes import reached

        context = reached(context)
    connection = context.connection
    where = f"context {context.name}"
    return replace(
        context,
        connection=replace(
            connection,
            tls=_open_tls(connection.tls, where),
            sasl=_open_sasl(connection.sasl, where),
        ),
    )


def _open_tls(tls: Tls | None, where: str) -> Tls | None:
    if tls is None or not isinstance(tls.key_password, SecretRef):
        return tls
    from learnflow_kafka.adapters.contexts import secrets

    opened = secrets.reveal(tls.key_password, where=f"{where}, key_password")
    return replace(tls, key_password=opened)


def _open_sasl(sasl: Sasl | None, where: str) -> Sasl | None:
    if sasl is None or not isinstance(sasl.password, SecretRef):
        return sasl
    from learnflow_kafka.adapters.contexts import secrets

    return replace(sasl, password=secrets.reveal(sasl.password, where=f"{where}, password"))


def _bare(bootstrap: str) -> Context:
    try:
        addresses = parse_bootstrap(bootstrap)
    except ValueError as error:
        raise UsageError(str(error), where="--bootstrap") from error
    connection = Connection(addresses)
    here = _running_at(addresses)
    if here is None:
        return Context(",".join(addresses), connection)
    return replace(here, connection=connection)


def _running_at(addresses: Sequence[str]) -> Context | None:
    """The cluster of this machine that the addresses mean, where all are of one that runs."""
    meant = {re.sub(r"\Alocalhost:", f"{LOOPBACK}:", address) for address in addresses}
    if not all(address.startswith(f"{LOOPBACK}:") for address in meant):
        return None
    # A record that cannot be read is no reason to refuse an address.
    with contextlib.suppress(LocalError):
        return next((c for c in locals_running() if meant <= {*c.connection.bootstrap}), None)
    return None


def _implicit() -> Context:
    found = local()
    if found is None:
        raise ContextError(
            "no cluster is chosen, and no Kafka runs on this machine",
            fix=(
                "`learnflow up` starts one here; for another: "
                "`learnflow context add NAME --bootstrap HOST:PORT --use`"
            ),
        )
    return found


def _cluster(name: str) -> str:
    """The name that `learnflow up` knows the cluster by."""
    return DEFAULT_NAME if name == LOCAL else name.removeprefix(f"{LOCAL}/")
