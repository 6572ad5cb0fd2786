"""Clusters on this machine, started and stopped for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.support.clusters import suspend
from tests.support.ports import free_ports

from learnflow_kafka.adapters.local import launch, probe, processes
from learnflow_kafka.adapters.local.client import LocalRuntime
from learnflow_kafka.core.local import (
    Cluster,
    ClusterSpec,
    LocalEvent,
    Mode,
    NodeStarting,
    NodeState,
    NodeStopped,
    Role,
    Serving,
    Wiped,
)
from learnflow_kafka.errors import (
    ChecksumError,
    LearnflowError,
    PortTakenError,
    RefusedError,
    StartError,
    StorageError,
    UsageError,
)
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.kafka


def up(runtime: LocalRuntime, spec: ClusterSpec) -> list[LocalEvent]:
    return list(runtime.start(spec))


def serving(events: list[LocalEvent]) -> Serving:
    last = events[-1]
    assert isinstance(last, Serving)
    return last


def down(runtime: LocalRuntime, name: str, *, wipe: bool = False) -> list[LocalEvent]:
    return list(runtime.stop(name, wipe=wipe))


def pids(runtime: LocalRuntime, name: str) -> dict[int, int]:
    """Process ids by node id."""
    status = runtime.status(name)
    assert status is not None
    return {n.node.id: n.pid for n in status.nodes if n.pid}


def kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    process.wait(60)


def left(folder: Path) -> list[int]:
    """Processes of ours that live below the folder."""
    word = f"{processes.MARK}{folder}"
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if process.info["status"] == psutil.STATUS_ZOMBIE:
            continue
        if any(w.startswith(word) for w in process.info["cmdline"] or ()):
            found.append(process.pid)
    return found


@pytest.fixture
def spec() -> ClusterSpec:
    """One broker at a free port."""
    return ClusterSpec(name="t", port=free_ports(1))


def test_data_and_cluster_id_survive_down(runtime: LocalRuntime, spec: ClusterSpec):
    """A second life is the same cluster at the same address."""
    first = serving(up(runtime, spec)).cluster
    down(runtime, "t")
    second = serving(up(runtime, ClusterSpec(name="t"))).cluster

    assert second == first
    assert len(first.cluster_id) == 22


def test_a_second_up_finds_the_running_cluster(runtime: LocalRuntime, spec: ClusterSpec):
    """Nothing is started; the process is the one that was there."""
    up(runtime, spec)
    before = pids(runtime, "t")
    events = up(runtime, ClusterSpec(name="t"))

    assert serving(events).already
    assert not [e for e in events if isinstance(e, NodeStarting)]
    assert pids(runtime, "t") == before


def test_down_leaves_no_process_behind(runtime: LocalRuntime, spec: ClusterSpec, tmp_path: Path):
    """Not one process of the cluster is there, and a second `down` has nothing to do."""
    up(runtime, spec)
    events = down(runtime, "t")

    assert [type(e) for e in events] == [NodeStopped]
    assert left(tmp_path) == []
    assert down(runtime, "t") == []


def test_wipe_removes_the_data_and_the_name(runtime: LocalRuntime, spec: ClusterSpec):
    """Afterwards there is no cluster of that name and no folder."""
    cluster = serving(up(runtime, spec)).cluster
    events = down(runtime, "t", wipe=True)

    assert isinstance(events[-1], Wiped)
    assert not cluster.directory.exists()
    assert runtime.names() == ()


def test_a_broker_listens_on_loopback_only(runtime: LocalRuntime, spec: ClusterSpec):
    """No port of the process can be reached from another machine."""
    up(runtime, spec)
    (pid,) = pids(runtime, "t").values()
    links = psutil.Process(pid).net_connections(kind="inet")
    addresses = {c.laddr.ip for c in links if c.status == psutil.CONN_LISTEN}

    assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert addresses


def test_a_host_that_no_broker_can_advertise_is_never_kept(
    runtime: LocalRuntime, spec: ClusterSpec
):
    """It is refused before there is a record, so that the next `up` knows nothing of it."""
    wish = ClusterSpec(name="t", port=spec.port, containers="foo bar")

    with pytest.raises(UsageError, match="'foo bar' is no host"):
        up(runtime, wish)
    assert runtime.find("t") is None


def test_a_jar_that_rotted_is_named_when_no_broker_starts(tmp_path: Path, spec: ClusterSpec):
    """Size and time are as they were, so that only its digest tells; Java's words tell nothing."""
    shared, cache = paths().cache / "kafka-4.3.1", tmp_path / "cache" / "kafka-4.3.1"
    shutil.copytree(shared, cache)
    jar = next((cache / "libs").glob("kafka-clients-*.jar"))
    stat = jar.stat()
    jar.write_bytes(bytes(stat.st_size))
    os.utime(jar, ns=(stat.st_mtime_ns, stat.st_mtime_ns))
    runtime = LocalRuntime(data=tmp_path / "data", cache=tmp_path / "cache")

    with pytest.raises(ChecksumError, match=jar.name) as caught:
        up(runtime, spec)
    assert f"rm {jar}" in (caught.value.fix or "")


def test_containers_reach_the_broker_where_it_was_asked_for(
    runtime: LocalRuntime, spec: ClusterSpec
):
    """The second listener serves, and tells its clients its own address."""
    wish = ClusterSpec(name="t", port=spec.port, containers="127.0.0.2")
    cluster = serving(up(runtime, wish)).cluster
    links = psutil.Process(*pids(runtime, "t").values()).net_connections(kind="inet")
    listening = {(c.laddr.ip, c.laddr.port) for c in links if c.status == psutil.CONN_LISTEN}

    assert any(
        ip.endswith("127.0.0.2") and port == cluster.nodes[0].containers_port
        for ip, port in listening
    )
    assert cluster.bootstrap[0].startswith("127.0.0.1:")


def test_a_broker_may_open_as_many_files_as_the_system_allows(
    runtime: LocalRuntime, spec: ClusterSpec
):
    """Its soft limit is the hard one."""
    up(runtime, spec)
    (pid,) = pids(runtime, "t").values()
    soft, hard = psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)

    assert soft == hard


def test_a_broker_that_was_killed_is_started_again(runtime: LocalRuntime):
    """`up` starts the one that is missing and leaves the other two alone."""
    up(runtime, ClusterSpec(name="t", brokers=3, port=free_ports(3)))
    before = pids(runtime, "t")
    kill(before[2])
    status = runtime.status("t")
    assert status is not None
    events = up(runtime, ClusterSpec(name="t"))
    after = pids(runtime, "t")

    assert [n.state for n in status.nodes].count(NodeState.STOPPED) == 1
    assert "without being told to" in (status.nodes[1].stale or "")
    assert [e.node.id for e in events if isinstance(e, NodeStarting)] == [2]
    assert (after[1], after[3]) == (before[1], before[3])


def test_three_brokers_stop_together_and_soon(runtime: LocalRuntime, tmp_path: Path):
    """No broker waits for a majority that is gone, and none is ended with open data."""
    cluster = serving(up(runtime, ClusterSpec(name="t", brokers=3, port=free_ports(3)))).cluster
    events = down(runtime, "t")
    closed = [launch.data_of(cluster, n) / ".kafka_cleanshutdown" for n in cluster.nodes]

    assert [type(e) for e in events] == [NodeStopped] * 3
    assert all(file.exists() for file in closed)
    assert left(tmp_path) == []


def test_two_brokers_have_one_controller_and_stop_in_order(runtime: LocalRuntime):
    """The broker that stands on the other's controller goes first."""
    up(runtime, ClusterSpec(name="t", brokers=2, port=free_ports(2)))
    events = down(runtime, "t")
    stopped = [e for e in events if isinstance(e, NodeStopped)]

    assert [e.node.id for e in stopped] == [2, 1]
    assert not any(e.killed for e in stopped)


def test_zookeeper_stops_last_and_its_cluster_keeps_its_id(runtime: LocalRuntime):
    """The older line: brokers before ZooKeeper; data and id survive too."""
    wish = ClusterSpec(name="t", mode=Mode.ZOOKEEPER, port=free_ports(1))
    first = serving(up(runtime, wish)).cluster
    stopped = [e.node for e in down(runtime, "t") if isinstance(e, NodeStopped)]
    second = serving(up(runtime, ClusterSpec(name="t"))).cluster

    assert [Role.ZOOKEEPER in node.roles for node in stopped] == [False, True]
    assert first.cluster_id == second.cluster_id
    assert first.version.startswith("3.9.")


def test_a_killed_broker_of_zookeeper_comes_back(runtime: LocalRuntime):
    """It waits until its old registration is gone instead of failing on it."""
    up(runtime, ClusterSpec(name="t", mode=Mode.ZOOKEEPER, port=free_ports(1)))
    kill(pids(runtime, "t")[1])
    events = up(runtime, ClusterSpec(name="t"))

    assert not serving(events).already
    assert [e.node.id for e in events if isinstance(e, NodeStarting)] == [1]


def test_a_pid_that_another_program_got_is_left_alone(runtime: LocalRuntime, spec: ClusterSpec):
    """A stale pid file that points to a stranger neither stops him nor counts as a broker."""
    cluster = serving(up(runtime, spec)).cluster
    down(runtime, "t")
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    folder = launch.folder_of(cluster, cluster.nodes[0])
    started = psutil.Process(stranger.pid).create_time()
    processes.remember(folder, processes.Running(stranger.pid, started))
    stopped = down(runtime, "t")
    events = up(runtime, ClusterSpec(name="t"))
    alive = stranger.poll() is None
    stranger.kill()
    stranger.wait()

    assert alive
    assert stopped == []
    assert not serving(events).already


def test_a_lost_pid_file_does_not_start_a_second_broker(
    runtime: LocalRuntime, spec: ClusterSpec, tmp_path: Path
):
    """The process is found by its mark; `down` ends it."""
    cluster = serving(up(runtime, spec)).cluster
    (launch.folder_of(cluster, cluster.nodes[0]) / processes.PROCESS_FILE).unlink()
    again = serving(up(runtime, ClusterSpec(name="t")))
    (launch.folder_of(cluster, cluster.nodes[0]) / processes.PROCESS_FILE).unlink()
    down(runtime, "t")

    assert again.already
    assert left(tmp_path) == []


@dataclass
class Attempt:
    """One `up` in a thread: its events or its error."""

    runtime: LocalRuntime
    spec: ClusterSpec
    events: list[LocalEvent] = field(default_factory=list)
    error: LearnflowError | None = None

    def run(self) -> None:
        """Start; keep what happened."""
        try:
            self.events.extend(self.runtime.start(self.spec))
        except LearnflowError as error:
            self.error = error


def test_two_ups_at_the_same_moment_make_one_cluster(
    runtime: LocalRuntime, spec: ClusterSpec, tmp_path: Path
):
    """The second waits, then finds the first one's cluster."""
    attempts = [Attempt(runtime, spec), Attempt(runtime, spec)]
    threads = [threading.Thread(target=a.run) for a in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ends = [serving(a.events) for a in attempts]

    assert Counter(end.already for end in ends) == {True: 1, False: 1}
    assert ends[0].cluster == ends[1].cluster
    assert len(left(tmp_path)) == 1


def test_a_taken_port_is_one_clear_error_and_leaves_nothing(
    runtime: LocalRuntime, spec: ClusterSpec, tmp_path: Path
):
    """Another cluster's broker is named as what it is; no folder of the failed one remains."""
    up(runtime, spec)

    with pytest.raises(PortTakenError, match=r"taken by Kafka in .*/t/broker-1") as caught:
        up(runtime, ClusterSpec(name="other", port=spec.port))
    assert "--port" in (caught.value.fix or "")
    assert not (tmp_path / "data/clusters/other").exists()


def test_a_running_cluster_keeps_its_port(runtime: LocalRuntime, spec: ClusterSpec):
    """Its listeners cannot change while it runs; after `down` they can."""
    up(runtime, spec)
    moved = ClusterSpec(name="t", port=free_ports(1))

    with pytest.raises(RefusedError, match="cannot change now"):
        up(runtime, moved)
    down(runtime, "t")
    assert serving(up(runtime, moved)).cluster.brokers[0].port == moved.port


def test_a_cluster_lives_where_it_was_told_to(
    runtime: LocalRuntime, spec: ClusterSpec, tmp_path: Path
):
    """`--data` is needed once; the name finds it, and wiping spares what is not ours."""
    elsewhere = tmp_path / "big disk"
    up(runtime, ClusterSpec(name="t", port=spec.port, directory=elsewhere))
    (elsewhere / "notes.txt").write_text("mine")
    found = runtime.find("t")
    with pytest.raises(UsageError, match="is at"):
        up(runtime, ClusterSpec(name="t", directory=tmp_path / "another"))
    down(runtime, "t", wipe=True)

    assert found is not None
    assert found.directory == elsewhere
    assert [p.name for p in elsewhere.iterdir()] == ["notes.txt"]


def test_data_that_went_missing_is_not_replaced_by_an_empty_broker(
    runtime: LocalRuntime, spec: ClusterSpec
):
    """A cluster that lost its folder says so instead of starting with nothing."""
    cluster = serving(up(runtime, spec)).cluster
    down(runtime, "t")
    shutil.rmtree(launch.data_of(cluster, cluster.nodes[0]))

    with pytest.raises(StorageError, match="the data of broker-1 is gone"):
        up(runtime, ClusterSpec(name="t"))


def test_an_interrupted_up_leaves_no_process(
    runtime: LocalRuntime, spec: ClusterSpec, tmp_path: Path
):
    """Ctrl-C while the broker starts ends the broker, and `up` can be run again."""
    starting = runtime.start(spec)
    for event in starting:
        if isinstance(event, NodeStarting):
            break
    starting.close()  # type: ignore[attr-defined] # start is a generator

    assert left(tmp_path) == []
    assert not serving(up(runtime, spec)).already


def test_the_log_is_read_and_followed_until_the_end(runtime: LocalRuntime, spec: ClusterSpec):
    """The last lines come first; following ends with the cluster."""
    up(runtime, spec)
    last = list(runtime.logs("t", nodes=None, last=5, follow=False))
    following = runtime.logs("t", nodes=[1], last=0, follow=True)
    stopping = threading.Thread(target=down, args=(runtime, "t"))
    stopping.start()
    texts = [line.text for line in following]
    stopping.join()

    assert len(last) == 5
    assert any("shut" in text.lower() for text in texts)


def test_kafkas_own_tools_use_the_cluster(runtime: LocalRuntime, spec: ClusterSpec):
    """The topic tool, from the same jars, lists what it made, and prints nothing else."""
    up(runtime, spec)
    for args in (["--create", "--topic", "orders", "--partitions", "2"], ["--list"]):
        command = runtime.tool_command("t", "kafka-topics", args)
        done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["orders"]
    assert done.stderr == ""


def test_an_unknown_tool_is_answered_with_the_nearest(runtime: LocalRuntime, spec: ClusterSpec):
    """A mistyped name costs no JVM."""
    up(runtime, spec)

    with pytest.raises(UsageError, match="no tool") as caught:
        runtime.tool_command("t", "kafka-topic", [])
    assert "kafka-topics" in (caught.value.fix or "")


def test_every_tool_has_a_class_in_these_jars(runtime: LocalRuntime, spec: ClusterSpec):
    """The table of tools fits the Kafka that we start."""
    from learnflow_kafka.adapters.local.tools import TOOLS

    up(runtime, spec)
    commands = [runtime.tool_command("t", tool, []) for tool in TOOLS]

    assert all(any(TOOLS[t] in word for word in c) for t, c in zip(TOOLS, commands, strict=True))


def test_serving_means_that_every_broker_knows_every_broker(runtime: LocalRuntime):
    """`Serving` comes after the last registration, not after the first port."""
    cluster = serving(up(runtime, ClusterSpec(name="t", brokers=3, port=free_ports(3)))).cluster

    assert all(probe.alive_brokers(n.port or 0) == frozenset({1, 2, 3}) for n in cluster.brokers)


def test_status_tells_what_runs(runtime: LocalRuntime, spec: ClusterSpec):
    """Process, memory, disk and log of the broker; nothing of a cluster that is not there."""
    up(runtime, spec)
    status = runtime.status("t")

    assert runtime.status("other") is None
    assert status is not None
    assert status.running
    (node,) = status.nodes
    assert node.log_file.exists()
    assert node.disk_bytes > 0
    assert (node.memory_bytes or 0) > 50_000_000


def test_a_suspended_broker_is_named_by_status_and_up_and_can_be_stopped(
    runtime: LocalRuntime, spec: ClusterSpec, tmp_path: Path
):
    """Its port takes connections in vain: that is seen at the process, not waited for."""
    up(runtime, spec)
    [pid] = pids(runtime, "t").values()
    suspend(psutil.Process(pid))
    status = runtime.status("t")
    with pytest.raises(StartError, match="stands still") as caught:
        up(runtime, ClusterSpec(name="t"))
    down(runtime, "t")

    assert status is not None
    assert [n.state for n in status.nodes] == [NodeState.SUSPENDED]
    assert f"kill -CONT {pid}" in (caught.value.fix or "")
    assert left(tmp_path) == []


def test_find_running_sees_only_what_runs(runtime: LocalRuntime, spec: ClusterSpec):
    """A cluster that is stopped has a record and does not run."""
    cluster: Cluster = serving(up(runtime, spec)).cluster
    while_up = runtime.find_running("t")
    down(runtime, "t")

    assert while_up == cluster
    assert runtime.find_running("t") is None
    assert runtime.find("t") == cluster


def test_kafka_home_runs_an_existing_installation(
    runtime: LocalRuntime, spec: ClusterSpec, tmp_path: Path
):
    """The jars of `libs` are used as they are, without lock or download."""
    engine, _ = runtime.engine(Mode.KRAFT)
    home = tmp_path / "kafka"
    (home / "libs").mkdir(parents=True)
    for jar in engine.distribution.jars:
        (home / "libs" / jar.name).symlink_to(jar)
    environ = {"KAFKA_HOME": str(home), "PATH": ""}
    own = type(runtime)(data=tmp_path / "data", cache=tmp_path / "cache", environ=environ)
    cluster = serving(up(own, spec)).cluster
    (pid,) = pids(own, "t").values()

    assert cluster.version == "4.3.1"
    assert any(str(home) in word for word in psutil.Process(pid).cmdline())
    assert not (tmp_path / "cache/kafka-4.3.1").exists()
