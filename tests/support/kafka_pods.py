"""
Plain StatefulSets of real Kafka and ZooKeeper, as somebody else might have made them.

They have the images' own variables and nothing of our chart.
"""

from __future__ import annotations

from typing import Any

from tests.support.doctor import KAFKA, service, workload

from lab import images

ZOOKEEPER = f"docker.io/zookeeper:{images.zookeeper_version()}"
HERE = "app-0.app.$(SPACE).svc.cluster.local"


def variables(**values: str) -> list[dict[str, Any]]:
    """The environment of a container, its namespace first."""
    space = {"name": "SPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    return [space, *({"name": k, "value": v} for k, v in values.items())]


def headless(ports: list[dict[str, Any]]) -> dict[str, Any]:
    """The service that gives each pod its name, ready or not."""
    return service(
        clusterIP="None", publishNotReadyAddresses=True, selector={"app": "app"}, ports=ports
    )


def broker(
    *,
    volume: dict[str, Any] | None = None,
    logs: str = "/tmp/logs",
    script: str | None = None,
    replicas: int = 1,
    **settings: str,
) -> tuple[dict[str, Any], ...]:
    """Combined nodes with their services, one if not said; `script` runs before Kafka does."""
    wanted = {
        "KAFKA_NODE_ID": "0",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HERE}:9092",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "0@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_LOG_DIRS": logs,
        "KAFKA_HEAP_OPTS": "-Xmx256m",
        **settings,
    }
    container: dict[str, Any] = {
        "image": KAFKA,
        "env": variables(**{k: v for k, v in wanted.items() if v}),
        "ports": [
            {"name": "client", "containerPort": 9092},
            {"name": "control", "containerPort": 9093},
        ],
        "readinessProbe": {
            "tcpSocket": {"port": 9092},
            "periodSeconds": 1,
            "failureThreshold": 300,
        },
    }
    if script is not None:
        container["command"] = ["bash", "-c", f"{script}; exec /etc/kafka/docker/run"]
    made = workload(
        replicas=replicas,
        container=container,
        spec={"securityContext": {"runAsUser": 1000, "fsGroup": 1000}},
        claims=(volume,) if volume else (),
    )
    ports = [{"name": "client", "port": 9092, "targetPort": "client"}]
    return (
        made,
        headless(ports),
        service("kafka", selector={"app": "app"}, ports=ports),
    )


def client(name: str, container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod of somebody who uses Kafka; its image has busybox and bash, and it sleeps."""
    main = {
        "name": "app",
        "image": ZOOKEEPER,
        "imagePullPolicy": "IfNotPresent",
        **(container or {"command": ["sleep", "3600"]}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [main], **spec},
    }


def zookeeper(servers: str, replicas: int = 3) -> tuple[dict[str, Any], ...]:
    """An ensemble; `servers` as ZOO_SERVERS has them."""
    script = "export ZOO_MY_ID=$(( ${HOSTNAME##*-} + 1 )); exec /docker-entrypoint.sh zkServer.sh start-foreground"  # noqa: E501 - one line of shell
    container = {
        "name": "zookeeper",
        "image": ZOOKEEPER,
        "command": ["bash", "-c", script],
        "env": variables(ZOO_SERVERS=servers, ZOO_4LW_COMMANDS_WHITELIST="srvr,ruok,mntr"),
        "ports": [{"name": "client", "containerPort": 2181}],
    }
    ports = [{"name": "client", "port": 2181, "targetPort": "client"}]
    return (
        workload(replicas=replicas, container=container),
        headless(ports),
    )
