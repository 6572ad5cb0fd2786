"""
Looking from inside: addresses tried from a pod, and ZooKeeper asked through a tunnel.

The pod needs nothing but bash. Addresses come from Kafka's own answers, so they go to the
shell as arguments and never as text of a command.
"""

from __future__ import annotations

import contextlib
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.kubernetes import execute
from learnflow_kafka.adapters.kubernetes.forward import Forwarder
from learnflow_kafka.core.diagnosis.evidence import (
    Part,
    Probe,
    Resolver,
    Skipped,
    ZooKeeperServer,
)
from learnflow_kafka.core.diagnosis.scene import Tried
from learnflow_kafka.core.kubernetes import Door
from learnflow_kafka.core.shells import LIMITED, TIMED_OUT
from learnflow_kafka.errors import KubernetesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from learnflow_kafka.adapters.kubernetes.client import Client
    from learnflow_kafka.core.diagnosis.scene import Address

_PATIENCE: Final = 5
"""Seconds for one connection: for one that is refused or answered it takes none of them."""

_RUNNING: Final = 20.0
"""Seconds for the command in the pod, which a busy node may be slow to start."""

_SCRIPT: Final = (
    LIMITED
    + r"""
sed 's/^/resolv /' /etc/resolv.conf
for a in "$@"; do
  ( h=${a%:*}; p=${a##*:}
    e=$(limited "$SECONDS_EACH" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$h" "$p" 2>&1); c=$?
    printf 'probe %s %s %s\n' "$a" "$c" "$(printf %s "$e" | tr '\n' ' ')" ) &
done
wait
"""
)
_WORDS: Final = ("srvr", "ruok", "mntr")
_LARGEST: Final = 64 * 1024
_UNRESOLVED: Final = re.compile(
    r"(?i)does not resolve|not known|name resolution|No address associated|bad address|Try again"
)


def tried(client: Client, pod: str, container: str, addresses: Sequence[Address]) -> Tried:
    """Every address, tried from a pod; and the pod's `resolv.conf`."""
    script = _SCRIPT.replace("$SECONDS_EACH", str(_PATIENCE))
    command = ["bash", "-c", script, "probe", *(f"{a.host}:{a.port}" for a in addresses)]
    try:
        ran = execute.run(
            client.access, client.namespace, pod, container, command, timeout=_RUNNING
        )
    except KubernetesError as error:
        return Tried(skipped=Skipped(Part.PROBES, f"nothing can run in {pod}: {error.what}"))
    lines = ran.out.splitlines()
    return Tried(
        tuple(_probes(lines, pod, addresses)),
        (_resolver(lines, pod),),
        None
        if any(line.startswith("probe ") for line in lines)
        else Skipped(Part.PROBES, f"pod {pod} has no bash to try addresses with"),
    )


def _probes(lines: Sequence[str], pod: str, addresses: Sequence[Address]) -> Iterator[Probe]:
    told = {}
    for line in lines:
        parts = line.split(" ", 3)
        if parts[0] == "probe" and len(parts) > 2:  # noqa: PLR2004 - address and code
            told[parts[1]] = (parts[2], parts[3].strip() if len(parts) > 3 else "")  # noqa: PLR2004
    for address in addresses:
        found = told.get(f"{address.host}:{address.port}")
        if found is None:
            continue
        code, words = int(found[0]) if found[0].isdecimal() else 1, found[1]
        unresolved = _short(words) if code and _UNRESOLVED.search(words) else None
        refused = None
        if code == TIMED_OUT:
            refused = f"no answer in {_PATIENCE} s"
        elif code and unresolved is None:
            refused = _short(words) or "no connection"
        yield Probe(pod, address.host, address.port, address.purpose, unresolved, refused)


def _short(words: str) -> str:
    """The fault in a shell's message, without the command that it quotes."""
    faults = re.findall(
        r"(?i)(connection refused|name does not resolve|name or service not known|"
        r"temporary failure in name resolution|no route to host|network is unreachable|"
        r"try again|host is unreachable|connection timed out|operation timed out)",
        words,
    )
    return faults[0].lower() if faults else words[-120:]


def _resolver(lines: Sequence[str], pod: str) -> Resolver:
    words = [line.split()[1:] for line in lines if line.startswith("resolv ")]
    return Resolver(
        pod,
        tuple(w for part in words if part[:1] == ["nameserver"] for w in part[1:]),
        tuple(w for part in words if part[:1] == ["search"] for w in part[1:]),
    )


def zookeeper(client: Client, pods: Sequence[str], port: int) -> tuple[ZooKeeperServer, ...]:
    """What each server answers to `srvr`, `ruok` and `mntr`."""
    if not pods:
        return ()
    with contextlib.ExitStack() as stack:
        ports = free_ports(len(pods))
        tunnels = stack.enter_context(Forwarder(client.access, client.namespace))
        try:
            tunnels.open([Door(pod, at, port) for pod, at in zip(pods, ports, strict=True)])
        except KubernetesError as error:
            return tuple(ZooKeeperServer(pod, silence=error.what) for pod in pods)
        with ThreadPoolExecutor(len(pods)) as pool:
            return tuple(pool.map(_ask, pods, ports))


def _ask(pod: str, port: int) -> ZooKeeperServer:
    answers = {}
    for word in _WORDS:
        try:
            answers[word] = four_letters("localhost", port, word)
        except OSError as error:
            return ZooKeeperServer(pod, answers, f"no answer to {word}: {error}")
    if not any(answers.values()):
        return ZooKeeperServer(pod, {}, "takes no connection")
    return ZooKeeperServer(pod, answers)


def four_letters(host: str, port: int, word: str, *, timeout: float = _PATIENCE) -> str:
    """What a ZooKeeper server answers to a four-letter word; raises OSError."""
    with socket.create_connection((host, port), timeout) as link:
        link.settimeout(timeout)
        link.sendall(word.encode())
        told = bytearray()
        while len(told) < _LARGEST and (part := link.recv(4096)):
            told += part
    return told.decode(errors="replace")


def free_ports(count: int) -> list[int]:
    """Local ports that nobody has right now."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
