"""Contexts on Kubernetes: their names, their file, and tunnels that several commands share."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from tests.support.api_server import ApiServer, Asked, WebSocket
from tests.support.lab import until
from tests.support.ports import free_ports

from learnflow_kafka.core.connection import Connection, Context, Kubernetes
from learnflow_kafka.errors import ContextError
from learnflow_kafka.wiring import contexts

PLACE = Kubernetes(context="lab", namespace="shop", release="events", kubeconfig="/k")
ADDRESSES = ("localhost:19092", "localhost:19093")


@dataclass(frozen=True)
class Said:
    """What the user said."""

    context: str | None = None
    bootstrap: str | None = None


def test_a_saved_place_is_read_back(own_home: Path):
    """Namespace, release, kubeconfig and its context; the addresses are the tunnels' ends."""
    saved = contexts.save_place("shop", PLACE, ADDRESSES, use=True)

    assert (
        contexts.named("shop") == saved == Context("shop", Connection(ADDRESSES), kubernetes=PLACE)
    )
    assert contexts.book().current == "shop"
    assert contexts.on_kubernetes() == saved
    assert contexts.of_place(PLACE) == saved
    assert contexts.of_place(replace(PLACE, namespace="other")) is None


def test_saving_again_keeps_what_was_set(own_home: Path):
    """A pinned cluster and its protection survive a second connect."""
    pinned = Context("x", Connection(()), cluster_id="abc", environment="production")
    contexts.save_place("shop", PLACE, ADDRESSES, like=replace(pinned, protected=True))

    again = contexts.save_place("shop", PLACE, ("localhost:1",))

    assert (again.cluster_id, again.environment, again.protected) == ("abc", "production", True)
    assert again.connection.bootstrap == ("localhost:1",)


def test_a_name_of_another_place_is_not_taken(own_home: Path):
    """A deploy never makes `prod` mean something else."""
    contexts.edit(lambda b: b.with_context(Context("prod", Connection(("kafka:9092",)))))

    with pytest.raises(ContextError, match="already, of another place"):
        contexts.save_place("prod", PLACE, ADDRESSES)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("kubernetes", Kubernetes()),
        ("kubernetes/shop", Kubernetes(namespace="shop")),
        ("kubernetes/shop/events", Kubernetes(namespace="shop", release="events")),
    ],
)
def test_a_release_can_be_named_without_saving_it(own_home: Path, name: str, place: Kubernetes):
    """Where kubectl points now; no file is needed."""
    assert contexts.resolve(Said(context=name)).kubernetes == place


@pytest.mark.parametrize("name", ["kubernetes/", "kubernetes/a/b/c", "kubernetess"])
def test_other_names_are_looked_for_in_the_book(own_home: Path, name: str):
    """Half a name is a mistake, and no place."""
    with pytest.raises(ContextError, match="there is no context"):
        contexts.resolve(Said(context=name))


def test_a_release_that_nobody_saved_can_be_chosen(own_home: Path):
    """`context use kubernetes/shop`; the name itself cannot be saved."""
    contexts.edit(lambda b: b.choosing("kubernetes/shop"))

    assert contexts.resolve(Said()).name == "kubernetes/shop"
    with pytest.raises(ContextError, match="is always release kafka"):
        contexts.save_place("kubernetes", PLACE, ADDRESSES)


def statefulset(base: int) -> dict[str, object]:
    """One broker, advertised here at this port."""
    labels = {"app.kubernetes.io/component": "broker"}
    notes = {"learnflow-kafka/local-base-port": str(base)}
    return {
        "metadata": {"name": "kafka", "labels": labels, "annotations": notes},
        "spec": {"replicas": 1},
        "status": {"replicas": 1, "readyReplicas": 1},
    }


def pod(_: Asked, socket: WebSocket) -> None:
    """A broker that says hello to whoever comes."""
    socket.send(b"\x00\x01\x02")
    socket.send(b"\x01\x01\x02")
    socket.send(b"\x00hello")
    socket.receive()


PROGRAM = textwrap.dedent(
    """
    import socket, sys
    from learnflow_kafka.core.connection import Connection, Context, Kubernetes
    from learnflow_kafka.wiring.kubernetes import reached

    place = Kubernetes(kubeconfig=sys.argv[1])
    found = reached(Context("x", Connection(()), kubernetes=place))
    host, _, port = found.connection.bootstrap[0].partition(":")

    def heard():
        try:
            with socket.create_connection(("127.0.0.1", int(port)), timeout=60) as client:
                return client.recv(5).decode()
        except OSError:
            return ""

    for line in sys.stdin:
        print(heard(), flush=True)
    """
)


def test_two_commands_share_the_tunnels_and_the_second_takes_them_over(
    own_home: Path, tmp_path: Path
):
    """Ports belong to brokers, so there is one set of tunnels; it outlives the first command."""
    base = free_ports(1)

    def answer(asked: Asked) -> tuple[int, object]:
        found = [statefulset(base)] if asked.path.endswith("/statefulsets") else []
        return 200, {"items": found, "status": {"phase": "Active"}}

    def ask(command: subprocess.Popen[str]) -> str:
        assert command.stdin is not None
        assert command.stdout is not None
        command.stdin.write("?\n")
        command.stdin.flush()
        return command.stdout.readline().strip()

    with ApiServer(answer, pod).running() as server:
        config = tmp_path / "kubeconfig"
        config.write_text(
            yaml.safe_dump(
                {
                    "current-context": "a",
                    "contexts": [{"name": "a", "context": {"cluster": "c"}}],
                    "clusters": [{"name": "c", "cluster": {"server": server.url}}],
                }
            )
        )
        words = [sys.executable, "-c", PROGRAM, str(config)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(words, **pipes) as first:  # type: ignore[call-overload] # a dict of ours
            assert ask(first) == "hello"
            with subprocess.Popen(words, **pipes) as second:  # type: ignore[call-overload] # as above
                shared = ask(second)
                first.stdin.close()
                first.wait(60)
                until(lambda: ask(second) == "hello", "the second command's own tunnels")
                second.stdin.close()
                second.wait(60)

    assert shared == "hello"
    assert (first.returncode, second.returncode) == (0, 0)


def test_programs_beside_the_cluster_get_the_service_and_not_a_tunnel(own_home: Path):
    """What is exported for Dapr must lead somewhere from a pod."""
    contexts.save_place("shop", PLACE, ADDRESSES)

    inside = contexts.resolved_inside(Said(context="shop"))
    bare = contexts.resolved_inside(Said(bootstrap="kafka:9092"))

    assert inside.bootstrap == ("events.shop.svc:9092",)
    assert bare.bootstrap == ("kafka:9092",)
