"""The lab itself: what it promises to the tests that stand on it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.support.lab import until

from lab import node
from lab.fakes import FakeNode
from lab.places import NODE, Places

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import Lab, Program

pytestmark = pytest.mark.timeout(600)
KAFKA = "apache/kafka:4.3.1"


def pod(name: str, *, claim: str = "", spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """A pod that sleeps as the image's user, with a claim at /volume if one is named."""
    container: dict[str, Any] = {
        "name": "main",
        "image": KAFKA,
        "command": ["sleep", "3600"],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    }
    volumes = []
    if claim:
        container["volumeMounts"] = [{"name": "v", "mountPath": "/volume"}]
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "securityContext": {"runAsUser": 1000, "runAsNonRoot": True, "fsGroup": 1000},
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "volumes": volumes,
            **(spec or {}),
        },
    }


def claim(name: str, size: str, storage_class: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
        },
    }


def running(kubectl: Program, name: str) -> None:
    kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=240s")


def why_pending(kubectl: Program, name: str) -> str:
    """What the scheduler says about a pod that it cannot place."""

    def look() -> str | None:
        for condition in kubectl.json("get", "pod", name)["status"].get("conditions", []):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return str(condition["message"])
        return None

    return until(look, f"the scheduler's word on {name}")


def test_pods_find_services_by_name(kubectl: Program, namespace: str) -> None:
    """DNS, the Service's address and the way through it work from pod to pod."""
    serving = pod("server")
    serving["spec"]["containers"][0]["command"] = ["nc", "-ll", "-p", "7000", "-e", "echo", "hello"]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "greeting"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 70, "targetPort": 7000}]},
    }
    kubectl.apply(serving, service, pod("client"))
    running(kubectl, "server")
    running(kubectl, "client")
    name = f"greeting.{namespace}.svc.cluster.local"

    assert "Address" in kubectl("exec", "client", "--", "nslookup", name)
    assert "hello" in kubectl("exec", "client", "--", "sh", "-c", f"nc -w 5 {name} 70 </dev/null")


def test_a_volume_is_made_grown_and_removed(kubectl: Program, lab: Lab) -> None:
    """A claim of the class `sized` gets a disk of its size, which can be filled and can grow."""
    kubectl.apply(claim("data", "16Mi", "sized"), pod("writer", claim="data"))
    running(kubectl, "writer")
    write = "ls -d /volume/lost+found && dd if=/dev/zero of=/volume/x bs=1M count=20"
    full = kubectl.attempt("exec", "writer", "--", "sh", "-c", write)
    volume = kubectl.json("get", "pvc", "data")["spec"]["volumeName"]
    kubectl("patch", "pvc", "data", "-p", '{"spec":{"resources":{"requests":{"storage":"64Mi"}}}}')
    until(
        lambda: kubectl.json("get", "pvc", "data")["status"]["capacity"]["storage"] == "64Mi",
        "the claim has grown",
    )
    fits = kubectl.attempt("exec", "writer", "--", "sh", "-c", write)
    kubectl("delete", "pod/writer", "pvc/data")
    until(lambda: not (lab.places.volumes / volume).exists(), "the volume is gone")

    assert "No space left" in full.stderr
    assert "lost+found" in full.stdout
    assert fits.returncode == 0, fits.stderr


def test_a_claim_without_a_provisioner_says_why_it_waits(
    kubectl: Program, local_disk: Callable[..., str]
) -> None:
    """`static` binds volumes that a test brings; `absent` waits for one that never comes."""
    kubectl.apply(claim("never", "1Gi", "absent"), claim("own", "1Gi", "static"))
    disk = local_disk("2Gi")
    kubectl.apply(pod("writer", claim="own"))
    running(kubectl, "writer")
    kubectl("exec", "writer", "--", "touch", "/volume/x")
    events = until(
        lambda: kubectl("get", "events", "--field-selector", "involvedObject.name=never"),
        "an event about the claim",
    )

    assert "ExternalProvisioning" in events
    assert kubectl.json("get", "pvc", "never")["status"]["phase"] == "Pending"
    assert kubectl.json("get", "pvc", "own")["spec"]["volumeName"] == disk


def test_registered_nodes_count_for_the_scheduler(
    kubectl: Program, fake_node: Callable[[FakeNode], None]
) -> None:
    """Zones, taints and room of a node without a kubelet are real to the scheduler."""
    taint = "lab.learnflow.dev/test=registered:NoSchedule"
    fake_node(FakeNode("test-registered", zone="zone-z", cpu="2", taints=(taint,)))
    in_zone: dict[str, Any] = {"nodeSelector": {"topology.kubernetes.io/zone": "zone-z"}}
    tolerates: dict[str, Any] = {
        "tolerations": [{"key": "lab.learnflow.dev/test", "operator": "Exists"}]
    }
    greedy = pod("greedy", spec=in_zone | tolerates)
    greedy["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "3"
    kubectl.apply(pod("tainted", spec=in_zone), pod("placed", spec=in_zone | tolerates), greedy)

    assert "taint" in why_pending(kubectl, "tainted")
    assert "Insufficient cpu" in why_pending(kubectl, "greedy")
    until(
        lambda: kubectl.json("get", "pod", "placed")["spec"].get("nodeName") == "test-registered",
        "the pod is placed",
    )


def test_a_quota_refuses_pods(kubectl: Program) -> None:
    """Quota is enforced, with the controller's own words."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {"requests.memory": "1Mi"}},
    }
    kubectl.apply(quota)
    until(
        lambda: kubectl.json("get", "resourcequota", "small").get("status", {}).get("hard"),
        "the quota is counted",
    )
    refused = kubectl.attempt("create", "-f", "-", stdin=json.dumps(pod("big")))

    assert "exceeded quota" in refused.stderr


def test_the_machine_reaches_the_api_server_and_no_pod(kubectl: Program) -> None:
    """This machine is outside, as a laptop is: a pod's address leads nowhere."""
    kubectl.apply(pod("server"))
    running(kubectl, "server")
    address = kubectl.json("get", "pod", "server")["status"]["podIP"]
    route = subprocess.run(
        ["ip", "route", "get", address], capture_output=True, text=True, check=False
    )

    assert "lab" not in route.stdout


def traces(places: Places) -> dict[str, list[str]]:
    """What a running lab might leave on the machine."""
    name = places.name
    return {
        "mounts": [
            m for m in Path("/proc/mounts").read_text().splitlines() if str(places.root) in m
        ],
        "interfaces": [i for i in psutil.net_if_addrs() if i in {name, "cni0", "up0"}],
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{name}")],
        "processes": [
            " ".join(process.info["cmdline"] or [])
            for process in psutil.process_iter(["cmdline"])
            if str(places.root) in " ".join(process.info["cmdline"] or [])
        ],
        "rules": [
            rule
            for rule in subprocess.run(
                ["iptables-save"], capture_output=True, text=True, check=True
            ).stdout.splitlines()
            if "KUBE-" in rule or "CNI-" in rule
        ],
    }


@pytest.fixture(scope="module")
def second_lab(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Another lab beside the session's, with the same programs and images."""
    places = Places(tmp_path_factory.mktemp("second") / "lab")
    places.root.mkdir()
    for built in ("bin", "images"):
        (places.root / built).symlink_to(lab.places.root / built)
    return places


def test_it_comes_and_goes_and_leaves_nothing(lab: Lab, second_lab: Places) -> None:
    """Two runs after each other work, beside another lab; afterwards no trace is left."""
    before = traces(second_lab)
    for _ in range(2):
        try:
            node.up(second_lab, print)
            node.up(second_lab, print)
            ready = lab.program("kubectl")(
                "--kubeconfig", str(second_lab.kubeconfig), "wait", f"node/{NODE}",
                "--for=condition=Ready", "--timeout=60s",
            )  # fmt: skip
        finally:
            node.down(second_lab)
        after = traces(second_lab)

        assert "condition met" in ready
        assert after == before


def test_a_killed_lab_takes_all_with_it(second_lab: Places) -> None:
    """SIGKILL leaves no process and no mount either; `down` removes the rest."""
    node.down(second_lab)
    before = traces(second_lab)
    try:
        node.up(second_lab, print)
        outer = int((second_lab.run / "lab.pid").read_text().split()[0])
        psutil.Process(outer).kill()
        until(lambda: not traces(second_lab)["processes"], "all processes are gone")
        was_up = node.is_up(second_lab)
    finally:
        node.down(second_lab)

    assert not was_up
    assert traces(second_lab) == before
