"""Addresses tried from a container: by bash, python3 or nc, whichever is there, or by nothing."""

from __future__ import annotations

import shutil
import socketserver
import subprocess
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from learnflow_kafka.core.attempts import PATIENCE, Attempt, Look, Spot, by_hand, command, heard
from learnflow_kafka.core.kubernetes import Ran

SHELL = ("sh", "sleep")
MEANS = ("bash", "python3", "nc")
SLOW = "exec sleep 600"
SILENCE = f"no answer in {PATIENCE} s"


class Broker(socketserver.StreamRequestHandler):
    """Ends a connection when its client is done with it, as Kafka does."""

    def handle(self) -> None:
        self.rfile.read()


@contextmanager
def broker() -> Iterator[str]:
    """An address that takes connections."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Broker) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def put(tools: Path, name: str, script: str | None = None) -> None:
    """Give a container a program: this machine's own, or a script."""
    busybox = shutil.which("busybox", path="/bin:/usr/bin")
    if name == "nc" and script is None and busybox:
        script = f'exec {busybox} nc "$@"'
    found = shutil.which(name, path="/bin:/usr/bin")
    if script is not None:
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    elif found is not None:
        (tools / name).symlink_to(found)
    else:
        pytest.skip(f"this machine has no {name}")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """The programs of a container: a shell, and nothing to connect with."""
    for name in SHELL:
        put(tmp_path, name)
    return tmp_path


def looked(tools: Path, *addresses: str, slow: Collection[str] = ()) -> Look:
    """What a container with these programs tells; those that are slow have less time."""
    words = command(addresses)
    for name in slow:
        words[2] = words[2].replace(f"limited {PATIENCE} {name}", f"limited 0.3 {name}")
    done = subprocess.run(
        [str(tools / "sh"), *words[1:]],
        env={"PATH": str(tools)}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return heard(Ran(done.returncode, done.stdout, done.stderr))


@pytest.mark.parametrize("means", MEANS)
def test_whatever_is_there_tells_open_from_closed_and_from_a_name_that_is_none(
    tools: Path, means: str
):
    """Bash, python3 and nc come to the same."""
    put(tools, means)
    with broker() as gone:
        pass
    with broker() as there:
        found = looked(tools, there, gone, "no-such-name.invalid:9092")

    assert found.attempts[there] == Attempt()
    assert found.attempts[gone] == Attempt(refused="connection refused")
    assert found.attempts["no-such-name.invalid:9092"].unresolved
    assert found.lacking is None


@pytest.mark.parametrize(
    ("resolver", "fault"),
    [
        ({}, Attempt(refused=SILENCE)),
        ({"getent": "exit 0"}, Attempt(refused=SILENCE)),
        ({"getent": "exit 2"}, Attempt(unresolved=SILENCE)),
        ({"getent": SLOW}, Attempt(unresolved=SILENCE)),
        ({"nslookup": "exit 0"}, Attempt(refused=SILENCE)),
        ({"nslookup": "echo NXDOMAIN; exit 1"}, Attempt(refused=SILENCE)),
        ({"nslookup": "echo no servers could be reached; exit 1"}, Attempt(unresolved=SILENCE)),
        ({"nslookup": SLOW}, Attempt(unresolved=SILENCE)),
    ],
)
def test_silence_of_the_name_is_told_from_silence_of_the_address(
    tools: Path, resolver: dict[str, str], fault: Attempt
):
    """Where an attempt has no answer in time, whoever resolves names there is asked too."""
    programs = {"bash": SLOW, **resolver}
    for name, script in programs.items():
        put(tools, name, script)
    slow = [name for name, script in programs.items() if script == SLOW]

    assert looked(tools, "kafka:9092", slow=slow).attempts == {"kafka:9092": fault}


def test_a_container_with_a_shell_alone_says_so(tools: Path):
    """Nothing was tried, which is no fault of an address."""
    found = looked(tools, "kafka:9092")

    assert found.attempts == {}
    assert found.lacking == "it has neither bash, python3 nor nc"


def test_a_container_without_a_shell_says_so():
    """Where one is there and did not run, its words are kept."""
    assert heard(Ran(127, "", "")).lacking == "it has no shell"
    assert "ended with 126: denied" in (heard(Ran(126, "", "denied\n")).lacking or "")


@pytest.mark.parametrize("means", MEANS)
def test_an_address_is_never_taken_for_a_command(tools: Path, tmp_path: Path, means: str):
    """Kafka says whatever somebody wrote into its settings."""
    put(tools, means)
    put(tools, "touch")
    looked(tools, f"$(touch {tmp_path}/made):9092", f"a;touch {tmp_path}/made;:1", "`touch made`:1")

    assert not (tmp_path / "made").exists()


def test_the_containers_own_resolver_is_told():
    """Name servers and search domains, as its `resolv.conf` has them."""
    told = "means bash\nresolv nameserver 10.0.0.2\nresolv search a.svc svc\nresolv # x\n"
    found = heard(Ran(0, told, ""))

    assert (found.servers, found.search) == (("10.0.0.2",), ("a.svc", "svc"))


def test_the_way_by_hand_is_a_container_beside_it():
    """It says whole what to run."""
    told = by_hand(Spot("shop", "orders-0", "app"), "kafka.kafka.svc:9092")

    assert "`kubectl debug -n shop orders-0 -it --image=busybox -- nc kafka.kafka.svc 9092`" in told
