"""
The lab's programs, built from Go modules with committed checksums.

A program is built again when its recipe changes: a key beside each one names what it was
built from.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lab.places import RECIPE
from lab.shell import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.places import Places

KUBERNETES: Final = "1.34.4"
HELM4: Final = "4.3.1"
HELM3: Final = "3.22.0"
COMPONENTS: Final = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
)
"""Names under which the one `kube` binary is started."""


@dataclass(frozen=True, slots=True)
class Program:
    """A main package of a module in this folder, and the version that is linked in."""

    name: str
    module: str
    package: str = "."
    variables: tuple[tuple[str, str], ...] = ()

    @property
    def linker_flags(self) -> str:
        """No debug information; charts and users see the real version."""
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.variables)])

    @property
    def key(self) -> str:
        """Names the recipe: every file of the module and the flags."""
        digest = hashlib.sha256(f"{self.package} {self.linker_flags}".encode())
        for file in sorted((RECIPE / self.module).iterdir()):
            digest.update(file.name.encode() + file.read_bytes())
        return digest.hexdigest()[:16]


def _kubernetes() -> tuple[tuple[str, str], ...]:
    major, minor, _ = KUBERNETES.split(".")
    base = "k8s.io/component-base/version"
    return (
        (f"{base}.gitVersion", f"v{KUBERNETES}"),
        (f"{base}.gitMajor", major),
        (f"{base}.gitMinor", minor),
    )


def _helm(version: str) -> tuple[tuple[str, str], ...]:
    return ((f"helm.sh/helm/v{version[0]}/internal/version.version", f"v{version}"),)


def _helm3_for(kubernetes: str) -> tuple[tuple[str, str], ...]:
    """What Helm 3 renders for where it asks no cluster; Helm 4 knows by itself."""
    major, minor = kubernetes.split(".")
    return tuple(
        (f"helm.sh/helm/v3/pkg/{package}.k8sVersion{part}", value)
        for package in ("chartutil", "lint/rules")
        for part, value in (("Major", major), ("Minor", minor))
    )


PROGRAMS: Final = (
    Program("kube", "kube", variables=_kubernetes()),
    Program("dns", "dns"),
    Program("pause", "pause"),
    Program("helm", "helm4", "helm.sh/helm/v4/cmd/helm", _helm(HELM4)),
    Program(
        "helm3",
        "helm3",
        "helm.sh/helm/v3/cmd/helm",
        _helm(HELM3) + _helm3_for("1.37"),  # of the client in its go.mod, as its own release does
    ),
)


def build(places: Places, say: Callable[[str], None]) -> None:
    """
    Build what is missing or changed, one after the other.

    Raises LabError where Go is missing or fails.
    """
    places.bin.mkdir(parents=True, exist_ok=True)
    for program in PROGRAMS:
        if not is_built(places, program):
            say(f"building {program.name} ...")
            _build(places, program)
    for component in COMPONENTS:
        link = places.bin / component
        if not link.is_symlink():
            link.symlink_to("kube")


def is_built(places: Places, program: Program) -> bool:
    """Whether the program is there, made by the present recipe."""
    key = _key_file(places, program)
    return (
        (places.bin / program.name).exists()
        and key.exists()
        and key.read_text(encoding="ascii") == program.key
    )


def _build(places: Places, program: Program) -> None:
    flags = f"{os.environ.get('GOFLAGS', '')} -buildvcs=false -mod=readonly".strip()
    made = places.bin / f".{program.name}.new"
    run(
        "go", "build", "-trimpath", "-ldflags", program.linker_flags, "-o", made, program.package,
        cwd=RECIPE / program.module,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": flags},
    )  # fmt: skip
    made.replace(places.bin / program.name)
    _key_file(places, program).write_text(program.key, encoding="ascii")


def _key_file(places: Places, program: Program) -> Path:
    return places.bin / f"{program.name}.key"
