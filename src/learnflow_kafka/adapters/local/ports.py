"""Free and taken ports on loopback, and who holds a taken one."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final

import psutil

from learnflow_kafka.adapters.local import probe, processes
from learnflow_kafka.core.local import LOOPBACK
from learnflow_kafka.errors import PortTakenError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

HIGHEST: Final = 65_535
_STEP: Final = 10


def is_free(port: int, address: str = LOOPBACK) -> bool:
    """Whether a broker could listen there now (old connections in TIME_WAIT do not matter)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
            listener.listen(1)
        except OSError:
            return False
    # On a Mac the bind succeeds beside a listener on all interfaces.
    return not probe.connects(port)


def free_run(first: int, count: int, avoid: Collection[int] = ()) -> int:
    """The first port of `count` free ones in a row, from `first` upwards."""
    start = first
    while start + count - 1 <= HIGHEST:
        ports = range(start, start + count)
        if all(p not in avoid and is_free(p) for p in ports):
            return start
        start += 1
    raise PortTakenError(
        f"there are no {count} free ports in a row from {first} on", fix="choose a lower --port"
    )


def require_free(ports: Iterable[int], *, address: str = LOOPBACK, brokers: int = 1) -> None:
    """Raise PortTakenError, naming every taken port, its holder and a --port to take."""
    ports = tuple(ports)
    taken = [port for port in ports if not is_free(port, address)]
    if not taken:
        return
    holders = "; ".join(f"port {port} is taken by {holder(port)}" for port in taken)
    other = free_run(max(ports) + _STEP - max(ports) % _STEP + 2, brokers)
    raise PortTakenError(
        holders,
        where=f"{address}:{taken[0]}",
        fix=f"learnflow up --port {other}   (free now), or stop that program",
    )


def require_own(address: str) -> None:
    """Raise UsageError where the address is none of this machine's."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        try:
            listener.bind((address, 0))
        except OSError as error:
            raise UsageError(
                f"{address} is no address of this machine",
                fix="name the address of the containers' bridge, or host.docker.internal",
            ) from error


def holder(port: int) -> str:
    """Who listens at the port, as far as the system tells us."""
    with contextlib.suppress(psutil.Error, OSError):
        for link in psutil.net_connections(kind="tcp"):
            if link.status == psutil.CONN_LISTEN and link.laddr and link.laddr.port == port:
                if link.pid is None:
                    break
                return _describe(psutil.Process(link.pid))
    return "a program that the system does not name to us"


def _describe(process: psutil.Process) -> str:
    """The program's name; for a node of ours, where it lives."""
    ours = next((w for w in process.cmdline() if w.startswith(processes.MARK)), None)
    if ours:
        return f"Kafka in {ours.removeprefix(processes.MARK)} (process {process.pid})"
    return f"{process.name()} (process {process.pid})"
