"""
A real Kubernetes for tests (lab/README.md).

`lab` starts it for the session, or uses the one that runs; `namespace` is a fresh one for the
test; `kubectl`, `helm` and `helm3` work in that namespace.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.deployed import Deployed, free_run
from tests.support.lab import Lab, Program, started

from lab import build, fakes
from lab.api import Api
from lab.places import places
from lab.volumes import local_volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the lab; say so where it cannot be."""
    here = Path(__file__).parent
    reason = _absence()
    for item in items:
        if here in item.path.parents:
            item.add_marker("lab")
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


def _absence() -> str:
    if os.geteuid() != 0:
        return "the lab needs root"
    if not all(build.is_built(places(), program) for program in build.PROGRAMS):
        return "the lab is not built: make lab-build (about ten minutes, once)"
    return ""


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab, which workers beside each other share; one that tests started they stop."""
    found = Lab(places())
    with started(found.places), pytest.MonkeyPatch.context() as patch:
        for name in ("KUBECONFIG", "PATH"):
            patch.setenv(name, found.environment[name])
        yield found


@pytest.fixture
def namespace(lab: Lab) -> Iterator[str]:
    """A namespace of this test's own; with it goes all that is in it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield from _namespace(lab, name)


@pytest.fixture(scope="module")
def module_namespace(lab: Lab) -> Iterator[str]:
    """A namespace that the tests of one module share."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    yield from _namespace(lab, name)


@pytest.fixture(scope="module")
def deployed(lab: Lab, module_namespace: str) -> tuple[Deployed, Any]:
    """A release that `deploy` made from nothing, its namespace too, and what it said of it."""
    release = Deployed(lab, module_namespace, free_run(4))
    lab.program("kubectl")("delete", "namespace", module_namespace)
    return release, release.deploy()


def _namespace(lab: Lab, name: str) -> Iterator[str]:
    kubectl = lab.program("kubectl")
    kubectl("create", "namespace", name)
    yield name
    # Brokers take their time to stop, and nothing stops a pod on a node without a kubelet.
    kubectl.attempt("delete", "namespace", name, "--wait=false")
    kubectl.attempt("delete", "pods", "--all", "-n", name, "--grace-period=0", "--force")


@pytest.fixture
def kubectl(lab: Lab, namespace: str) -> Program:
    """Kubectl in the test's namespace."""
    return lab.program("kubectl", namespace)


@pytest.fixture
def helm(lab: Lab, namespace: str) -> Program:
    """Helm 4 in the test's namespace."""
    return lab.program("helm", namespace)


@pytest.fixture
def helm3(lab: Lab, namespace: str) -> Program:
    """Helm 3 in the test's namespace."""
    return lab.program("helm3", namespace)


@pytest.fixture
def fake_node(lab: Lab) -> Iterator[Callable[[fakes.FakeNode], None]]:
    """Registers a node for the scheduler; it goes with the test."""
    api, names = Api(lab.places), []

    def add(fake: fakes.FakeNode) -> None:
        names.append(fake.name)
        fakes.add(api, fake)

    yield add
    for name in names:
        fakes.remove(api, name)
    api.close()


@pytest.fixture
def local_disk(lab: Lab) -> Iterator[Callable[..., str]]:
    """Makes a volume of a folder of the node (see `lab.volumes.local_volume`); gives its name."""
    kubectl, names = lab.program("kubectl"), []

    def make(size: str, storage_class: str = "static", **where: str) -> str:
        name = f"disk-{uuid.uuid4().hex[:8]}"
        path = lab.places.volumes / name
        path.mkdir(parents=True)
        names.append(name)
        kubectl.apply(local_volume(name, path, size, storage_class, **where))
        return name

    yield make
    for name in names:
        kubectl.attempt("delete", "pv", name, "--wait=false")
