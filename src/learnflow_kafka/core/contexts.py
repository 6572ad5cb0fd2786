"""
The book of contexts: named clusters, and the one that is chosen.

`local` and `local/<name>` are never written in it: they are whatever `learnflow up` runs.
Nor are `kubernetes/<namespace>` and `kubernetes/<namespace>/<release>`: they say all themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.connection import Kubernetes
from learnflow_kafka.core.suggest import did_you_mean
from learnflow_kafka.errors import ContextError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.connection import Context, SecretRef

LOCAL: Final = "local"
"""The context of the cluster that `learnflow up` runs."""

KUBERNETES: Final = "kubernetes"
"""The context of release `kafka` in namespace `kafka`, where kubectl points now."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


def is_local(name: str) -> bool:
    """Whether the context is one of this machine's own clusters."""
    return name == LOCAL or name.startswith(f"{LOCAL}/")


def kubernetes_place(name: str) -> Kubernetes | None:
    """
    The release that a context's name says by itself, or None where it is a name as others.

    >>> kubernetes_place("kubernetes/shop")
    Kubernetes(context=None, namespace='shop', release='kafka', kubeconfig=None)
    >>> kubernetes_place("kubernetes/shop/events").release
    'events'
    """
    first, *rest = name.split("/")
    if first != KUBERNETES or len(rest) > 2 or not all(rest):  # noqa: PLR2004 - namespace, release
        return None
    return Kubernetes(**dict(zip(("namespace", "release"), rest, strict=False)))


def speaks_for_itself(name: str) -> bool:
    """Whether the name says all by itself, so that no book has to hold it."""
    return is_local(name) or kubernetes_place(name) is not None


def context_name_fault(name: str) -> str | None:
    """Why a context cannot have this name, or None where it can."""
    if is_local(name):
        return f"{name!r} is always the cluster that `learnflow up` runs; choose another name"
    if name == KUBERNETES:
        return f"{name!r} is always release kafka in namespace kafka; choose another name"
    if not _NAME.match(name):
        return (
            f"{name!r} cannot name a context; write letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    return None


@dataclass(frozen=True, slots=True)
class ContextBook:
    """The contexts by name, and `current`: the one that `context use` chose."""

    contexts: Mapping[str, Context] = field(default_factory=dict)
    current: str | None = None

    def get(self, name: str) -> Context:
        """
        The context of that name.

        Raises ContextError, with the nearest names, where there is none.
        """
        found = self.contexts.get(name)
        if found is None:
            hint = did_you_mean(name, [*self.contexts, LOCAL])
            raise ContextError(
                f"there is no context {name!r}" + (f"; {hint}" if hint else ""),
                fix="see `learnflow context list`, or add one with `learnflow context add`",
            )
        return found

    def with_context(self, context: Context) -> ContextBook:
        """
        The book with one context added or replaced.

        Raises ContextError where its name is not allowed.
        """
        fault = context_name_fault(context.name)
        if fault:
            raise ContextError(fault)
        return replace(self, contexts={**self.contexts, context.name: context})

    def without(self, name: str) -> ContextBook:
        """The book without a context; raises ContextError where there is none."""
        self.get(name)
        rest = {key: context for key, context in self.contexts.items() if key != name}
        return ContextBook(rest, None if self.current == name else self.current)

    def choosing(self, name: str) -> ContextBook:
        """The book with another choice; raises ContextError where there is no such context."""
        if not speaks_for_itself(name):
            self.get(name)
        return replace(self, current=name)


def describe_secret(ref: SecretRef) -> str:
    """
    Where a secret is kept, for people.

    Of a command only the program: its arguments may hold what nobody should see.
    """
    if ref.source == "command":
        program = ref.value.split(maxsplit=1)[0] if ref.value.split() else ""
        return f"command {program} ..."
    return f"{ref.source.value} {ref.value}"
