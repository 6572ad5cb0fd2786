"""
The lab's first process: prepares its namespaces, starts everything, and buries the dead.

It runs as process 1 of a PID namespace: when it ends, the kernel ends all that it started,
containers included; mounts, interfaces and iptables rules go with their namespaces. So a lab
leaves nothing behind, however it ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Final, NoReturn

from lab import config, state
from lab.places import NODE_ADDRESS, POD_SUBNET, places
from lab.shell import LabError, run
from lab.state import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.places import Places

DEADLINE: Final = 120.0
_PRIVATE: Final = (
    "/run",
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/var/log/pods",
    "/var/log/containers",
)
_STOP_SECONDS: Final = 10.0


def main() -> NoReturn:
    """Bring the node up, then wait for the end; whatever fails is said in the state file."""
    lab = Lab(places())
    signal.signal(signal.SIGTERM, lambda *_: lab.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        lab.start()
        state.write(lab.places, State("up"))
        lab.bury()
    except LabError as error:
        state.write(lab.places, State("failed", str(error)))
        lab.stop()


class Lab:
    """The processes of one node."""

    def __init__(self, where: Places) -> None:
        self.places = where
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Everything in order, each as soon as what it needs answers. Raises LabError."""
        self._namespaces()
        commands = config.commands(self.places)
        for name, command in commands.items():
            self._say(f"{name} starts")
            self._spawn(name, command)
            ready = self._readiness().get(name)
            if ready:
                self._until(name, ready)
            if name == "containerd":
                self._clear_containers()
        self._say("the node is not ready yet")
        self._kubectl("apply", "-f", str(self.places.run / "dns.json"))
        self._until("the node", self._node_is_ready)

    def bury(self) -> NoReturn:
        """Wait for children, ours and orphans alike; a dead component ends the lab."""
        while True:
            pid, status = os.waitpid(-1, 0)
            for name, process in self._running.items():
                if process.pid == pid:
                    raise LabError(f"{name} ended ({status}); see {self._log(name)}")

    def stop(self) -> NoReturn:
        """Stop the kubelet, then the containers; the kernel ends the rest with us."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._end("kubelet")
        if "containerd" in self._running:
            self._clear_containers()
            self._end("containerd")
        sys.exit(0)

    def _namespaces(self) -> None:
        """Private /run and kubelet folders; our end of the link; the pods' bridge."""
        run("mount", "--make-rshared", "/")
        state_folder = self.places.run / "private"
        for number, path in enumerate(_PRIVATE):
            inner = state_folder / str(number)
            inner.mkdir(parents=True, exist_ok=True)
            run("mkdir", "-p", path)
            run("mount", "--bind", inner, path)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "cni0", "type", "bridge")
        run("ip", "address", "add", f"{NODE_ADDRESS}/{POD_SUBNET.partition('/')[2]}", "dev", "cni0")
        run("ip", "link", "set", "cni0", "up")
        run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1")
        self._until("the link to the machine", self._link_is_up)

    def _link_is_up(self) -> bool:
        shown = subprocess.run(
            ["ip", "-brief", "link", "show", "up0"],
            capture_output=True,
            check=False,
        )
        if shown.returncode:
            return False
        run("ip", "address", "add", f"{self.places.link[1]}/30", "dev", "up0")
        run("ip", "link", "set", "up0", "up")
        return True

    def _readiness(self) -> dict[str, Callable[[], bool]]:
        return {
            "containerd": lambda: self._succeeds("ctr", "-a", str(self.places.socket), "version"),
            "etcd": lambda: _answers("http://127.0.0.1:2379/health"),
            "apiserver": lambda: self._succeeds("kubectl", "get", "--raw", "/readyz"),
        }

    def _node_is_ready(self) -> bool:
        # The taint of a node that is not ready goes a moment after it is.
        wanted = (
            "-o=jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
            "{.items[*].spec.taints}"
        )
        return self._kubectl("get", "nodes", wanted).strip() == "True"

    def _clear_containers(self) -> None:
        """Containers of an earlier run would come back as strangers; images stay."""
        ctr = ["ctr", "-a", str(self.places.socket), "-n", "k8s.io"]
        for task in run(*ctr, "tasks", "ls", "-q").split():
            self._succeeds(*ctr, "tasks", "kill", "-s", "SIGKILL", task)
            self._succeeds(*ctr, "tasks", "delete", "-f", task)
        containers = run(*ctr, "containers", "ls", "-q").split()
        if containers:
            self._succeeds(*ctr, "containers", "rm", *containers)

    def _spawn(self, name: str, command: list[str]) -> None:
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment()
            )

    def _end(self, name: str) -> None:
        process = self._running.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()

    def _until(self, what: str, ready: Callable[[], bool]) -> None:
        """Wait for it; a component that dies meanwhile, or the deadline, is a LabError."""
        deadline = time.monotonic() + DEADLINE
        while not ready():
            for name, process in self._running.items():
                if process.poll() is not None:
                    tail = self._log(name).read_text(errors="replace").splitlines()[-8:]
                    raise LabError(f"{name} ended: see {self._log(name)}\n" + "\n".join(tail))
            if time.monotonic() > deadline:
                raise LabError(f"{what} is not ready after {DEADLINE:.0f} s; see {self.places.run}")
            time.sleep(0.1)

    def _kubectl(self, *words: str) -> str:
        return run("kubectl", *words, env=self._environment())

    def _succeeds(self, *command: str) -> bool:
        done = subprocess.run(command, capture_output=True, check=False, env=self._environment())
        return done.returncode == 0

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.places.kubeconfig)}

    def _log(self, name: str) -> Path:
        return self.places.run / f"{name}.log"

    def _say(self, detail: str) -> None:
        state.write(self.places, State("starting", detail))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    main()
