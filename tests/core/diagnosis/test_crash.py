"""Containers that end: whose disk is the wrong one, what was refused, and what is long over."""

from dataclasses import replace

import pytest
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.evidence import Evidence, NodeView
from learnflow_kafka.core.diagnosis.objects import Pod
from learnflow_kafka.core.diagnosis.signs import LogSign, Sign
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.findings import Status

FORMAT = (
    "java.lang.RuntimeException: Invalid cluster.id in: /data/meta.properties. "
    "Expected {}, but read {}"
)
INCONSISTENT = "ERROR Unexpected error INCONSISTENT_CLUSTER_ID in FETCH response: InboundResponse()"


def told(evidence: Evidence, rule: str) -> list[Cause]:
    """What one rule finds."""
    return [r.cause for r in diagnose(evidence).causes if r.cause.rule == rule]


def crashed(*lines: str, sign: Sign = Sign.CLUSTER_ID) -> Evidence:
    """Brokers that all crash, each with a line in its log; nobody answers."""
    return g.healthy(
        pods=tuple(map(g.crashed, range(3))),
        logs=tuple(LogSign(f"kafka-{n}", sign, line) for n, line in enumerate(lines)),
        kafka=g.kafka(views=(), cluster=None, quorum=None),
    )


def test_the_disk_that_differs_from_most_is_named_with_its_id():
    """The node that has it is the only one that is blamed, and keeps the others' id."""
    (cause,) = told(faults.strange_disk(), "crash.cluster_id")

    assert cause.about == ("pod/kafka-2",)
    assert "pod kafka-2" in cause.detail
    assert "old" in cause.detail
    assert "cluster-1" in cause.detail
    assert ("pod kafka-0", "cluster-1") in {(p.object, p.value) for p in cause.proof}
    assert cause.remedy is not None
    assert "clusterId" not in cause.remedy.what


def test_those_who_complain_of_the_odd_disk_are_not_blamed():
    """Voters that refuse another's fetches have done nothing wrong."""
    base = faults.strange_disk()
    complaint = LogSign("kafka-1", Sign.CLUSTER_ID, INCONSISTENT)
    unready = g.pod(1, conditions=(), containers=(g.container(ready=False),))
    pods = (base.pods[0], unready, base.pods[2])
    causes = told(replace(base, pods=pods, logs=(*base.logs, complaint)), "crash.cluster_id")

    assert [c.about for c in causes] == [("pod/kafka-2",)]


def test_disks_that_agree_want_their_id_back():
    """Where all disks are of one cluster, the id that was configured is the wrong one."""
    (cause,) = told(crashed(*(FORMAT.format("new", "old") for _ in range(3))), "crash.cluster_id")

    assert cause.about == ("pod/kafka-0", "pod/kafka-1", "pod/kafka-2")
    assert cause.remedy is not None
    assert "`clusterId: old`" in cause.remedy.what


def test_a_disk_of_the_release_next_door_is_no_odd_one():
    """Two releases in one namespace are two clusters: their disks are not compared."""
    base = faults.strange_disk()
    labels = {**g.LABELS, "app.kubernetes.io/instance": "other"}
    pods = (*base.pods[:2], replace(base.pods[2], labels=labels))

    assert told(replace(base, pods=pods), "crash.cluster_id") == []


def test_disks_that_all_keep_an_older_id_are_no_fault():
    """The chart starts nodes with the id on their disks, and says so at each start."""
    line = "[learnflow start] this disk belongs to cluster old; the id new of the chart is not used"

    assert told(crashed(line, line, line, sign=Sign.DISK_ID), "crash.cluster_id") == []


def test_two_disks_that_differ_leave_open_which_is_wrong():
    """There is no majority of one against one: both ids are told."""
    base = crashed(FORMAT.format("new", "old"))
    views = (NodeView("kafka-1", g.cluster(cluster_id="new")),)
    (cause,) = told(replace(base, kafka=replace(base.kafka, views=views)), "crash.cluster_id")

    assert {p.value for p in cause.proof if p.field == "cluster id of its disk"} == {"old", "new"}


@pytest.mark.parametrize("other", [Sign.PERMISSION, Sign.CONFIG, Sign.DISK_ID])
def test_a_refusal_of_the_start_script_is_quoted_before_all_else(other: Sign):
    """Whatever the last try said besides, the refusal is why it ended."""
    base = faults.refused()
    besides = LogSign("kafka-2", other, "something else", previous=True)
    (cause,) = told(replace(base, logs=(*base.logs, besides)), "crash.other")

    assert "the chart now says '0'" in cause.detail
    assert "the chart now says '0'" in cause.proof[1].value


def with_heap(option: str, limit: int, pod: Pod | None = None) -> Evidence:
    """A pod with this heap and memory limit; nothing has happened."""
    one = pod or g.pod(2)
    sized = replace(one.containers[0], heap=option, limits={"memory": limit})
    return g.healthy(pods=(g.pod(0), g.pod(1), replace(one, containers=(sized,))))


@pytest.mark.parametrize(
    ("option", "limit", "asked"),
    [
        ("-Xmx1600m", 2 * g.GI, "2100Mi"),
        ("-Xmx2g", 2 * g.GI, "2548Mi"),
        ("-XX:MaxRAMPercentage=75", g.GI, "2000Mi"),
        ("-XX:MaxRAMPercentage=100", g.GI, None),
    ],
)
def test_a_heap_that_leaves_too_little_beside_it_is_a_warning(
    option: str, limit: int, asked: str | None
):
    """Before anything has crashed; a heap in percent grows with the limit that is asked for."""
    (cause,) = told(with_heap(option, limit), "crash.out_of_memory")

    assert cause.status is Status.WARNING
    assert cause.remedy is not None
    assert cause.remedy.command == (
        asked
        and f"kubectl set resources statefulset/kafka -n kafka -c kafka --limits=memory={asked}"
    )


@pytest.mark.parametrize(
    ("option", "limit"),
    [("-Xmx1548m", 2 * g.GI), ("-XX:MaxRAMPercentage=75", 2 * g.GI), ("-Xmx512m", g.GI)],
)
def test_a_heap_with_500_mi_beside_it_is_none(option: str, limit: int):
    """What fits exactly is no warning."""
    assert told(with_heap(option, limit), "crash.out_of_memory") == []


def test_a_program_that_is_not_kafka_needs_no_500_mi():
    """The pod of `helm test` runs Kafka's tools in 512Mi."""
    tools = g.pod(2, name="kafka-test", labels={"app.kubernetes.io/component": "test"})

    assert told(with_heap("-Xmx128m", g.GI // 2, tools), "crash.out_of_memory") == []
    assert told(with_heap("-Xmx512m", g.GI // 2, tools), "crash.out_of_memory")


@pytest.mark.parametrize(
    ("minutes", "status"),
    [
        (20, Status.FAILED),
        (61, Status.WARNING),
        (23 * 60, Status.WARNING),
        (25 * 60, None),
    ],
)
def test_an_end_for_memory_counts_less_the_longer_the_container_runs_since(
    minutes: int, status: Status | None
):
    """Within an hour it may end again at once; after a day its memory was enough for all loads."""
    causes = told(faults.oom_over(minutes), "crash.out_of_memory")

    assert [c.status for c in causes] == ([] if status is None else [status])
    assert diagnose(faults.oom_over(minutes)).healthy() is (status is not Status.FAILED)


@pytest.mark.parametrize(("running", "found"), [(False, [Status.FAILED]), (True, [])])
def test_an_old_end_for_memory_is_why_it_is_down_only_where_it_does_not_run(
    running: bool,  # noqa: FBT001 - a parameter of the test
    found: list[Status],
):
    """A container that runs since and is not ready has another reason for that."""
    base = faults.oom_over(3 * 24 * 60)
    first = base.pods[0]
    down = replace(first.containers[0], ready=False, running=running)
    pods = (replace(first, containers=(down,)), *base.pods[1:])

    assert [c.status for c in told(replace(base, pods=pods), "crash.out_of_memory")] == found
