"""Which release on Kubernetes is meant: flags, a context, or the usual place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from learnflow_kafka.core.connection import Kubernetes
from learnflow_kafka.errors import UsageError

if TYPE_CHECKING:
    from learnflow_kafka.cli.options import Place
    from learnflow_kafka.core.connection import Context


def settled(said: Place, context: Context | None = None) -> Kubernetes:
    """
    The place that is meant.

    What was `said` goes first, then what the context names, then `kafka` in `kafka`. Raises
    UsageError for an empty name: an unset variable of a script must not choose a place.
    """
    for flag, text in (
        ("--namespace", said.namespace),
        ("--release", said.release),
        ("--kube-context", said.kube_context),
        ("--kubeconfig", said.kubeconfig),
    ):
        if text is not None and not text.strip():
            raise UsageError("the name is empty", where=flag)
    known = context.kubernetes if context and context.kubernetes else Kubernetes()
    kubeconfig = said.kubeconfig
    return Kubernetes(
        context=said.kube_context or known.context,
        namespace=said.namespace or known.namespace,
        release=said.release or known.release,
        kubeconfig=str(Path(kubeconfig).expanduser().absolute())
        if kubeconfig
        else known.kubeconfig,
    )


def of_context(name: str | None, said: Place) -> Kubernetes:
    """
    The place of a named context, or of the flags alone where none is named.

    A chosen context (`context use`) counts where it is on Kubernetes and no flag says otherwise.
    Raises UsageError where the named context is not on Kubernetes.
    """
    from learnflow_kafka.wiring import contexts  # noqa: PLC0415 - with the command

    if name is not None:
        found = contexts.named(name)
        if found.kubernetes is None:
            raise UsageError(
                f"context {name!r} names addresses, and no release on Kubernetes",
                where="--context",
                fix="name the place with --namespace and --release, or another context",
            )
        return settled(said, found)
    chosen = None if said.said else contexts.on_kubernetes()
    return settled(said, chosen)
