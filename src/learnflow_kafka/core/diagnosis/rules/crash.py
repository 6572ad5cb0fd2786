"""Containers, and processes on this machine, that start and end again."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.diagnosis import causes
from learnflow_kafka.core.diagnosis.amounts import MI, bytes_of_heap, shown
from learnflow_kafka.core.diagnosis.causes import Cause, Proof, Remedy, Safety
from learnflow_kafka.core.diagnosis.evidence import Where
from learnflow_kafka.core.diagnosis.roles import Role, called, cluster_of, reference, role
from learnflow_kafka.core.diagnosis.signs import Sign
from learnflow_kafka.core.findings import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from learnflow_kafka.core.diagnosis.evidence import Disk, Evidence
    from learnflow_kafka.core.diagnosis.objects import Container, Pod, Terminated
    from learnflow_kafka.core.diagnosis.signs import LogSign

OOM: Final = "OOMKilled"
KILLED: Final = 137
"""128 + SIGKILL."""

BESIDE_HEAP: Final = 500 * MI
"""What a broker needs beside its heap: metaspace, threads, direct buffers, mapped indexes."""

_ID_OF_DISK: Final = re.compile(
    r"(?:this disk belongs to cluster |stored clusterId (?:Some\()?"
    r"|Invalid cluster\.id in: .* but read )([\w-]+)"
)
_KNOWN: Final = (
    Sign.LOST_FOUND, Sign.CLUSTER_ID, Sign.UNFORMATTED, Sign.DISK_FULL, Sign.NODE_ID,
    Sign.OUT_OF_MEMORY,
)  # fmt: skip
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_FULL: Final = 0.98
_TIGHT: Final = 0.85


def out_of_memory(evidence: Evidence) -> Iterator[Cause]:
    """
    The kernel ended a container for its memory, or Java ran out of heap.

    Looks at `lastState.terminated` (`OOMKilled`, or exit code 137 that no probe explains),
    at the memory limit, and at the heap (`-Xmx`, `MaxRAMPercentage`). A broker needs some
    500 Mi beside its heap, and the rest of the node's memory as page cache. A heap that does
    not fit its limit, or leaves less than that beside it, is a warning before anything has
    happened. So is a container that was ended more than an hour ago and runs since; after a day
    it is none any more, since its memory was enough for a whole day's load.

    Way out: a limit of at least the heap and 500 Mi, or a smaller heap. Pods of one workload with
    the same heap and limit are one finding.
    """
    for pod in evidence.pods:
        for container in pod.containers:
            limit = container.limits.get("memory")
            heap = bytes_of_heap(container.heap, limit)
            if status := _killed_for_memory(pod, container, evidence):
                yield _too_little_memory(pod, container, heap, status, evidence)
            elif heap is not None and limit is not None and heap + _beside(pod) > limit:
                yield _heap_too_large(pod, container, limit, heap, evidence)
    for name, told in _told(evidence, Sign.OUT_OF_MEMORY).items():
        yield Cause(
            "crash.out_of_memory",
            (reference(evidence, name),),
            f"Java ran out of memory in {called(evidence, name)}",
            _lines(evidence, told),
            Remedy("give it a larger heap, and a limit 500 Mi above", Safety.ASKS),
        )


def lost_found(evidence: Evidence) -> Iterator[Cause]:
    """
    Kafka takes the disk's `lost+found` for a topic's folder and stops.

    Looks at the log ("Found directory .../lost+found"): the log directory is the root of a
    volume with an ext4 file system.

    Way out: a log directory one level below the volume's root, or a `subPath`.
    """
    for name, told in _told(evidence, Sign.LOST_FOUND).items():
        mounts = [
            Proof(f"pod {p.name}", f"spec.containers[{c.name}].volumeMounts[{m.volume}]", m.path)
            for p in evidence.pods
            if p.name == name
            for c in p.containers
            for m in c.mounts
            if m.path in c.settings.get("KAFKA_LOG_DIRS", "").split(",") and not m.sub_path
        ]
        yield Cause(
            "crash.lost_found",
            (reference(evidence, name),),
            f"the log directory of {called(evidence, name)} is the root of its volume, where "
            "lost+found is",
            (*_lines(evidence, told), *mounts),
            Remedy(
                "put the log directory one level down (KAFKA_LOG_DIRS), or mount with a subPath; "
                "data that lies in the root already has to be moved there by hand",
                Safety.ASKS,
                manifest="env:\n  - name: KAFKA_LOG_DIRS\n    value: /var/lib/kafka/data/logs\n",
            ),
        )


def cluster_id(evidence: Evidence) -> Iterator[Cause]:
    """
    A disk belongs to another cluster than the one that the broker is started for.

    Looks at the log (`InconsistentClusterIdException`, and what the chart's start script says of
    the disk), and compares the ids of all disks, as logs and brokers tell them: where one differs
    from most, that disk is named, and not those who complain of it. The claims were kept and
    ZooKeeper, or the object that keeps the id, was made anew; or a volume came from elsewhere.

    Way out: give the cluster its old id again, which the finding prints where it is known; or,
    where one disk is the odd one, give that node its own disk. Deleting the claim also makes the
    broker start, without its data: never the first step.
    """
    ids = _ids_of_disks(evidence)
    clusters = {p.name: cluster_of(p.labels) for p in evidence.pods}
    usual = {
        name: _most(i for n, i in ids.items() if clusters.get(n) == clusters.get(name))
        for name in ids
    }
    odd = {name for name, id_ in ids.items() if usual[name] not in {None, id_}}
    told = _told(evidence, Sign.CLUSTER_ID, Sign.NODE_ID, Sign.DISK_ID)
    explained = {clusters.get(name) for name in odd & told.keys()}
    for name, lines in told.items():
        said = {sign.sign for sign in lines}
        if name in odd:
            yield _strange_disk(name, lines, ids, usual[name], evidence)
        elif Sign.NODE_ID in said:
            yield _strange_disk(name, lines, {}, None, evidence)
        elif Sign.CLUSTER_ID in said and clusters.get(name) not in explained:
            yield _strange_disk(name, lines, ids, None, evidence)


def not_formatted(evidence: Evidence) -> Iterator[Cause]:
    """
    Kafka's storage is not formatted for the mode that it starts in.

    Looks at the log: Kafka 4 without `controller.quorum.voters` wants its quorum made with
    `kafka-storage format --standalone` or `--initial-controllers`; Kafka 3.9 in ZooKeeper
    mode cannot start through the official image's entrypoint, which formats for KRaft.

    Way out: name the voters (our chart does), or format as the message says.
    """
    for name, told in _told(evidence, Sign.UNFORMATTED).items():
        legacy = any("legacy" in sign.line for sign in told)
        yield Cause(
            "crash.not_formatted",
            (reference(evidence, name),),
            f"the storage of {called(evidence, name)} is not formatted: "
            + (
                "the entrypoint formats for KRaft, and this is ZooKeeper mode"
                if legacy
                else "the quorum is not made yet"
            ),
            _lines(evidence, told),
            Remedy(
                "start Kafka without the entrypoint: `command: [/opt/kafka/bin/"
                "kafka-server-start.sh, FILE]`"
                if legacy
                else "set `controller.quorum.voters` to all controllers, the same on each",
                Safety.ASKS,
                manifest=None
                if legacy
                else "env:\n  - name: KAFKA_CONTROLLER_QUORUM_VOTERS\n"
                "    value: 0@kafka-0.kafka-headless:9093,1@kafka-1.kafka-headless:9093,"
                "2@kafka-2.kafka-headless:9093\n",
            ),
        )


def disk_full(evidence: Evidence) -> Iterator[Cause]:
    """
    A broker's disk is full, or nearly.

    Looks at the log ("No space left on device"), at the log directories that Kafka took
    offline, and at the room on the disk under them. A warning from 85 %: Kafka deletes by
    segment and by time, and a disk that is full stops the broker.

    Way out: enlarge the claim where its class allows (`allowVolumeExpansion`), else lower
    retention while the broker still runs. Never delete files below a log directory.
    """
    full = {d.node: d for d in evidence.kafka.disks if _used(d) >= _FULL or d.fault}
    told = _told(evidence, Sign.DISK_FULL)
    for name in dict.fromkeys((*told, *full)):
        yield Cause(
            "crash.disk_full",
            (reference(evidence, name),),
            f"the disk of {called(evidence, name)} is full",
            (*_lines(evidence, told.get(name, [])), *_disk(full.get(name)),
             *_claims(name, evidence)),
            _more_room(name, evidence),
        )  # fmt: skip
    for disk in evidence.kafka.disks:
        if disk.node not in {*told, *full} and _used(disk) >= _TIGHT:
            yield Cause(
                "crash.disk_full",
                (f"disk of {disk.node}",),
                f"the disk of {called(evidence, disk.node)} is {_used(disk):.0%} full",
                _disk(disk),
                _more_room(disk.node, evidence),
                Status.WARNING,
            )


def probe(evidence: Evidence) -> Iterator[Cause]:
    """
    The kubelet ends a container again and again because its liveness or startup probe fails.

    Looks at the events `Unhealthy` and `Killing`. A broker that recovers its log, or takes
    long to find its quorum, is killed in the middle of it, and starts all over.

    Way out: a startup probe that leaves it the time, and a liveness probe that asks only
    whether the process hangs.
    """
    for pod in evidence.pods:
        killing = [
            e
            for e in evidence.events
            if e.kind == "Pod"
            and e.name == pod.name
            and e.reason in {"Killing", "Unhealthy"}
            and ("failed liveness probe" in e.message or "failed startup probe" in e.message)
        ]
        if killing and any(c.restarts and not c.ready for c in pod.containers):
            event = max(killing, key=lambda e: e.seen_ms)
            yield Cause(
                "crash.probe",
                (causes.pod(pod.name),),
                f"pod {pod.name} is killed by its own probe: {event.message}",
                (
                    Proof(f"pod {pod.name}", f"event {event.reason}", event.message),
                    *_ends(pod),
                ),
                Remedy(
                    "give the startup probe a higher failureThreshold, and take the liveness "
                    "probe away until it runs",
                    Safety.ASKS,
                    f"kubectl logs {pod.name} -n {pod.namespace} --previous",
                ),
            )


def other(evidence: Evidence) -> Iterator[Cause]:
    """
    A container ends again and again, for a reason that no other rule knows.

    Gives its exit code and those lines of its log that tell something: why the chart's start
    script refused, bad configuration, a file that may not be written, an address that is taken.

    Way out: what the line says. A name that does not resolve, or a ZooKeeper that does not
    serve, has a finding of its own above this one.
    """
    explained = {s.pod for s in evidence.logs if s.sign in _KNOWN}
    for pod in evidence.pods:
        ended = [
            c
            for c in pod.containers
            if _crashes(c)
            and not _killed_for_memory(pod, c, evidence)
            and pod.name not in explained
        ]
        if not ended:
            continue
        told = [
            s for s in evidence.logs if s.pod == pod.name and s.sign not in {*_KNOWN, Sign.DISK_ID}
        ]
        code = next((t.exit_code for c in ended for t in (c.last, c.terminated) if t), "?")
        # A refusal is the reason, whatever else was said before it.
        told.sort(key=lambda s: s.sign is Sign.REFUSED)
        why = f": {told[-1].line}" if told else ""
        yield Cause(
            "crash.other",
            (causes.pod(pod.name),),
            f"container {ended[0].name} of {pod.name} ends with exit code {code}{why}",
            (*_ends(pod), *_lines(evidence, told[::-1])),
            Remedy(
                "read the log of the last try",
                Safety.SAFE,
                f"kubectl logs {pod.name} -n {pod.namespace} -c {ended[0].name} --previous",
            ),
        )


def _strange_disk(
    name: str, lines: list[LogSign], ids: Mapping[str, str], usual: str | None, evidence: Evidence
) -> Cause:
    """A disk of another cluster than `usual`, the others', or than what its node is told."""
    mine = ids.get(name)
    what = "node of a cluster" if any(s.sign is Sign.NODE_ID for s in lines) else "cluster"
    configured = [
        Proof(f"pod {p.name}", f"spec.containers[{c.name}].env[{key}]", c.settings[key])
        for p in evidence.pods
        if p.name == name
        for c in p.containers
        for key in ("CLUSTER_ID", "KAFKA_CLUSTER_ID", "NODE_CLUSTER_ID")
        if c.settings.get(key)
    ]
    return Cause(
        "crash.cluster_id",
        (reference(evidence, name),),
        f"the disk of {called(evidence, name)} belongs to another {what}"
        + (f", {mine}" if mine else "")
        + (f"; most others belong to {usual}" if usual else ""),
        (
            *_lines(evidence, lines),
            *configured,
            *(Proof(called(evidence, n), "cluster id of its disk", i) for n, i in ids.items()),
        ),
        Remedy(
            "give it the disk that is its own: the cluster's id is that of the others; deleting "
            "the claim instead loses what this disk alone holds"
            if usual
            else "start it with the id that is on the disk (the log tells it; in the chart: "
            f"`clusterId{f': {mine}' if mine else ''}`); deleting the claim instead loses the "
            "broker's data",
            Safety.ASKS,
        ),
    )


def _ids_of_disks(evidence: Evidence) -> dict[str, str]:
    """The cluster that each node's disk belongs to, where a log or the node itself tells."""
    found = {v.node: v.cluster.cluster_id for v in evidence.kafka.views if v.cluster is not None}
    for sign in evidence.logs:
        if told := _ID_OF_DISK.search(sign.line):
            found[sign.pod] = told[1]
    return found


def _most(ids: Iterable[str]) -> str | None:
    """The id that comes more often than any other, if one does."""
    (first, times), *others = Counter(ids).most_common(2)
    return None if others and others[0][1] == times else first


def _killed_for_memory(pod: Pod, container: Container, evidence: Evidence) -> Status | None:
    """How bad it is that a container was ended for its memory, if it was."""
    ends = [t for t in (container.terminated, container.last) if t is not None]
    probed = any(
        e.kind == "Pod" and e.name == pod.name and "probe" in e.message and e.reason == "Killing"
        for e in evidence.events
    )
    killed = any(t.exit_code == KILLED for t in ends) and not container.ready
    likely = killed and not probed and "memory" in container.limits and pod.deleted_ms is None
    if not likely and not any(t.reason == OOM for t in ends):
        return None
    return _since(ends, evidence.taken_ms) if container.running else Status.FAILED


def _since(ends: Iterable[Terminated], now_ms: int) -> Status | None:
    """What an end is worth of a container that runs again; when it was may not be known."""
    ended = max((t.finished_ms for t in ends if t.finished_ms is not None), default=None)
    if ended is None:
        return Status.WARNING
    if now_ms - ended > _DAY_MS:
        return None
    return Status.WARNING if now_ms - ended > _HOUR_MS else Status.FAILED


def _too_little_memory(
    pod: Pod, container: Container, heap: int | None, status: Status, evidence: Evidence
) -> Cause:
    limit = container.limits.get("memory")
    end = container.last or container.terminated
    java = role(pod) is not Role.OTHER or heap is not None
    needed = _fitting(container, limit, heap or 0) if java else None
    asks = max(needed or 2 * (limit or 0), (limit or 0) + 256 * MI)
    return Cause(
        "crash.out_of_memory",
        (causes.pod(pod.name),),
        f"container {container.name} of {pod.name} was ended for its memory"
        f"{', and runs again' * container.running}: "
        f"its limit is {shown('memory', limit) if limit else 'the node'}"
        + (f", its heap alone may take {shown('memory', heap)}" if heap else ""),
        (
            Proof(
                f"pod {pod.name}",
                f"status.containerStatuses[{container.name}].lastState.terminated",
                f"{end.reason}, exit code {end.exit_code}" if end else "",
            ),
            Proof(
                f"pod {pod.name}",
                f"spec.containers[{container.name}].resources.limits.memory",
                shown("memory", limit) if limit else "not set",
            ),
            *(
                [Proof(f"pod {pod.name}", f"heap of {container.name}", container.heap)]
                if container.heap
                else []
            ),
        ),
        Remedy(
            f"a limit of at least {shown('memory', asks)}"
            + (" (heap and 500 Mi), or a smaller heap" if java else ""),
            Safety.ASKS,
            _limit_command(pod, container, asks, evidence),
        ),
        status,
    )


def _heap_too_large(
    pod: Pod, container: Container, limit: int, heap: int, evidence: Evidence
) -> Cause:
    fitting = _fitting(container, limit, heap)
    left = limit - heap
    return Cause(
        "crash.out_of_memory",
        (f"memory of {pod.name}",),
        f"the heap of {pod.name} ({shown('memory', heap)}) "
        + (
            f"does not fit its memory limit ({shown('memory', limit)}): it will be ended as soon "
            "as it fills"
            if left <= 0
            else f"leaves {shown('memory', left)} of its memory limit ({shown('memory', limit)}), "
            "and a broker needs some 500Mi beside its heap: it may be ended under load"
        ),
        (
            Proof(f"pod {pod.name}", f"heap of {container.name}", container.heap or ""),
            Proof(
                f"pod {pod.name}",
                f"spec.containers[{container.name}].resources.limits.memory",
                shown("memory", limit),
            ),
        ),
        Remedy(
            "a smaller heap"
            if fitting is None
            else f"a limit of at least {shown('memory', fitting)}, or a smaller heap",
            Safety.ASKS,
            None if fitting is None else _limit_command(pod, container, fitting, evidence),
        ),
        Status.WARNING,
    )


def _beside(pod: Pod) -> int:
    """What must fit beside the heap; of other programs we only know that the heap itself must."""
    return 1 if role(pod) is Role.OTHER else BESIDE_HEAP


def _fitting(container: Container, limit: int | None, heap: int) -> int | None:
    """The limit that leaves room beside the heap; None where the heap would grow with it to all."""
    if limit is None or not (container.heap or "").startswith("-XX:MaxRAMPercentage"):
        return heap + BESIDE_HEAP
    left = 1 - heap / limit
    return None if left <= 0 else -(-int(BESIDE_HEAP / left) // MI) * MI


def _limit_command(pod: Pod, container: Container, limit: int, evidence: Evidence) -> str | None:
    kind, _, name = (pod.owner or "").partition("/")
    if kind != "StatefulSet":
        return None
    size = shown("memory", -(-limit // MI) * MI)
    command = (
        f"kubectl set resources statefulset/{name} -n {pod.namespace} -c {container.name} "
        f"--limits=memory={size}"
    )
    if container.ready:
        return command
    # The controller waits for a pod that is not ready before it replaces it.
    waiting = " ".join(
        p.name
        for p in evidence.pods
        if p.owner == pod.owner
        and any(c.name == container.name and not c.ready for c in p.containers)
    )
    return f"{command} && kubectl delete pod {waiting} -n {pod.namespace} --ignore-not-found"


def _crashes(container: Container) -> bool:
    """Whether a container ended badly and is not up again."""
    if container.ready or container.running:
        return False
    if container.waiting is not None and container.waiting.reason == "CrashLoopBackOff":
        return True
    return any(t is not None and t.exit_code for t in (container.terminated, container.last))


def _unwell(evidence: Evidence, name: str) -> bool:
    """Whether a sign of this pod or process is about now: it is not up."""
    if evidence.where is Where.LOCAL:
        return any(p.name == name and p.state == "stopped" for p in evidence.processes)
    return any(
        pod.name == name and not all(c.ready for c in pod.containers if not c.init)
        for pod in evidence.pods
    )


def _told(evidence: Evidence, *wanted: Sign) -> dict[str, list[LogSign]]:
    """The lines with these signs by those who wrote them, of pods that are not up."""
    found: dict[str, list[LogSign]] = {}
    for sign in evidence.logs:
        if sign.sign in wanted and _unwell(evidence, sign.pod):
            found.setdefault(sign.pod, []).append(sign)
    return found


def _lines(evidence: Evidence, told: list[LogSign]) -> tuple[Proof, ...]:
    return tuple(
        Proof(called(evidence, s.pod), "previous log" if s.previous else "log", s.line)
        for s in told[:3]
    )


def _ends(pod: Pod) -> Iterator[Proof]:
    for container in pod.containers:
        end = container.last or container.terminated
        if end is not None:
            yield Proof(
                f"pod {pod.name}",
                f"status.containerStatuses[{container.name}].lastState.terminated",
                f"{end.reason}, exit code {end.exit_code}, {container.restarts} restarts",
            )


def _used(disk: Disk) -> float:
    if not disk.total or disk.usable is None:
        return 0.0
    return 1 - disk.usable / disk.total


def _disk(disk: Disk | None) -> tuple[Proof, ...]:
    if disk is None:
        return ()
    if disk.fault:
        return (Proof(disk.node, f"log directory {disk.path}", disk.fault),)
    room = shown("storage", disk.usable or 0)
    return (Proof(disk.node, f"room under {disk.path}", f"{room}, {_used(disk):.0%} used"),)


def _claims(name: str, evidence: Evidence) -> Iterator[Proof]:
    for pod in evidence.pods:
        for claim in evidence.claims:
            if pod.name == name and any(v.claim == claim.name for v in pod.volumes):
                size = shown("storage", claim.capacity or claim.requested or 0)
                yield Proof(f"claim {claim.name}", "status.capacity.storage", size)
                for condition in claim.conditions:
                    yield Proof(
                        f"claim {claim.name}",
                        f"status.conditions[{condition.type}]",
                        condition.message or condition.status,
                    )


def _more_room(name: str, evidence: Evidence) -> Remedy:
    growing = {c.name for c in evidence.classes if c.expandable}
    for pod in evidence.pods:
        for claim in evidence.claims:
            mine = pod.name == name and any(v.claim == claim.name for v in pod.volumes)
            if mine and claim.storage_class in growing:
                size = shown("storage", 2 * (claim.capacity or claim.requested or 0))
                patch = f'{{"spec":{{"resources":{{"requests":{{"storage":"{size}"}}}}}}}}'
                return Remedy(
                    "enlarge the claim; its class allows it (it cannot shrink again)",
                    Safety.ASKS,
                    f"kubectl patch pvc {claim.name} -n {pod.namespace} -p '{patch}'",
                )
    return Remedy(
        "make room on the disk, or move to a larger one; while the broker runs, a shorter "
        "retention frees whole segments within minutes; never delete files below a log directory",
        Safety.ASKS,
    )
