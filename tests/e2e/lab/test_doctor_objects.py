"""
The doctor on a real cluster: faults for which no Kafka is needed.

Each fault stands in a namespace of its own; all are put there first, side by side, so that the
scheduler, the controllers and the kubelet work on them while the first ones are looked at. The
remedy that the doctor prints is applied as it stands.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.doctor import (
    KAFKA,
    PAUSE,
    Patient,
    admit_all,
    claim,
    discharge_all,
    proves,
    service,
    unique,
    workload,
)
from tests.support.lab import until

from lab import fakes
from lab.api import Api
from lab.fakes import FakeNode
from learnflow_kafka.core.connection import Kubernetes
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.findings import Status
from learnflow_kafka.wiring import doctor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.lab import Lab

pytestmark = pytest.mark.timeout(600)

MINE = unique()
LABEL = f"doctor-{MINE}"
KEEP_OFF = f"{LABEL}=only:NoSchedule"
TOLERATED = {"key": LABEL, "operator": "Exists"}
HOST = "kubernetes.io/hostname"

NODES = (
    FakeNode(f"doctor-ml-{MINE}", labels={LABEL: "ml"}, taints=("dedicated=ml:NoSchedule",)),
    FakeNode(f"doctor-one-{MINE}", labels={LABEL: "apart"}, taints=(KEEP_OFF,)),
    FakeNode(f"doctor-two-{MINE}", labels={LABEL: "apart"}, taints=(KEEP_OFF,)),
    FakeNode(f"doctor-ssd-{MINE}", labels={f"{LABEL}-disk": "ssd"}, taints=(KEEP_OFF,)),
    FakeNode(f"doctor-shut-{MINE}", labels={LABEL: "shut"}, taints=(KEEP_OFF,)),
)


def on(label: str) -> dict[str, Any]:
    """A pod that must run on fake nodes of this label, and may."""
    return {"nodeSelector": {LABEL: label}, "tolerations": [TOLERATED]}


def apart() -> dict[str, Any]:
    """Pods that must not share a node."""
    rule = {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "app"}}}
    away = {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}
    return {**on("apart"), "affinity": {"podAntiAffinity": away}}


def shell(script: str, **more: Any) -> dict[str, Any]:
    """A container that runs a script."""
    return {"image": KAFKA, "command": ["bash", "-c", script], **more}


def quota(pods: int) -> dict[str, Any]:
    """A quota of pods."""
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"pods": str(pods)}},
    }


def far_volume(namespace: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A volume on a node that is not there any more, and its claim, bound to each other."""
    name = f"{namespace}-far"
    held = claim("data-app-0", "static")
    held["spec"]["volumeName"] = name
    where = {"key": HOST, "operator": "In", "values": ["gone"]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "static",
            "local": {"path": "/nowhere"},
            "claimRef": {"namespace": namespace, "name": "data-app-0"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [where]}]}},
        },
    }, held


GREEDY = {"resources": {"requests": {"cpu": "64"}}}
EATER = "x=$(head -c 50000000 /dev/zero | tr '\\0' x); sleep 3600"
SECRET = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "users", "key": "a"}}}
FAILING = {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}
NAMED = {"ports": [{"name": "client", "containerPort": 9092}]}
NEVER_READY = {"readinessProbe": {"tcpSocket": {"port": 1}, "periodSeconds": 1}}

FAULTS: Mapping[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "room": (
        "pending.room",
        (workload(container=GREEDY, spec=on("apart")),),
    ),
    "taint": (
        "pending.taint",
        (workload(spec={"nodeSelector": {LABEL: "ml"}}, claims=(claim("data", "standard"),)),),
    ),
    "apart": ("pending.spread", (workload(replicas=3, spec=apart()),)),
    "selector": (
        "pending.selector",
        (workload(spec={"nodeSelector": {f"{LABEL}-disk": "sdd"}, "tolerations": [TOLERATED]}),),
    ),
    "volume-none": ("claim.no_volume", (workload(claims=(claim("data", ""),)),)),
    "class-missing": (
        "claim.class_missing",
        (workload(claims=(claim("data", f"standrad-{MINE}"),)),),
    ),
    "claim-waits": ("claim.waits_for_pod", (claim("spare", "standard"),)),
    "volume-zone": (
        "pending.volume_zone",
        (workload(claims=(claim("data", "standard"),)),),
    ),
    "quota": ("pods.not_created", (quota(1), workload(replicas=2))),
    "security": ("pods.not_created", (workload(),)),
    "image": (
        "image.pull",
        (workload(container={"image": "docker.io/local/none:1", "imagePullPolicy": "Never"}),),
    ),
    "registry": ("image.pull", (workload(container={"image": "docker.io/apache/kafka:0.0.1"}),)),
    "bitnami": ("image.pull", (workload(container={"image": "docker.io/bitnami/kafka:4.0.0"}),)),
    "image-name": ("image.pull", (workload(container={"image": "Kafka::4"}),)),
    "secret": ("container.not_made", (workload(container={"env": [SECRET]}),)),
    "memory": (
        "crash.out_of_memory",
        (workload(container=shell(EATER, resources={"limits": {"memory": "32Mi"}})),),
    ),
    "probe": (
        "crash.probe",
        (workload(container=shell("sleep 3600", livenessProbe=FAILING, readinessProbe=FAILING)),),
    ),
    "crash": (
        "crash.other",
        (
            workload(
                container=shell("echo 'org.apache.kafka.common.config.ConfigException: no'; exit 3")
            ),
        ),
    ),
    "svc-selector": (
        "service.no_endpoints",
        (workload(), service(selector={"app": "ap"}, ports=[{"port": 9092}])),
    ),
    "svc-port": (
        "service.no_endpoints",
        (
            workload(container=NAMED),
            service(selector={"app": "app"}, ports=[{"port": 9092, "targetPort": "clients"}]),
        ),
    ),
    "svc-unready": (
        "service.no_endpoints",
        (
            workload(container={**NAMED, **NEVER_READY}),
            service(selector={"app": "app"}, ports=[{"port": 9092, "targetPort": "client"}]),
        ),
    ),
    "finalizer": (
        "namespace.terminating",
        (
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "orders", "finalizers": ["example.com/operator"]},
            },
        ),
    ),
    "upgrade": ("release.failed", ()),
    # These two get two minutes before they count as missing, which pass with the ones above.
    "provisioner": ("claim.provisioner", (workload(claims=(claim("data", "absent"),)),)),
    "balancer": (
        "external.no_address",
        (
            workload(container=NAMED),
            service(type="LoadBalancer", selector={"app": "app"}, ports=[{"port": 9092}]),
        ),
    ),
}
HEALED = (
    "room", "taint", "apart", "selector", "volume-none", "class-missing", "volume-zone", "quota",
    "security", "image", "secret", "memory", "svc-selector", "svc-port", "finalizer",
)  # fmt: skip
"""Faults whose remedy is a command or a manifest that can be applied, or a thing to make."""


@pytest.fixture(scope="module")
def nodes(lab: Lab) -> Iterator[None]:
    """Nodes for the scheduler."""
    api = Api(lab.places)
    for fake in NODES:
        fakes.add(api, fake)
    yield
    for fake in NODES:
        fakes.remove(api, fake.name)
    api.close()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart of one StatefulSet, named as its release, with a claim whose size is a value."""
    chart = tmp_path_factory.mktemp("chart") / "small"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.1.0\n")
    made = json.dumps(workload("small", claims=(claim("data", "standard", "SIZE"),)))
    (chart / "templates" / "set.yaml").write_text(made.replace("SIZE", "{{ .Values.size }}"))
    return chart


@pytest.fixture(scope="module")
def ward(lab: Lab, nodes: None, small: Path) -> Iterator[dict[str, Patient]]:
    """Every fault, in a namespace of its own."""
    patients = {
        name: Patient(lab, f"doctor-{name}-{MINE}", rule, objects)
        for name, (rule, objects) in FAULTS.items()
    }
    patients["class-missing"].leftovers.append(("storageclass", f"standrad-{MINE}"))
    volume, held = far_volume(patients["volume-zone"].namespace)
    patients["volume-zone"].objects = (volume, held, *patients["volume-zone"].objects)
    patients["volume-zone"].leftovers.append(("pv", volume["metadata"]["name"]))
    nothing = patients["volume-none"]
    nothing.leftovers.append(("pv", f"{nothing.namespace}-data-app-0"))
    patients["security"].labels["pod-security.kubernetes.io/enforce"] = "restricted"
    try:
        admit_all([*patients.values()])
        lab.program("kubectl")(
            "delete", "namespace", patients["finalizer"].namespace, "--wait=false"
        )
        refuse_upgrade(patients["upgrade"], small)
        yield patients
    finally:
        patients["finalizer"].lab.program("kubectl", patients["finalizer"].namespace).attempt(
            "patch", "configmap", "orders", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
        )
        discharge_all([*patients.values()])


def refuse_upgrade(patient: Patient, chart: Path) -> None:
    """A release whose second revision enlarges a StatefulSet's claims."""
    helm = patient.lab.program("helm", patient.namespace)
    helm("install", "small", str(chart), "--set", "size=1Gi")
    refused = helm.attempt("upgrade", "small", str(chart), "--set", "size=2Gi")
    assert refused.returncode, refused.stdout


@proves(*(rule for rule, _ in FAULTS.values()))
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_first_and_healed_by_its_remedy(ward: dict[str, Patient], name: str):
    """The doctor names the fault, proves it, and what it prints makes it go."""
    patient = ward[name]
    cause = patient.named()
    if name == "image":
        patient.heal(cause, IMAGE=PAUSE)
    elif name == "secret":  # the command only lists what is there: what is named is to be made
        patient.kubectl("create", "secret", "generic", "users", "--from-literal=a=b")
    elif name in HEALED:
        patient.heal(cause)

    assert cause.proof
    if name in HEALED:
        patient.silent()


def test_a_refused_upgrade_is_done_after_its_remedy(ward: dict[str, Patient], small: Path):
    """The set is deleted but not its pod; the next upgrade makes it anew around it."""
    patient = ward["upgrade"]
    cause = patient.named()
    was = patient.kubectl("get", "pod", "small-0", "-o", "jsonpath={.metadata.uid}")
    grow = json.dumps({"spec": {"resources": {"requests": {"storage": "2Gi"}}}})

    patient.kubectl("patch", "pvc", "data-small-0", "-p", grow)
    patient.heal(cause)
    helm = patient.lab.program("helm", patient.namespace)
    helm("upgrade", "small", str(small), "--set", "size=2Gi")
    patient.silent()

    assert patient.kubectl("get", "pod", "small-0", "-o", "jsonpath={.metadata.uid}") == was


def test_storage_is_not_blamed_for_a_claim_that_waits_for_its_pod(lab: Lab, nodes: None):
    """With late binding the taint comes first, and the claim is told to wait for the pod."""
    rule, objects = FAULTS["taint"]
    patient = Patient(lab, f"doctor-late-{unique()}", rule, objects)
    try:
        patient.admit()
        patient.named()
        found = patient.diagnose()
        note = next(r for r in found.causes if r.cause.rule == "claim.waits_for_pod")

        assert note.of == found.root
        assert note.cause.status is Status.WARNING
    finally:
        patient.discharge()


@proves("pending.node_down")
def test_a_cordoned_node_is_named_and_takes_pods_again(lab: Lab, nodes: None):
    """The one node that fits is cordoned; the command that is printed ends it."""
    patient = Patient(
        lab, f"doctor-cordoned-{unique()}", "pending.node_down", (workload(spec=on("shut")),)
    )
    shut = f"doctor-shut-{MINE}"
    try:
        lab.program("kubectl")("cordon", shut)
        patient.admit()
        cause = patient.named()
        patient.heal(cause)
        patient.silent()
        patient.kubectl("wait", "--for=jsonpath={.spec.nodeName}=" + shut, "pod/app-0")

        assert shut in cause.detail
        assert cause.proof
    finally:
        patient.discharge()


def test_a_role_of_the_namespace_alone_says_what_it_could_not_look_at(lab: Lab, tmp_path: Path):
    """Without rights on nodes and volumes the cause is still named, and the gaps are told."""
    patient = Patient(
        lab,
        f"doctor-role-{unique()}",
        "pending.room",
        (workload(container=GREEDY, spec={"tolerations": [{"operator": "Exists"}]}),),
    )
    try:
        patient.admit()
        patient.named()
        place = Kubernetes(
            namespace=patient.namespace, kubeconfig=_limited(patient, tmp_path / "config")
        )
        seen = doctor.on_kubernetes(place)
        found = diagnose(seen)

        assert found.root is not None
        assert found.root.rule == "pending.room"
        assert {s.part.value for s in seen.skipped} >= {"nodes", "volumes", "storage classes"}
    finally:
        patient.discharge()


@proves("pending.other")
def test_three_faults_at_once_are_all_roots_with_consequences_below(lab: Lab):
    """An unbound claim, a missing image and a service's typing mistake, in one namespace."""
    patient = Patient(
        lab,
        f"doctor-many-{unique()}",
        "claim.class_missing",
        (
            workload("stuck", claims=(claim("data", f"nothing-{MINE}"),)),
            workload("missing", container={"image": "docker.io/apache/kafka:0.0.1"}),
            workload("fine"),
            service("fine", selector={"app": "fin"}, ports=[{"port": 1}]),
        ),
    )
    wanted = {"claim.class_missing", "image.pull", "service.no_endpoints"}
    try:
        patient.admit()
        until(lambda: wanted <= {r.cause.rule for r in patient.diagnose().causes}, "all", 240)
        found = patient.diagnose().causes
        roots = {r.cause.rule for r in found if r.of is None}
        waiting = next(r for r in found if r.cause.rule == "pending.other")

        assert wanted <= roots
        assert waiting.of is not None
        assert waiting.of.rule == "claim.class_missing"
    finally:
        patient.discharge()


@proves("kafka.silent")
def test_a_healthy_namespace_is_silent(lab: Lab):
    """The healthy twin of most of these: a claim, a service, a quota, and nothing wrong."""
    patient = Patient(
        lab,
        f"doctor-well-{unique()}",
        "",
        (
            quota(5),
            workload(container=NAMED, claims=(claim("data", "standard"),)),
            service(selector={"app": "app"}, ports=[{"port": 9092, "targetPort": "client"}]),
        ),
    )

    def well() -> bool:
        return [r.cause.rule for r in patient.diagnose().causes] == ["kafka.silent"]

    try:
        patient.admit()
        until(well, "nothing is wrong but that no Kafka is there", 240)
    finally:
        patient.discharge()


def _limited(patient: Patient, file: Path) -> str:
    """A kubeconfig of a service account that may read its own namespace and nothing else."""
    kubectl = patient.lab.program("kubectl", patient.namespace)
    kubectl("create", "serviceaccount", "reader")
    kubectl("create", "rolebinding", "reader", "--clusterrole=view",
            f"--serviceaccount={patient.namespace}:reader")  # fmt: skip
    token = kubectl("create", "token", "reader").strip()
    config = kubectl.json("config", "view", "--raw", "--minify")
    config["users"][0]["user"] = {"token": token}
    file.write_text(json.dumps(config))
    return str(file)
