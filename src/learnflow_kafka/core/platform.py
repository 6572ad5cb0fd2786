"""
What use cases ask of Kubernetes and of Helm; `adapters/kubernetes` implements these protocols.

Calls raise `errors.KubernetesError` and its children.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from learnflow_kafka.core.attempts import Spot
    from learnflow_kafka.core.kubernetes import (
        Door,
        NodeRoom,
        Pod,
        PodLine,
        Ran,
        Rendering,
        Revision,
        Right,
        Snapshot,
        StorageClass,
        Wish,
    )


class Platform(Protocol):
    """One release's namespace on a Kubernetes cluster. Calls raise KubernetesError."""

    def version(self) -> str:
        """The version of the API server, such as `v1.34.4`."""
        ...

    def server(self) -> str:
        """The address of the API server."""
        ...

    def missing_rights(self, rights: Collection[Right]) -> tuple[Right, ...]:
        """Those of the rights that we do not have."""
        ...

    def create_namespace(self) -> None:
        """Make the namespace; fine where it is there already."""
        ...

    def storage_classes(self) -> tuple[StorageClass, ...]:
        """The classes of volumes."""
        ...

    def room(self) -> tuple[NodeRoom, ...]:
        """The nodes that take pods; what other namespaces' pods ask for is taken off."""
        ...

    def snapshot(self) -> Snapshot:
        """What stands there now; never raises for a part that we may not read."""
        ...

    def delete_pod(self, pod: Pod) -> None:
        """Delete this very pod; fine where it is gone, or another one bears its name."""
        ...

    def delete_claims(self, names: Collection[str]) -> None:
        """Delete claims, and with them the data."""
        ...

    def spot(self, namespace: str, pod: str) -> Spot:
        """The container of any pod that commands run in: its default one, else the first."""
        ...

    def run(self, spot: Spot, command: Sequence[str], *, timeout: float) -> Ran:
        """Run a command in a container, for `timeout` seconds at most."""
        ...

    def logs(
        self,
        pods: Collection[str] | None,
        *,
        lines: int | None,
        since: float | None,
        follow: bool,
        previous: bool,
    ) -> Iterator[PodLine]:
        """
        What the pods write (None: all of the release), each line with its pod.

        `lines` the last ones of each, `since` seconds back. `follow` goes on through restarts
        until the caller stops asking; `previous` is about the container before the last restart.
        """
        ...

    def forward(self, doors: Sequence[Door]) -> AbstractContextManager[Tunnels]:
        """Tunnels for as long as the context lasts; raises ForwardError for taken ports."""
        ...


class Tunnels(Protocol):
    """Open tunnels."""

    def open(self, doors: Sequence[Door]) -> None:
        """Open those that are not open yet."""
        ...

    def faults(self) -> Mapping[str, str | None]:
        """Why the last connection to each pod failed; None where it did not."""
        ...


class Installing(Protocol):
    """A Helm that works."""

    def done(self) -> bool:
        """Whether it ended."""
        ...

    def result(self) -> None:
        """Return where it succeeded; raises HelmError with its words where it did not."""
        ...


class Releases(Protocol):
    """Helm. Calls raise HelmError."""

    def version(self) -> str:
        """Which Helm there is, such as `v4.2.4`; raises HelmError with the way to get one."""
        ...

    def history(self, release: str) -> tuple[Revision, ...]:
        """The tries at a release, oldest first; none where there is none."""
        ...

    def values(self, release: str) -> str | None:
        """The values, as YAML, that the last deploy was given; None where there was none."""
        ...

    def render(self, wish: Wish) -> Rendering:
        """The objects that it would make; nothing is changed."""
        ...

    def upgrade(self, wish: Wish) -> AbstractContextManager[Installing]:
        """
        Install or upgrade; leaving the context early stops it.

        It waits until everything is ready, or for the wish's timeout.
        """
        ...

    def release_lock(self, release: str, revision: Revision) -> None:
        """Mark a try that was cut off as failed, as Helm itself does when it is interrupted."""
        ...

    def uninstall(self, release: str, *, timeout: float) -> None:
        """Remove a release; claims for volumes stay."""
        ...
