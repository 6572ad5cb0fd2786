"""Looking from inside: addresses tried from a pod, and ZooKeeper asked through a tunnel."""

from __future__ import annotations

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from learnflow_kafka.adapters.kubernetes import execute
from learnflow_kafka.adapters.kubernetes.forward import Forwarder
from learnflow_kafka.core import attempts
from learnflow_kafka.core.diagnosis.evidence import (
    Part,
    Probe,
    Resolver,
    Skipped,
    ZooKeeperServer,
)
from learnflow_kafka.core.diagnosis.scene import Tried
from learnflow_kafka.core.kubernetes import Door
from learnflow_kafka.errors import ApiForbiddenError, KubernetesError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from learnflow_kafka.adapters.kubernetes.client import Client
    from learnflow_kafka.core.attempts import Spot
    from learnflow_kafka.core.diagnosis.scene import Address

_PATIENCE: Final = 5
"""Seconds for an answer of ZooKeeper's."""

_WORDS: Final = ("srvr", "ruok", "mntr")
_LARGEST: Final = 64 * 1024


def tried(
    client: Client, spot: Spot, place: str, addresses: Sequence[Address], part: Part = Part.PROBES
) -> Tried:
    """Every address, tried from a container that reports call `place`, and its `resolv.conf`."""
    texts = [f"{a.host}:{a.port}" for a in addresses]
    by_hand = attempts.by_hand(spot, texts[0])
    try:
        ran = execute.run(client.access, spot, attempts.command(texts), timeout=attempts.RUNNING)
    except ApiForbiddenError as error:
        right = f"ask for pods/exec in namespace {spot.namespace}"
        return Tried(skipped=(Skipped(part, f"forbidden: {error.what}", right),))
    except KubernetesError as error:
        return Tried(skipped=(Skipped(part, f"nothing can run in {place}: {error.what}", by_hand),))
    look = attempts.heard(ran)
    if look.lacking is not None:
        reason = f"{place} can try no address: {look.lacking}"
        return Tried(skipped=(Skipped(part, reason, by_hand),))
    return Tried(
        tuple(
            Probe(place, a.host, a.port, a.purpose, found.unresolved, found.refused)
            for a, text in zip(addresses, texts, strict=True)
            if (found := look.attempts.get(text)) is not None
        ),
        (Resolver(place, look.servers, look.search),),
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
