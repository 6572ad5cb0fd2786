"""
Checks of a release on Kubernetes: what `learnflow verify` adds to the checks of the cluster.

They judge what a deployment should be, one question each. Why something is wrong is the
doctor's business: the fix of most findings is to ask it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.checks.check import Check, report
from learnflow_kafka.core.checks.evidence import Unknown, known
from learnflow_kafka.core.checks.outcomes import failed, not_checked, passed, warned
from learnflow_kafka.core.kubernetes import BROKER, CLIENT_PORT, ZOOKEEPER
from learnflow_kafka.core.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from learnflow_kafka.core.checks.outcomes import Outcome
    from learnflow_kafka.core.findings import Report
    from learnflow_kafka.core.kubernetes import Claim, Pod, Service, Snapshot, Workload

DOCTOR: Final = "`learnflow doctor` tells the cause"


@dataclass(frozen=True, slots=True)
class ZooKeeperServer:
    """One server of the ensemble: its mode (`leader`, `follower`, `standalone`), or a fault."""

    mode: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Inside:
    """
    What a pod sees; `pod` is the one that looked: a broker's, or a client's as `NAMESPACE/POD`.

    `names` maps each name to why it does not resolve (None: it does), `addresses` each
    advertised `host:port` to why it takes no connection.
    """

    pod: str
    names: Mapping[str, str | None] = field(default_factory=dict)
    addresses: Mapping[str, str | None] = field(default_factory=dict)
    client: bool = False

    @property
    def doctor(self) -> str:
        """Who tells the cause of a fault that this pod sees."""
        if self.client:
            return f"`learnflow doctor --client {self.pod}` tells the cause"
        return DOCTOR


@dataclass(frozen=True, slots=True)
class DeploymentEvidence:
    """What the checks below look at; `zookeeper` is each server by its pod."""

    namespace: str
    release: str
    snapshot: Snapshot
    inside: Inside | Unknown
    zookeeper: Mapping[str, ZooKeeperServer] | Unknown = field(default_factory=dict)


def namespace_active(evidence: DeploymentEvidence) -> Outcome:
    """The namespace is there, and not about to go."""
    phase = known(evidence.snapshot.namespace)
    if phase is None:
        return failed(
            f"there is no namespace {evidence.namespace}",
            fix=f"`learnflow deploy --namespace {evidence.namespace}`, or name the right one",
        )
    if phase != "Active":
        return failed(
            f"namespace {evidence.namespace} is {phase}",
            fix=f"see what holds it: `kubectl get namespace {evidence.namespace} -o yaml`",
        )
    return passed(f"namespace {evidence.namespace} is {phase}")


def workloads_complete(evidence: DeploymentEvidence) -> Outcome:
    """Every StatefulSet of the release has all of its pods ready."""
    workloads = known(evidence.snapshot.workloads)
    if not any(w.component == BROKER for w in workloads):
        return failed(
            f"release {evidence.release} has no brokers in namespace {evidence.namespace}",
            [f"statefulset {w.name}: {w.component}" for w in workloads],
            f"`learnflow deploy --namespace {evidence.namespace} --release {evidence.release}`",
        )
    lines = [_workload_line(w) for w in workloads]
    short = [w for w in workloads if w.ready < w.wanted]
    if short:
        names = ", ".join(f"{w.name} has {w.ready} of {w.wanted}" for w in short)
        return failed(f"not every pod is ready: {names}", lines, DOCTOR)
    return passed(f"{counted(len(workloads), 'StatefulSet')}, every pod ready", lines)


def _workload_line(workload: Workload) -> str:
    line = f"statefulset {workload.name}: {workload.ready} of {workload.wanted} pods ready"
    return f"{line}; {workload.trouble}" if workload.trouble else line


def pods_ready(evidence: DeploymentEvidence) -> Outcome:
    """Every pod is ready, and none restarts again and again."""
    pods = known(evidence.snapshot.pods)
    if not pods:
        return failed("the release has no pods", fix=DOCTOR)
    lines = [_pod_line(pod) for pod in pods]
    waiting = [pod.name for pod in pods if not pod.ready]
    if waiting:
        return failed(f"not ready: {', '.join(waiting)}", lines, DOCTOR)
    restarted = [f"{pod.name} ({pod.restarts})" for pod in pods if pod.restarts]
    if restarted:
        return warned(
            f"all are ready; containers have been restarted: {', '.join(restarted)}",
            lines,
            f"`kubectl logs --previous --namespace {evidence.namespace} POD` shows how one ended",
        )
    return passed(f"{counted(len(pods), 'pod')}, all ready", lines)


def _pod_line(pod: Pod) -> str:
    state = "ready" if pod.ready else pod.trouble or pod.phase
    return f"pod {pod.name} on {pod.node or 'no node'}: {state}"


def services_serve(evidence: DeploymentEvidence) -> Outcome:
    """The bootstrap service is there, and every service has all of the pods behind it."""
    services, pods = known(evidence.snapshot.services), known(evidence.snapshot.pods)
    lines = [_service_line(s) for s in services]
    front = [s for s in services if s.component == BROKER and not s.headless]
    if not any(CLIENT_PORT in s.ports for s in front):
        return failed(
            f"no service of the release has port {CLIENT_PORT}, where clients begin",
            lines,
            "`learnflow deploy` makes it again",
        )
    empty = [s.name for s in services if not s.ready]
    if empty:
        return failed(
            f"nothing is behind {', '.join(empty)}",
            lines,
            "compare the service's selector with the pods' labels and readiness: "
            f"`kubectl describe service --namespace {evidence.namespace} {empty[0]}`",
        )
    brokers = sum(1 for pod in pods if pod.component == BROKER and pod.ready)
    partial = [
        s.name for s in front if s.selector and CLIENT_PORT in s.ports and _short(s, brokers)
    ]
    if partial:
        return failed(f"not every ready broker is behind {', '.join(partial)}", lines, DOCTOR)
    return passed(f"{counted(len(services), 'service')} with ready pods behind each", lines)


def _short(service: Service, brokers: int) -> bool:
    # Services of one broker each name their pod in the selector.
    one = any(key.endswith("pod-name") for key in service.selector)
    return (service.ready or 0) < (1 if one else brokers)


def _service_line(service: Service) -> str:
    kind = "headless" if service.headless else service.kind
    ports = ", ".join(map(str, service.ports))
    if service.ready is None:
        return f"service {service.name} ({kind}, {ports}): no EndpointSlice"
    unready = f", {service.unready} not ready" if service.unready else ""
    return f"service {service.name} ({kind}, {ports}): {service.ready} ready{unready}"


def claims_bound(evidence: DeploymentEvidence) -> Outcome:
    """Every claim has its volume."""
    claims = known(evidence.snapshot.claims)
    if not claims:
        return warned(
            "the release claims no volumes: its data goes with its pods",
            fix="deploy with `--set storage.enabled=true`, for data that matters",
        )
    lines = [_claim_line(claim) for claim in claims]
    open_ = [claim.name for claim in claims if claim.phase != "Bound"]
    if open_:
        return failed(f"without a volume: {', '.join(open_)}", lines, DOCTOR)
    return passed(f"{counted(len(claims), 'claim')} bound", lines)


def _claim_line(claim: Claim) -> str:
    line = f"claim {claim.name}: {claim.phase}, {claim.size or 'no size'}, "
    line += f"class {claim.storage_class or 'none'}"
    return f"{line}; {claim.trouble}" if claim.trouble else line


def names_resolve(evidence: DeploymentEvidence) -> Outcome:
    """The bootstrap's and every broker's name resolves in a pod."""
    inside = known(evidence.inside)
    lines = [f"{name}: {fault or 'resolves'}" for name, fault in inside.names.items()]
    unknown = [name for name, fault in inside.names.items() if fault is not None]
    if unknown:
        return failed(
            f"in pod {inside.pod}, no address for {', '.join(unknown)}",
            lines,
            inside.doctor
            if inside.client
            else "look at the cluster's DNS: `kubectl get pods,service --namespace kube-system "
            "--selector k8s-app=kube-dns`",
        )
    if not lines:
        return not_checked("no name was asked for")
    return passed(f"all {len(lines)} names resolve in pod {inside.pod}", lines)


def listeners_reachable(evidence: DeploymentEvidence) -> Outcome:
    """Every address that brokers advertise inside the cluster takes connections there."""
    inside = known(evidence.inside)
    if not inside.addresses:
        return not_checked(
            "the brokers did not tell which addresses they advertise", fix="see the findings above"
        )
    lines = [f"{at}: {fault or 'takes connections'}" for at, fault in inside.addresses.items()]
    closed = [address for address, fault in inside.addresses.items() if fault is not None]
    if closed:
        return failed(
            f"from pod {inside.pod}, no connection to {', '.join(closed)}", lines, inside.doctor
        )
    return passed(
        f"all {len(lines)} advertised addresses take connections from pod {inside.pod}", lines
    )


def ensemble_serves(evidence: DeploymentEvidence) -> Outcome:
    """ZooKeeper has one leader, and every other server follows it."""
    workloads = known(evidence.snapshot.workloads)
    wanted = next((w.wanted for w in workloads if w.component == ZOOKEEPER), None)
    if wanted is None:
        return passed("no ZooKeeper: the brokers keep their metadata in KRaft")
    servers = known(evidence.zookeeper)
    lines = [f"{pod}: {s.mode or s.fault or 'no answer'}" for pod, s in servers.items()]
    modes = [s.mode for s in servers.values()]
    leaders = modes.count("leader") + modes.count("standalone")
    serving = leaders + modes.count("follower")
    if leaders != 1:
        return failed(
            f"the ensemble has {leaders} leaders, {serving} of {wanted} servers serve",
            lines,
            f"`learnflow logs --namespace {evidence.namespace} --component zookeeper`",
        )
    if serving < wanted:
        return failed(f"{serving} of {wanted} ZooKeeper servers serve", lines, DOCTOR)
    return passed(f"one leader, {counted(serving - 1, 'follower')}", lines)


CHECKS: Final[tuple[Check[DeploymentEvidence], ...]] = (
    Check("kubernetes.namespace", "Is the release's namespace there?", namespace_active),
    Check(
        "kubernetes.workloads",
        "Has every StatefulSet of the release all of its pods ready?",
        workloads_complete,
    ),
    Check("kubernetes.pods", "Is every pod ready, and has none been restarted?", pods_ready),
    Check(
        "kubernetes.services",
        "Is there a service to begin at, and are the ready pods behind each?",
        services_serve,
    ),
    Check("kubernetes.claims", "Has every claim its volume?", claims_bound),
    Check(
        "kubernetes.dns",
        "Do the bootstrap's and every broker's name resolve in a pod?",
        names_resolve,
    ),
    Check(
        "kubernetes.listeners",
        "Does every address that brokers advertise in the cluster take connections in a pod?",
        listeners_reachable,
    ),
    Check(
        "kubernetes.zookeeper",
        "In mode zookeeper: has the ensemble one leader, and does every other server follow?",
        ensemble_serves,
    ),
)


def evaluate(evidence: DeploymentEvidence) -> Report:
    """One finding a check, in the order of the table."""
    return report(CHECKS, evidence)
