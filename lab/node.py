"""Start and stop the lab from this machine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab import build, config, images, pki, state
from lab.places import NODE, RECIPE, ZONE
from lab.shell import LabError, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.places import Places

_STOP_SECONDS: Final = 30.0
_WEIGHTS: Final = {"cpu.shares": "32768", "cpu.weight": "3200"}
"""32 times the default, in the files of cgroups version 1 and 2."""

_NAMESPACES: Final = ("--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")


def up(places: Places, say: Callable[[str], None]) -> None:
    """
    A ready node with the images loaded; nothing happens where it is up already.

    Raises LabError where it cannot start, with the last lines of what failed.
    """
    _check_machine()
    build.build(places, say)
    wanted = images.build(places, say)
    if not is_up(places):
        down(places)
        say("starting the node ...")
        _start(places)
    _load(places, wanted, say)
    run(
        "kubectl", "--kubeconfig", places.kubeconfig, "label", "--overwrite", "node", NODE,
        f"topology.kubernetes.io/zone={ZONE}", "topology.kubernetes.io/region=lab",
    )  # fmt: skip


def down(places: Places) -> None:
    """Stop it if it runs; the kernel takes mounts, interfaces and rules away with it."""
    first = _first_process(places)
    if first:
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGTERM)
        _until_gone(places)
    _remove_cgroups(places)
    shutil.rmtree(places.run, ignore_errors=True)


def is_up(places: Places) -> bool:
    """Whether the lab runs and said that it is up."""
    said = state.read(places)
    return said is not None and said.phase == "up" and _first_process(places) is not None


def enter(places: Places, command: Iterable[str]) -> list[str]:
    """
    The command line that runs a command among the lab's processes, mounts and interfaces.

    The command is a child: a signal to the process that is started does not reach it.
    """
    return _entered(places, "--wd", "--net", "--mount", "--pid", "--", *command)


def in_network(places: Places, command: Iterable[str]) -> list[str]:
    """The same for a program of this machine that needs only the lab's network."""
    return _entered(places, "--net", "--", *command)


def _entered(places: Places, *words: str) -> list[str]:
    first = _first_process(places)
    if first is None:
        raise LabError("the lab is down; run: make lab-up")
    return ["nsenter", f"--target={first}", *words]


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab needs root")
    needed = ("containerd", "runc", "iptables", "conntrack", "openssl", "kubectl", "unshare", "ip")
    missing = [name for name in needed if shutil.which(name) is None]
    if not Path("/usr/lib/cni/bridge").exists():
        missing.append("/usr/lib/cni/bridge")
    if missing:
        raise LabError(f"{', '.join(missing)}: not installed; lab/README.md lists the packages")


def _start(places: Places) -> None:
    (places.run / "cni").mkdir(parents=True)
    pki.ensure(places)
    places.kubeconfig.write_text(config.kubeconfig(places), encoding="utf-8")
    places.kubeconfig.chmod(0o600)
    for name, text in config.files(places).items():
        (places.run / name).write_text(text, encoding="utf-8")
    objects = {"apiVersion": "v1", "kind": "List", "items": config.dns_objects()}
    (places.run / "dns.json").write_text(json.dumps(objects), encoding="utf-8")
    _make_cgroups(places)
    outer = int(
        run(
            # An orphan on purpose: it outlives the command that started it.
            "sh", "-c", 'setsid "$@" >"$0" 2>&1 </dev/null & echo $!', places.run / "lab.log",
            "unshare", *_NAMESPACES, sys.executable, "-m", "lab.inside",
            cwd=RECIPE.parent, env={**os.environ, "LEARNFLOW_LAB": str(places.root)},
        )
    )  # fmt: skip
    _pid_file(places).write_text(f"{outer} {_started(outer)}", encoding="ascii")
    _link(places)
    _wait_until_up(places)


def _wait_until_up(places: Places) -> None:
    """Raises LabError with the lab's own word, or its log, where it does not come up."""
    while True:
        alive = _first_process(places) is not None
        said = state.read(places)
        if said is not None and said.phase == "up":
            return
        if said is not None and said.phase == "failed":
            raise LabError(said.detail)
        if not alive:
            log = (places.run / "lab.log").read_text(errors="replace")
            raise LabError(f"the lab ended while it started:\n{log[-2000:]}")
        time.sleep(0.1)


def _link(places: Places) -> None:
    """A pair of interfaces, one end inside: the API server is all that is reached from here."""
    deadline = time.monotonic() + 30
    while (first := _first_process(places)) is None:
        if time.monotonic() > deadline:
            raise LabError(f"the lab does not start; see {places.run / 'lab.log'}")
        time.sleep(0.02)
    # It starts nothing before it sees the link: so all that it starts is in the group.
    _weigh(places, first)
    run(
        "ip", "link", "add", places.name, "type", "veth",
        "peer", "name", "up0", "netns", str(first),
    )  # fmt: skip
    run("ip", "address", "add", f"{places.link[0]}/30", "dev", places.name)
    run("ip", "link", "set", places.name, "up")


def _load(places: Places, wanted: Iterable[images.Image], say: Callable[[str], None]) -> None:
    """Give containerd the images that it does not have yet in this version."""
    loaded = places.containerd / "loaded.json"
    have = json.loads(loaded.read_text(encoding="utf-8")) if loaded.exists() else {}
    for image in wanted:
        if have.get(image.reference) == image.archive.name:
            continue
        say(f"loading {image.reference} ...")
        run("ctr", "-a", places.socket, "-n", "k8s.io", "images", "import", image.archive)
        have[image.reference] = image.archive.name
        loaded.write_text(json.dumps(have), encoding="utf-8")


def _pid_file(places: Places) -> Path:
    return places.run / "lab.pid"


def _first_process(places: Places) -> int | None:
    """Our number of the lab's process 1; None where the lab does not run."""
    try:
        pid, started = _pid_file(places).read_text(encoding="ascii").split()
    except (FileNotFoundError, ValueError):
        return None
    if _started(int(pid)) != started:
        return None
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return int(children[0]) if children else None


def _started(pid: int) -> str:
    """When a process started, in clock ticks: tells it from a later one with its number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[19]


def _until_gone(places: Places) -> None:
    """Wait for the end; after the deadline the kernel is asked to end all of it."""
    pid = int(_pid_file(places).read_text(encoding="ascii").split()[0])
    deadline = time.monotonic() + _STOP_SECONDS
    while _first_process(places) is not None:
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _cgroups(places: Places) -> list[Path]:
    """Our folder in each hierarchy: one on version 2, one for each controller on version 1."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        return [root / places.name]
    return [folder / places.name for folder in root.iterdir() if folder.is_dir()]


def _make_cgroups(places: Places) -> None:
    """
    Our groups, with the weight of many processes.

    All pods together would else weigh as much as one process of the machine: beside a busy
    test run, a broker takes minutes to start.
    """
    for folder in _cgroups(places):
        folder.mkdir(exist_ok=True)
        for name, weight in _WEIGHTS.items():
            if (folder / name).exists():
                (folder / name).write_text(weight)
        if (folder / "cpuset.cpus").exists() and not (folder / "cgroup.controllers").exists():
            for name in ("cpuset.cpus", "cpuset.mems"):
                (folder / name).write_text((folder.parent / name).read_text())


def _weigh(places: Places, pid: int) -> None:
    """The node's own programs share the weight of the group, beside the pods."""
    for folder in _cgroups(places):
        if any((folder / name).exists() for name in _WEIGHTS):
            (folder / "system").mkdir(exist_ok=True)
            (folder / "system" / "cgroup.procs").write_text(str(pid))


def _remove_cgroups(places: Places) -> None:
    """Innermost first; a group that still holds a dying process is tried again."""
    deadline = time.monotonic() + _STOP_SECONDS
    for folder in _cgroups(places):
        while folder.exists():
            for inner in sorted(folder.rglob("*/"), key=lambda p: -len(p.parts)):
                with contextlib.suppress(OSError):
                    inner.rmdir()
            with contextlib.suppress(OSError):
                folder.rmdir()
            if time.monotonic() > deadline:
                raise LabError(f"{folder} cannot be removed: something still runs in it")
            time.sleep(0.05)
