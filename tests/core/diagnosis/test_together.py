"""One fault of several pods is one finding; what differs in more than the pod stays apart."""

from dataclasses import replace

from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.evidence import Evidence
from learnflow_kafka.core.diagnosis.objects import Pod, StorageClass, Terminated
from learnflow_kafka.core.diagnosis.ranking import Ranked
from learnflow_kafka.core.diagnosis.signs import LogSign, Sign
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.diagnosis.together import together
from learnflow_kafka.core.findings import Status

TIGHT = "-Xmx1800m"


def told(evidence: Evidence, rule: str) -> list[Cause]:
    """The causes of a rule."""
    return [r.cause for r in diagnose(evidence).causes if r.cause.rule == rule]


def heaped(number: int, heap: str = TIGHT, **changes: object) -> Pod:
    """A broker's pod with this heap and a limit of 2 GiB."""
    return replace(g.pod(number, containers=(g.container(heap=heap),)), **changes)  # type: ignore[arg-type] # of a pod


def ended(number: int) -> Pod:
    """A broker's pod that was ended for its memory and is not up again."""
    return g.crashed(number, 137, last=Terminated("OOMKilled", 137), heap="-Xmx2g")


def test_a_heap_of_three_pods_is_one_warning():
    """It names them all, each with its proof; the command is for their workload."""
    (cause,) = told(g.healthy(pods=tuple(map(heaped, range(3)))), "crash.out_of_memory")

    assert cause.status is Status.WARNING
    assert cause.detail.startswith("the heap of kafka-0, kafka-1, kafka-2 (1800Mi) leaves")
    assert {p.object for p in cause.proof} == {"pod kafka-0", "pod kafka-1", "pod kafka-2"}
    assert cause.about == ("memory of kafka-0", "memory of kafka-1", "memory of kafka-2")
    assert cause.remedy is not None
    assert "statefulset/kafka" in str(cause.remedy.command)


def test_pods_of_two_workloads_are_two():
    """Each has its own way out, even where the sentences are alike."""
    strangers = [
        heaped(n, name=f"tools-{n}", owner=owner)
        for n, owner in ((0, "ReplicaSet/a"), (1, "ReplicaSet/b"))
    ]
    pods = (heaped(0), heaped(1), *strangers)
    found = told(g.healthy(pods=pods), "crash.out_of_memory")

    assert [len(c.about) for c in found] == [2, 1, 1]


def test_another_heap_is_another_fault():
    """A pod that still has the values of before stands apart."""
    pods = (heaped(0), heaped(1), heaped(2, "-Xmx2g"))
    found = told(g.healthy(pods=pods), "crash.out_of_memory")

    assert [c.about for c in found] == [
        ("memory of kafka-0", "memory of kafka-1"),
        ("memory of kafka-2",),
    ]


def test_all_that_were_ended_for_their_memory_are_replaced_by_one_command():
    """What follows from any of them follows from the one finding."""
    base = faults.oom()
    found = diagnose(replace(base, pods=(base.pods[0], ended(1), ended(2))))
    (root,) = (r.cause for r in found.causes if r.of is None)

    assert root.about == ("pod/kafka-1", "pod/kafka-2")
    assert root.remedy is not None
    assert "delete pod kafka-1 kafka-2 -n kafka" in str(root.remedy.command)
    assert {r.of for r in found.causes if r.cause is not root} == {root}


def test_claims_of_one_template_are_one():
    """They ask for the same, and one class would serve them all."""
    base = faults.no_default_class()
    waiting = tuple(g.claim(n, phase="Pending", volume=None, storage_class=None) for n in range(3))
    found = replace(
        base, claims=waiting, volumes=(), events=(), classes=(StorageClass("standard", "csi"),)
    )
    (cause,) = told(found, "claim.no_volume")

    assert "data-kafka-0, data-kafka-1, data-kafka-2" in cause.detail


def test_lines_that_differ_stay_apart():
    """Each log says something of its own, and is to be read by itself."""
    base = faults.misconfigured()
    logs = tuple(LogSign(f"kafka-{n}", Sign.CONFIG, f"Invalid value {n}") for n in (1, 2))
    pods = (base.pods[0], g.crashed(1), g.crashed(2))

    assert len(told(replace(base, pods=pods, logs=logs), "crash.other")) == 2


def test_a_name_within_an_address_is_left_alone():
    """`kafka-1` is not meant where a host's name, or `kafka-10`, begins with it."""
    told = [
        Ranked(Cause("crash.other", (f"pod/{name}",), f"{name}: no way to {name}.kafka or {name}0"))
        for name in ("kafka-1", "kafka-2")
    ]

    assert together(told, g.healthy()) == tuple(told)


def test_what_is_told_twice_of_one_pod_is_told_once():
    """Word for word the same."""
    told = [Ranked(Cause("crash.other", ("pod/kafka-1",), "kafka-1 ends")) for _ in range(2)]

    assert [r.cause.detail for r in together(told, g.healthy())] == ["kafka-1 ends"]
