"""How contexts look; of a secret only where it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from learnflow_kafka.cli.views.tables import table
from learnflow_kafka.core.connection import SecretRef
from learnflow_kafka.core.contexts import describe_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from learnflow_kafka.core.connection import Context, Secret
    from learnflow_kafka.core.observed import ClusterState


@dataclass(frozen=True, slots=True)
class Choice:
    """What there is to choose from, and which is `used` where nothing else is said."""

    contexts: Sequence[Context]
    used: str | None


def show_list(choice: Choice, console: Console) -> None:
    """One line a context."""
    if not choice.contexts:
        console.print(
            "There are no contexts, and no Kafka runs here: `learnflow up` starts one, "
            "`learnflow context add` names another."
        )
        return
    rows = table("", "context", "bootstrap", "protocol", "environment", "cluster", "protected")
    for context in choice.contexts:
        rows.add_row(
            "*" if context.name == choice.used else "",
            context.name,
            context.connection.address,
            context.connection.protocol.value,
            context.environment or "none",
            context.cluster_id or "not pinned",
            "yes" if context.protected else "no",
        )
    console.print(rows)


def list_json(choice: Choice) -> dict[str, object]:
    """The list for programs."""
    return {
        "kind": "contexts",
        "version": 1,
        "used": choice.used,
        "contexts": [fields(context) for context in choice.contexts],
    }


def show_one(context: Context, console: Console) -> None:
    """Every setting of one context."""
    rows = table("setting", "value")
    for key, value in fields(context).items():
        if value is not None:
            rows.add_row(key, _cell(value))
    console.print(rows)


def one_json(context: Context, *, action: str = "shown") -> dict[str, object]:
    """One context for programs, and what was done with it."""
    return {"kind": "context", "version": 1, "action": action, "context": fields(context)}


def show_test(context: Context, cluster: ClusterState, console: Console) -> None:
    """Which cluster answered."""
    brokers = ", ".join(broker.address for broker in cluster.brokers)
    count = len(cluster.brokers)
    console.print(
        f"{context.name}: cluster {cluster.cluster_id} answers, "
        f"{count} broker{'' if count == 1 else 's'}: {brokers}"
    )
    if context.cluster_id is None:
        console.print("The context pins no cluster: any that answers there is taken.")


def test_json(context: Context, cluster: ClusterState) -> dict[str, object]:
    """The answer for programs."""
    return {
        "kind": "context-test",
        "version": 1,
        "context": context.name,
        "cluster_id": cluster.cluster_id,
        "pinned": context.cluster_id is not None,
        "brokers": [{"id": b.id, "address": b.address} for b in cluster.brokers],
    }


def fields(context: Context) -> dict[str, object]:
    """A context's settings; secrets as where they are kept."""
    connection = context.connection
    tls, sasl = connection.tls, connection.sasl
    return {
        "name": context.name,
        "bootstrap": list(connection.bootstrap),
        "protocol": connection.protocol.value,
        "ca": tls and tls.ca,
        "certificate": tls and tls.certificate,
        "key": tls and tls.key,
        "key_password": None if tls is None else _secret(tls.key_password),
        "verify_hostname": None if tls is None else tls.verify_hostname,
        "mechanism": sasl and sasl.mechanism.value,
        "username": sasl and sasl.username,
        "password": None if sasl is None else _secret(sasl.password),
        "cluster_id": context.cluster_id,
        "environment": context.environment,
        "catalog": context.catalog,
        "brokers": context.brokers,
        "protected": context.protected,
        "kubernetes": _place(context),
    }


def _place(context: Context) -> dict[str, object] | None:
    """Where on Kubernetes it runs; every command builds the tunnel there for itself."""
    place = context.kubernetes
    if place is None:
        return None
    return {
        "context": place.context,
        "namespace": place.namespace,
        "release": place.release,
        "kubeconfig": place.kubeconfig,
    }


def _secret(secret: SecretRef | Secret | None) -> str | None:
    if secret is None:
        return None
    return describe_secret(secret) if isinstance(secret, SecretRef) else "***"


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{key} {text}" for key, text in value.items() if text is not None)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
