"""Kubernetes and Helm for use cases, and the tunnels that commands build for themselves."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.kubernetes import bootstrap
from learnflow_kafka.errors import ForwardError, MissingExtraError
from learnflow_kafka.wiring.charts import chart_path
from learnflow_kafka.wiring.paths import paths
from learnflow_kafka.wiring.system import network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.adapters.kubernetes.client import Client
    from learnflow_kafka.core.connection import Context, Kubernetes
    from learnflow_kafka.core.kubernetes import Door
    from learnflow_kafka.core.platform import Platform, Releases

_STARTING: Final = 15.0
"""Seconds that another command's tunnels get to open."""

_LINGERING: Final = 5.0
"""Seconds that a command which is done keeps its tunnels for others."""

_AGAIN: Final = 0.2


def client(place: Kubernetes) -> Client:
    """
    A client of the place's API server and namespace.

    Raises KubeconfigError, and MissingExtraError where the packages for it are not installed.
    """
    try:
        from learnflow_kafka.adapters.kubernetes.client import connect
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("learnflow_kafka"):
            raise
        raise MissingExtraError(
            f"Kubernetes needs {error.name!r}, which is not installed",
            fix='pip install "learnflow-kafka[kubernetes]"',
        ) from error
    return connect(place.kubeconfig, place.context, namespace=place.namespace)


def platform(place: Kubernetes) -> Platform:
    """The release's namespace; nothing is asked yet."""
    connected = client(place)
    from learnflow_kafka.adapters.kubernetes.platform import KubernetesPlatform

    return KubernetesPlatform(connected, place.release)


def releases(place: Kubernetes) -> Releases:
    """Helm, for the place's namespace."""
    connected = client(place)
    from learnflow_kafka.adapters.kubernetes.helm import Helm

    return Helm(connected, chart_path(), kubeconfig=place.kubeconfig, context=place.context)


def reached(context: Context) -> Context:
    """
    The context with a way there: tunnels that stay open until this process ends.

    A context that names no release on Kubernetes is returned as it is. Where another command
    of this machine keeps tunnels to the same release, they are used, and taken over should it
    end first. Raises ForwardError and its siblings.
    """
    if context.kubernetes is None:
        return context
    place = context.kubernetes
    with _OPENING:
        found = _OPEN.get(place)
        if found is None:
            found = _OPEN[place] = _open(place)
    return replace(context, connection=replace(context.connection, bootstrap=bootstrap(found)))


def claim(there: Platform, place: Kubernetes) -> None:
    """
    Become the one command of this machine that keeps the tunnels to a place, until it ends.

    Raises ForwardError where another one is.
    """
    wanted = _Claim(there.server(), place)
    if wanted.taken():
        raise ForwardError(
            "another learnflow on this machine keeps these tunnels already",
            where=f"release {place.release}, namespace {place.namespace}",
            fix="use them as they are, or end that command first",
        )
    _CLAIMS.append(wanted)


_CLAIMS: Final[list[_Claim]] = []
"""Held until the process ends."""

_OPEN: Final[dict[Kubernetes, tuple[Door, ...]]] = {}
"""
The tunnels of this process. They belong to the process because the ports do: brokers
advertise these ports, so no second set of tunnels could exist beside them.
"""

_OPENING: Final = threading.Lock()


def _open(place: Kubernetes) -> tuple[Door, ...]:
    from learnflow_kafka.app.connect import find_doors

    there = platform(place)
    found = find_doors(there.snapshot(), place)
    claim = _Claim(there.server(), place)
    if claim.taken():
        _await(found)
        threading.Thread(
            target=_succeed, args=(claim, there, found), name="tunnels in reserve", daemon=True
        ).start()
    else:
        _keep(claim, there, found)
    return found


def _keep(claim: _Claim, there: Platform, found: Sequence[Door]) -> None:
    tunnels = contextlib.ExitStack()
    tunnels.enter_context(there.forward(found))
    atexit.register(tunnels.close)
    _KEPT.append(claim)


def linger() -> None:
    """
    Keep this process' tunnels for a moment, for commands that use them.

    To be called before the interpreter shuts down: then its threads take no new work, and
    tunnels no new connection.
    """
    for claim in _KEPT:
        claim.linger()


_KEPT: Final[list[_Claim]] = []
"""The places whose tunnels this process keeps."""


def _await(found: Sequence[Door]) -> None:
    """Wait until another command's tunnels are open."""
    deadline = time.monotonic() + _STARTING
    for door in found:
        while network().reachable("localhost", door.local_port, timeout=1.0) is not None:
            if time.monotonic() > deadline:
                raise ForwardError(
                    f"another learnflow keeps the tunnels, and port {door.local_port} is not open",
                    fix="end it, or try again",
                )
            time.sleep(_AGAIN)


def _succeed(claim: _Claim, there: Platform, found: Sequence[Door]) -> None:
    """Wait for the other command to end, then keep the tunnels ourselves."""
    claim.wait()
    for _ in range(round(_STARTING / _AGAIN)):
        # Where a stranger takes the port in between, the clients' own errors say so.
        with contextlib.suppress(ForwardError):
            _keep(claim, there, found)
            return
        time.sleep(_AGAIN)


class _Claim:
    """A file that one process of this user holds locked while it keeps the tunnels to a place."""

    def __init__(self, server: str, place: Kubernetes) -> None:
        text = f"{server} {place.namespace} {place.release}"
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._file = paths().state / "tunnels" / f"{name}.lock"
        self._handle: int | None = None
        self._share: int | None = None

    def taken(self) -> bool:
        """Whether another process keeps them; if not, it is ours until this process ends."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._share = self._users()
            fcntl.flock(self._share, fcntl.LOCK_SH)
            return True
        except OSError:
            # No place to write: the ports themselves will tell.
            return False
        return False

    def wait(self) -> None:
        """Wait until it is ours."""
        if self._handle is not None:
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        if self._share is not None:
            os.close(self._share)

    def linger(self) -> None:
        """Give commands that use our tunnels a moment to end before we do."""
        deadline = time.monotonic() + _LINGERING
        with contextlib.suppress(OSError):
            users = self._users()
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(_AGAIN)
                else:
                    break
            os.close(users)

    def _users(self) -> int:
        """The file that everybody who uses our tunnels holds locked, together."""
        file = self._file.with_suffix(".users")
        return os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
