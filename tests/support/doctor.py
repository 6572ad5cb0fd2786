"""Objects that break things on the lab, and the doctor called on them."""

from __future__ import annotations

import subprocess
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tests.support.lab import until

from learnflow_kafka.core.connection import Kubernetes
from learnflow_kafka.core.diagnosis.table import Diagnosis, diagnose
from learnflow_kafka.core.findings import Status
from learnflow_kafka.wiring import doctor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.lab import Lab

    from learnflow_kafka.core.diagnosis.causes import Cause

PAUSE = "docker.io/local/pause:1"
KAFKA = "docker.io/apache/kafka:4.3.1"
Object = dict[str, Any]
T = TypeVar("T")

PROVEN: set[str] = set()
"""Rules that tests on the lab prove; the page of the findings says the same of them."""


def proves(*rules: str) -> Callable[[T], T]:
    """Marks a test, or its table of faults, that makes the fault and sees it named."""
    PROVEN.update(rules)
    return lambda marked: marked


def workload(
    name: str = "app",
    *,
    replicas: int = 1,
    spec: Object | None = None,
    container: Object | None = None,
    claims: tuple[Object, ...] = (),
) -> Object:
    """A StatefulSet of a container that does nothing, or what `container` says."""
    labels = {"app": name}
    main = {"name": "main", "image": PAUSE, "imagePullPolicy": "IfNotPresent", **(container or {})}
    if claims:
        main["volumeMounts"] = [
            {"name": c["metadata"]["name"], "mountPath": "/volume"} for c in claims
        ]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "serviceName": name,
            "replicas": replicas,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "enableServiceLinks": False,
                    "containers": [main],
                    **(spec or {}),
                },
            },
            "volumeClaimTemplates": list(claims),
        },
    }


def claim(name: str = "data", storage_class: str | None = None, size: str = "1Gi") -> Object:
    """A claim, or the template of one."""
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": spec,
    }


def service(name: str = "app", **spec: Any) -> Object:
    """A service."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


@dataclass
class Patient:
    """A namespace in which something is wrong."""

    lab: Lab
    namespace: str
    rule: str
    objects: tuple[Object, ...] = ()
    asker: tuple[str, str] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    leftovers: list[tuple[str, str]] = field(default_factory=list)

    def diagnose(self) -> Diagnosis:
        """What the doctor says now."""
        place = Kubernetes(namespace=self.namespace)
        return diagnose(doctor.on_kubernetes(place, asker=self.asker))

    def named(self, patience: float = 240) -> Cause:
        """The cause of the rule, once the doctor names it first."""

        def look() -> Cause | None:
            # No Kafka is there, which is told as well, and is not what was put there.
            told = [r.cause for r in self.diagnose().causes if r.cause.rule != "kafka.silent"]
            return told[0] if told and told[0].rule == self.rule else None

        try:
            return until(look, self.rule, patience, pause=1.0)
        except AssertionError:
            told = "\n".join(f"{r.cause.rule}: {r.cause.detail}" for r in self.diagnose().causes)
            raise AssertionError(f"{self.rule} is not named first; but:\n{told}") from None

    def finds(self) -> bool:
        """Whether the doctor names the rule, in whatever place."""
        return any(r.cause.rule == self.rule for r in self.diagnose().causes)

    def silent(self, patience: float = 240) -> None:
        """Wait until the rule finds nothing any more."""

        def look() -> bool:
            causes = self.diagnose().causes
            return all(
                r.cause.rule != self.rule or r.cause.status is Status.WARNING for r in causes
            )

        until(look, f"{self.rule} heals", patience, pause=1.0)

    def heal(self, cause: Cause, **words: str) -> None:
        """Do what the remedy says: run its command, or apply its manifest."""
        assert cause.remedy is not None
        if cause.remedy.command is None:
            assert cause.remedy.manifest is not None
            self.kubectl("apply", "-f", "-", stdin=cause.remedy.manifest)
        else:
            command = cause.remedy.command
            for word, instead in words.items():
                command = command.replace(word, instead)
            done = subprocess.run(
                ["bash", "-c", command],
                env=self.lab.environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Kubectl in the namespace."""
        return self.lab.program("kubectl", self.namespace)(*words, stdin=stdin)

    def admit(self) -> None:
        """Make the namespace and its objects."""
        admit_all([self])

    def discharge(self) -> None:
        """Take it all away again."""
        discharge_all([self])


def admit_all(patients: Sequence[Patient]) -> None:
    """Make all namespaces, then all objects: two calls, however many there are."""
    kubectl = patients[0].lab.program("kubectl")
    kubectl.apply(
        *(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": p.namespace, "labels": p.labels},
            }
            for p in patients
        )
    )
    objects = [placed(one, p.namespace) for p in patients for one in p.objects]
    if objects:
        kubectl.apply(*objects)


def placed(one: Object, namespace: str) -> Object:
    """The object in a namespace, or as it is where its kind has none."""
    if one["kind"] == "PersistentVolume":
        return one
    return {**one, "metadata": {**one["metadata"], "namespace": namespace}}


def discharge_all(patients: Sequence[Patient]) -> None:
    """Take all of it away again; pods end at once, and those of no kubelet with their node."""
    kubectl = patients[0].lab.program("kubectl")
    for kind, name in [left for p in patients for left in p.leftovers]:
        kubectl.attempt("delete", kind, name, "--wait=false", "--ignore-not-found")
    names = [p.namespace for p in patients]
    kubectl.attempt("delete", "namespace", *names, "--wait=false", "--ignore-not-found")


def unique() -> str:
    """Letters for names that no other test has."""
    return uuid.uuid4().hex[:6]
