"""The lab as tests see it: a cluster, programs that talk to it, and things to clean up."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.places import Places

T = TypeVar("T")

PATIENCE = 240.0
"""Seconds that a test waits for a state of the cluster, unless it says otherwise."""


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
