"""A release that the tool itself deployed on the lab, and the tool as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.lab import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.lab import Lab, Program

SMALL = ("--set", "resourcesPreset=dev", "--set", "storage.size=1Gi", "--set", "minReadySeconds=0")
"""Values that leave room for other tests on the same machine."""


def free_run(count: int) -> int:
    """The first of so many ports in a row at which nothing listens."""
    for base in range(21_000 + os.getpid() % 5_000, 32_000, count):
        if all(_free(base + at) for at in range(count)):
            return base
    raise AssertionError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass(frozen=True, slots=True)
class Deployed:
    """A release in a namespace of its own, at local ports of its own."""

    lab: Lab
    namespace: str
    base_port: int

    @property
    def place(self) -> tuple[str, ...]:
        """The flags that name it."""
        return ("--namespace", self.namespace)

    @property
    def context(self) -> str:
        """Its saved context."""
        return f"{self.namespace}.kafka"

    @property
    def bootstrap(self) -> str:
        """Where its tunnels end."""
        return ",".join(f"localhost:{self.base_port + n}" for n in range(3))

    @property
    def kubectl(self) -> Program:
        """In its namespace."""
        return self.lab.program("kubectl", self.namespace)

    def attempt(self, *words: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """`learnflow` with these words, however it ends."""
        return subprocess.run(
            command(words), capture_output=True, text=True, timeout=timeout, check=False,
            env=self.lab.environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, *words: str, timeout: float = 600) -> str:
        """What `learnflow` prints; fails, showing all that it said, where it fails."""
        done = self.attempt(*words, timeout=timeout)
        assert done.returncode == 0, f"learnflow {' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *words: str, timeout: float = 600) -> Any:
        """The JSON of a command that succeeds."""
        return json.loads(self.run(*words, "--json", timeout=timeout))

    def deploy(self, *words: str) -> Any:
        """Deploy it, or deploy it again; the JSON."""
        ports = ("--set", f"listeners.local.basePort={self.base_port}")
        return self.json("deploy", *self.place, "--yes", *SMALL, *ports, *words)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """`learnflow connect`, up and listening; ended by SIGTERM."""
        with subprocess.Popen(
            command(["connect", *self.place, "--json"]),
            env=self.lab.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                assert process.stdout is not None
                first = process.stdout.readline()
                if not first:
                    raise AssertionError(process.communicate(timeout=60)[1])
                yield Connection(process, json.loads(first))
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                try:
                    process.wait(60)
                finally:
                    process.kill()

    def uid(self, pod: str) -> str:
        """The identity of a pod; another one after a restart."""
        return self.kubectl("get", "pod", pod, "-o", "jsonpath={.metadata.uid}")

    def restart(self, pod: str) -> None:
        """Delete a pod; returns when another one bears its name and is ready."""
        before = self.uid(pod)
        self.kubectl("delete", "pod", pod, "--wait=false")
        until(lambda: self._renewed(pod, before), f"another {pod}, ready", patience=300)

    def _renewed(self, pod: str, before: str) -> bool:
        found = self.kubectl.attempt("get", "pod", pod, "-o", "json")
        if found.returncode != 0:
            return False
        told = json.loads(found.stdout)
        ready = any(
            c["type"] == "Ready" and c["status"] == "True"
            for c in told["status"].get("conditions", [])
        )
        return ready and told["metadata"]["uid"] != before


@dataclass(frozen=True, slots=True)
class Connection:
    """A running `learnflow connect`, and the first thing that it said."""

    process: subprocess.Popen[str]
    told: Any

    @property
    def bootstrap(self) -> str:
        """Where clients begin."""
        return str(self.told["bootstrap"])


def command(words: Sequence[str]) -> list[str]:
    """The command line of the tool."""
    return [sys.executable, "-m", "learnflow_kafka", *words]
