"""The stand-ins for the official images are what lab/README.md says they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.lab import until

from lab import images
from learnflow_kafka.adapters.local import lock
from learnflow_kafka.core.local import Mode

if TYPE_CHECKING:
    from tests.support.lab import Program

pytestmark = pytest.mark.timeout(600)
KAFKA = f"docker.io/apache/kafka:{lock.VERSIONS[Mode.KRAFT]}"
KAFKA39 = f"docker.io/apache/kafka:{lock.VERSIONS[Mode.ZOOKEEPER]}"
ZOOKEEPER = f"docker.io/zookeeper:{images.zookeeper_version()}"


def started(kubectl: Program, image: str, **container: Any) -> Program:
    """A pod of the image, started; the result runs a shell script inside it."""
    name = f"pod-{len(container)}"
    main = {"name": "main", "image": image, **container}
    spec = {"enableServiceLinks": False, "terminationGracePeriodSeconds": 0, "containers": [main]}
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=240s")
    return kubectl


def sh(kubectl: Program, script: str, pod: str = "pod-1") -> str:
    """What a script says inside the pod."""
    return kubectl("exec", pod, "--", "bash", "-ec", script)


def variables(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


@pytest.mark.parametrize("image", [KAFKA, KAFKA39])
def test_kafka_is_where_the_official_image_has_it(kubectl: Program, image: str) -> None:
    """User 1000 named appuser owns /opt/kafka; tools are in bin and not on the path."""
    started(kubectl, image, command=["sleep", "3600"])
    said = sh(
        kubectl,
        """
        id -un; id -u; id -g
        stat -c '%n %U %G' /opt/kafka /opt/kafka/config /opt/kafka/libs /mnt/shared/config
        stat -c '%n %U %G' /var/lib/kafka/data /etc/kafka/secrets
        ls /opt/kafka/libs | grep -c jar
        command -v kafka-topics.sh || echo 'not on the path'
        test -x "$JAVA_HOME/bin/java" && echo 'a Java'
        touch /opt/kafka/config/x /var/lib/kafka/data/x && echo 'may write'
        readlink /bin/ls
        """,
    ).split("\n")

    assert said[:3] == ["appuser", "1000", "1000"]
    assert {line.rpartition("/")[2] for line in said[3:7]} == {
        "kafka appuser appuser", "config appuser appuser", "libs appuser appuser",
    }  # fmt: skip
    assert {line.split(" ", 1)[1] for line in said[7:9]} == {"appuser root"}
    assert int(said[9]) > 80
    assert said[10:] == ["not on the path", "a Java", "may write", "/bin/busybox", ""]


@pytest.mark.parametrize("image", [KAFKA, KAFKA39])
def test_a_brokers_classes_are_there_ready_to_use(kubectl: Program, image: str) -> None:
    """Java starts with the archive of the image and nothing else."""
    started(kubectl, image, command=["sleep", "3600"])
    said = sh(
        kubectl,
        """
        export KAFKA_OPTS='-Xshare:on -XX:SharedArchiveFile=/opt/kafka/kafka.jsa -verbose:class'
        /opt/kafka/bin/kafka-run-class.sh kafka.Kafka --version
        """,
    )

    assert "kafka.Kafka source: shared objects file (top)" in said


@pytest.mark.parametrize("image", [KAFKA, KAFKA39])
def test_every_tool_names_a_class_that_is_there(kubectl: Program, image: str) -> None:
    """Each tool's script leads to a class in this version's jars."""
    started(kubectl, image, command=["sleep", "3600"])
    said = sh(
        kubectl,
        """
        for jar in /opt/kafka/libs/kafka*.jar; do unzip -l $jar; done >/tmp/classes
        cd /opt/kafka/bin
        for tool in $(grep -l 'exec .*run-class' kafka-*.sh); do
          class=$(sed -n 's/.*run-class.sh \\([a-z][^ ]*\\).*/\\1/p' $tool)
          [ -n "$class" ] || continue
          grep -q "${class//.//}.class" /tmp/classes && echo "$tool ok" || echo "$tool $class"
        done
        """,
    )

    assert set(said.splitlines()) == {f"{tool} ok" for tool in images.TOOLS}


def test_the_environment_becomes_properties(kubectl: Program) -> None:
    """Every KAFKA_ variable but a few is a property; the tool's heap and the like are not."""
    settings = {
        "KAFKA_NODE_ID": "5",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://localhost:9092",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "5@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_PORT": "tcp://10.96.0.99:9092",
        "KAFKA_A__B___C": "x",
        "KAFKA_HEAP_OPTS": "-Xmx300m",
    }
    started(kubectl, KAFKA, env=variables(**settings))
    topics = "/opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:9092"
    until(lambda: "Kafka Server started" in kubectl("logs", "pod-1"), "the broker has started")
    sh(kubectl, f"{topics} --create --topic made")
    properties = sh(kubectl, "cat /opt/kafka/config/server.properties").splitlines()
    process = sh(kubectl, "tr '\\0' ' ' </proc/1/cmdline; ls /opt/kafka/logs")
    meta = sh(kubectl, "cat /tmp/kafka-logs/meta.properties /tmp/kraft*/meta.properties || true")

    assert {"node.id=5", "port=tcp://10.96.0.99:9092", "a_b-c=x"} <= set(properties)
    assert not [line for line in properties if line.startswith(("heap.opts", "zookeeper"))]
    assert "-Xmx300m" in process
    assert "kafkaServer-gc.log" in process
    assert "cluster.id=5L6g3nShT-eMCtK--X86sw" in meta


def test_a_read_only_root_stops_the_start_script(kubectl: Program) -> None:
    """The collector's log goes to /opt/kafka/logs unless EXTRA_ARGS says otherwise."""
    started(
        kubectl, KAFKA, command=["sleep", "3600"],
        securityContext={"readOnlyRootFilesystem": True},
    )  # fmt: skip
    start = "/opt/kafka/bin/kafka-server-start.sh /nowhere.properties"
    refused = kubectl.attempt("exec", "pod-2", "--", "bash", "-c", f"{start} 2>&1")
    passed = kubectl.attempt("exec", "pod-2", "--", "bash", "-c", f"EXTRA_ARGS= {start} 2>&1")

    assert "gc.log" in refused.stdout
    assert "gc.log" not in passed.stdout
    assert "/nowhere.properties" in passed.stdout


def test_the_entry_of_kafka_39_cannot_start_with_zookeeper(kubectl: Program) -> None:
    """It formats first, which refuses where there are no roles: so a chart brings its own entry."""
    started(kubectl, KAFKA39, command=["sleep", "3600"])
    tried = kubectl.attempt(
        "exec", "pod-1", "--", "bash", "-c",
        "KAFKA_BROKER_ID=0 KAFKA_ZOOKEEPER_CONNECT=zk:2181 /etc/kafka/docker/run 2>&1",
    )  # fmt: skip

    assert tried.returncode == 1
    assert "KRaft" in tried.stdout


def test_zookeeper_is_configured_by_its_variables(kubectl: Program) -> None:
    """zoo.cfg and myid are made of ZOO_ variables where missing; four-letter words answer."""
    settings = {
        "ZOO_MY_ID": "3",
        "ZOO_SERVERS": "server.3=localhost:2888:3888;2181",
        "ZOO_4LW_COMMANDS_WHITELIST": "srvr,ruok,mntr",
        "ZOO_CFG_EXTRA": "quorumListenOnAllIPs=true",
    }
    context = {"runAsUser": 1000, "runAsNonRoot": True}
    started(kubectl, ZOOKEEPER, env=variables(**settings), securityContext=context)
    until(lambda: "binding to port" in kubectl("logs", "pod-2"), "ZooKeeper serves")
    said = sh(
        kubectl,
        "cat /data/myid; cat /conf/zoo.cfg; echo ruok | nc localhost 2181; echo; pwd; "
        "zkServer.sh status; zkCli.sh -server localhost:2181 ls / 2>&1 | grep -F '[zoo'; "
        "stat -c %U /data /datalog /logs",
        pod="pod-2",
    ).splitlines()

    assert said[0] == "3"
    assert {"dataDir=/data", "dataLogDir=/datalog", "quorumListenOnAllIPs=true"} <= set(said)
    assert "imok" in said
    assert "Mode: standalone" in said
    assert f"/apache-zookeeper-{images.zookeeper_version()}-bin" in said
    assert "[zookeeper]" in said
    assert said[-3:] == ["zookeeper"] * 3
