"""ZooKeeper, where Kafka 3.9 stands on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.roles import Role, called, pods_of, ready, workloads_of
from learnflow_kafka.core.diagnosis.signs import Sign
from learnflow_kafka.core.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.core.diagnosis.evidence import Evidence, ZooKeeperServer
    from learnflow_kafka.core.diagnosis.objects import Workload

ALONE: Final = "standalone"
_NOT_SERVING: Final = "not currently serving requests"
_FORBIDDEN_WORD: Final = "is not executed because it is not in the whitelist"
_REASONS: Final = {
    Sign.ZK_NEWER_CLIENT: (
        "a client has seen newer data than this server has: its disk was lost or is older"
    ),
    Sign.ZK_SMALLER_ID: "it cannot reach the servers with larger ids, only be reached by them",
    Sign.ZK_MYID: "its myid is missing or not in the list of servers",
    Sign.UNKNOWN_HOST: "the name of another server does not resolve",
    Sign.DISK_FULL: "its disk is full",
    Sign.CONFIG: "its configuration is not accepted",
}
_SLOW_MS: Final = 1000


def not_serving(evidence: Evidence) -> Iterator[Cause]:
    """
    The ensemble has no majority, or one of its servers does not serve.

    Asks every server `srvr`, `mntr` and `ruok` on port 2181: its mode (leader, follower,
    standalone), its zxid, its followers; and reads its log for the reason: a `myid` that does
    not fit, a server that only accepts connections from larger ids, a client that has seen a
    newer zxid (the disk was lost). Three servers that each say `standalone` are three
    ensembles.

    Way out: the server and the reason that are named. A list of four-letter words without
    `srvr` makes `zkServer.sh status` fail though all is well: a warning.
    """
    servers = evidence.zookeeper
    if not servers:
        yield from _no_server(evidence)
        return
    wanted = max(len(servers), sum(w.wanted for w in workloads_of(evidence, Role.ZOOKEEPER)))
    modes = {s.pod: mode(s) for s in servers}
    serving = [pod for pod, found in modes.items() if found is not None]
    mute = [s for s in servers if _FORBIDDEN_WORD in s.answers.get("srvr", "")]
    alone = [pod for pod, found in modes.items() if found == ALONE]
    down = [s for s in servers if modes[s.pod] is None and s not in mute]
    if len(alone) > 1 or (alone and wanted > 1):
        yield _apart(alone, evidence)
    elif down or len(serving) + len(mute) < wanted:
        # A ready server that gave us no answer may be one that we did not reach.
        ready_ = {p.name for p in evidence.pods if ready(p)}
        unsure = [s for s in down if s.silence is not None and s.pod in ready_]
        good = len(serving) + len(mute)
        lost = 2 * (good + len(unsure)) <= wanted
        yield _down(down, wanted, evidence, serving=good, lost=lost)
    if mute:
        yield Cause(
            "zookeeper.not_serving",
            ("zookeeper words",),
            f"{mute[0].pod} does not answer `srvr`: `zkServer.sh status` fails, the server works",
            (Proof(f"pod {mute[0].pod}", "srvr", mute[0].answers["srvr"].strip()),),
            Remedy("allow the word: ZOO_4LW_COMMANDS_WHITELIST=srvr,ruok,mntr", Safety.ASKS),
            Status.WARNING,
        )


def sessions(evidence: Evidence) -> Iterator[Cause]:
    """
    Brokers lose their sessions with ZooKeeper.

    Looks at the brokers' logs (session expired, connection timed out) and at ZooKeeper's own
    figures: restarts, latency (`mntr`), memory. A broker without a session is no broker until
    it registers anew.

    Way out: a ZooKeeper with a faster disk and enough memory; a longer
    `zookeeper.session.timeout.ms` hides pauses and delays failover.
    """
    lost = [s for s in evidence.logs if s.sign is Sign.ZK_SESSION]
    if not lost:
        return
    pods = list(dict.fromkeys(s.pod for s in lost))
    yield Cause(
        "zookeeper.sessions",
        (causes.SESSIONS,),
        f"{', '.join(pods)} lost the session with ZooKeeper",
        (
            *(Proof(called(evidence, s.pod), "log", s.line) for s in lost[:4]),
            *_figures(evidence),
        ),
        Remedy(
            "look at ZooKeeper's restarts, disk and pauses before you lengthen the session "
            "(zookeeper.session.timeout.ms, 18 s by default)",
            Safety.SAFE,
            f"kubectl get pods -n {evidence.namespace} -l app.kubernetes.io/name=zookeeper"
            if evidence.namespace
            else None,
        ),
    )


def mode(server: ZooKeeperServer) -> str | None:
    """`leader`, `follower`, `observer` or `standalone`; None where it does not serve."""
    told = server.answers.get("srvr", "")
    if _NOT_SERVING in told:
        return None
    found = re.search(r"^Mode: (\w+)", told, re.MULTILINE)
    if found:
        return found[1]
    state = re.search(r"^zk_server_state\s+(\w+)", server.answers.get("mntr", ""), re.MULTILINE)
    return state[1] if state else None


def _no_server(evidence: Evidence) -> Iterator[Cause]:
    """Pods of ZooKeeper that were not asked are down; that none exists is told by the brokers."""
    sets = list(workloads_of(evidence, Role.ZOOKEEPER))
    up = sum(w.ready for w in sets)
    wanted = sum(w.wanted for w in sets)
    if sets and 2 * up <= wanted:
        yield Cause(
            "zookeeper.not_serving",
            (causes.ZOOKEEPER,),
            f"{up} of {wanted} ZooKeeper servers are ready: no majority",
            tuple(Proof(f"{w.kind} {w.name}", "status.readyReplicas", str(w.ready)) for w in sets),
            _restart(evidence),
        )


def _apart(alone: list[str], evidence: Evidence) -> Cause:
    return Cause(
        "zookeeper.not_serving",
        ("zookeeper split", causes.ZOOKEEPER),
        f"{', '.join(alone)} serve alone: each is an ensemble of its own",
        tuple(Proof(called(evidence, pod), "srvr", f"Mode: {ALONE}") for pod in alone),
        Remedy(
            "give every server the list of all servers (ZOO_SERVERS) and its own id; what was "
            "written to the others is lost when they join",
            Safety.DANGEROUS,
        ),
    )


def _down(
    down: list[ZooKeeperServer], wanted: int, evidence: Evidence, *, serving: int, lost: bool
) -> Cause:
    reasons = {s.pod: _reason(s.pod, evidence) for s in down}
    why = "; ".join(f"{pod}: {reason}" for pod, reason in reasons.items() if reason)
    names = ", ".join(s.pod for s in down) or "servers are missing"
    return Cause(
        "zookeeper.not_serving",
        (causes.ZOOKEEPER,) if lost else ("zookeeper server",),
        f"{serving} of {wanted} ZooKeeper servers serve"
        f"{': no majority, so no broker can register' if lost else ''}; not serving: {names}"
        + (f" ({why})" if why else ""),
        (
            *(
                Proof(
                    called(evidence, s.pod),
                    "srvr",
                    s.silence or s.answers.get("srvr", "").strip() or "no answer",
                )
                for s in down
            ),
            *(
                Proof(called(evidence, s.pod), "log", s.line)
                for s in evidence.logs
                if s.pod in reasons and s.sign in _REASONS
            ),
        ),
        _restart(evidence),
        Status.FAILED if lost else Status.WARNING,
    )


def _reason(pod: str, evidence: Evidence) -> str | None:
    return next(
        (_REASONS[s.sign] for s in evidence.logs if s.pod == pod and s.sign in _REASONS), None
    )


def _restart(evidence: Evidence) -> Remedy:
    found = next(workloads_of(evidence, Role.ZOOKEEPER), None)
    if found is not None and found.wanted == 0:
        return _start(found, evidence)
    return Remedy(
        "mend the servers that are named, one at a time; never delete the disks of a majority",
        Safety.ASKS,
        f"kubectl logs -n {evidence.namespace} --tail 100 -l app.kubernetes.io/name=zookeeper"
        if evidence.namespace
        else None,
    )


def _start(found: Workload, evidence: Evidence) -> Remedy:
    """Start as many servers as left a claim: fewer, or more, are another ensemble."""
    owned = [rf"{re.escape(f'{t.name}-{found.name}')}-\d+" for t in found.claims]
    servers = sum(any(re.fullmatch(own, c.name) for own in owned) for c in evidence.claims)
    return Remedy(
        "start its servers, as many as there were",
        Safety.SAFE,
        f"kubectl scale {found.kind.lower()}/{found.name} -n {evidence.namespace} "
        f"--replicas {servers // len(owned)}"
        if servers
        else None,
    )


def _figures(evidence: Evidence) -> Iterator[Proof]:
    for pod in pods_of(evidence, Role.ZOOKEEPER):
        restarts = sum(c.restarts for c in pod.containers)
        if restarts:
            yield Proof(f"pod {pod.name}", "status.containerStatuses[].restartCount", str(restarts))
    for server in evidence.zookeeper:
        told = server.answers.get("mntr", "")
        found = re.search(r"^zk_max_latency\s+(\d{1,12})", told, re.MULTILINE)
        if found and int(found[1]) > _SLOW_MS:
            yield Proof(f"pod {server.pod}", "mntr zk_max_latency", f"{found[1]} ms")
