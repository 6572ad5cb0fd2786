"""The lab as tests see it: a cluster, programs that talk to it, and things to clean up."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeVar

from lab import node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.places import Places

T = TypeVar("T")

PATIENCE = 240.0
"""Seconds that a test waits for a state of the cluster, unless it says otherwise."""


@contextmanager
def started(places: Places) -> Iterator[None]:
    """
    The lab, up; of several processes that want it the first starts it and the last stops it.

    One that was up before them stays up.
    """
    places.root.mkdir(parents=True, exist_ok=True)
    mark = places.run / "started-by-tests"
    with (places.root / "turn.lock").open("w") as turn, (places.root / "use.lock").open("w") as use:
        fcntl.flock(turn, fcntl.LOCK_EX)
        was_up = node.is_up(places)
        node.up(places, print)
        if not was_up:
            mark.touch()
        fcntl.flock(use, fcntl.LOCK_SH)
        fcntl.flock(turn, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if mark.exists() and _is_last(use):
                node.down(places)


def _is_last(use: IO[str]) -> bool:
    try:
        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """A program that talks to the lab, in one namespace or in none."""

    name: str
    environment: dict[str, str]
    namespace: str = ""

    def __call__(self, *words: str, stdin: str = "", timeout: float = 600) -> str:
        """What it prints; fails, showing what it said, where it fails."""
        done = self.attempt(*words, stdin=stdin, timeout=timeout)
        said = f"{self.name} {' '.join(words)}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, said
        return done.stdout

    def attempt(
        self, *words: str, stdin: str = "", timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """How it ended, whatever that is."""
        return subprocess.run(
            self.command(*words),
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=timeout,
            check=False,
        )

    def command(self, *words: str) -> list[str]:
        """The whole command line, for tests that start it themselves."""
        inside = ["--namespace", self.namespace] if self.namespace else []
        return [self.name, *inside, *words]

    def json(self, *words: str) -> Any:
        """The JSON that it prints."""
        return json.loads(self(*words, "-o", "json"))

    def within(self, namespace: str) -> Program:
        """The same for another namespace."""
        return Program(self.name, self.environment, namespace)

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change objects (kubectl)."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self("apply", "-f", "-", stdin=json.dumps(listed))


@dataclass(frozen=True, slots=True)
class Lab:
    """A running lab."""

    places: Places

    @property
    def environment(self) -> dict[str, str]:
        """What programs need in order to find it."""
        return {
            **os.environ,
            "KUBECONFIG": str(self.places.kubeconfig),
            "PATH": f"{self.places.bin}:{os.environ['PATH']}",
        }

    def program(self, name: str, namespace: str = "") -> Program:
        """`kubectl`, `helm` (version 4) or `helm3`."""
        return Program(name, self.environment, namespace)


@contextmanager
def frozen(lab: Lab, namespace: str, *pods: str) -> Iterator[None]:
    """Stop all processes of these pods (SIGSTOP); they go on when the context ends."""
    kubectl = lab.program("kubectl", namespace)
    uids = [kubectl("get", "pod", pod, "-o", "jsonpath={.metadata.uid}") for pod in pods]
    _signal(lab, "STOP", uids)
    try:
        yield
    finally:
        _signal(lab, "CONT", uids)


def _signal(lab: Lab, name: str, uids: list[str]) -> None:
    """Send a signal to what runs in the control groups of pods."""
    script = (
        'signal=$0; for uid; do for p in /proc/[0-9]*; do grep -qs "$uid" $p/cgroup '
        "&& kill -$signal ${p#/proc/} && echo $uid; done; done; true"
    )
    command = node.enter(lab.places, ["sh", "-c", script, name, *uids])
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert {*said.split()} == {*uids}, said


def until(
    look: Callable[[], T | None], what: str, patience: float = PATIENCE, pause: float = 0.3
) -> T:
    """What `look` finds as soon as it finds something; fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {what}"
        time.sleep(pause)
