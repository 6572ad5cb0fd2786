"""One broker with TLS, passwords and access rights, as production clusters have them."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trustme
from cryptography.hazmat.primitives import serialization
from tests.support.ports import free_ports

from learnflow_kafka.adapters.local import config, launch, probe, processes, storage
from learnflow_kafka.adapters.local.client import LocalRuntime
from learnflow_kafka.core.connection import (
    Connection,
    Context,
    Mechanism,
    Protocol,
    Sasl,
    Secret,
    Tls,
)
from learnflow_kafka.core.local import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from learnflow_kafka.adapters.local.launch import Engine

USERS: Final = {"admin": "admin-secret", "reader": "reader-secret", "nobody": "nobody-secret"}
"""
`admin` is a super user; `reader` may describe everything (topics with their configs, groups,
the cluster) and nothing else; `nobody` may do nothing.
"""


@dataclass(frozen=True, slots=True)
class SaslKafka:
    """
    The secured broker.

    `bootstrap` takes SASL_SSL only; `internal` takes anybody on loopback as a super user (to
    give rights in tests); `ca` is the file of the authority.
    """

    bootstrap: str
    internal: str
    ca: str
    folder: Path

    def context_of(self, user: str, mechanism: Mechanism = Mechanism.SCRAM_SHA_512) -> Context:
        """The cluster as the user sees it."""
        sasl = Sasl(mechanism, user, Secret(USERS[user]))
        connection = Connection(
            (self.bootstrap,), Protocol.SASL_SSL, tls=Tls(ca=self.ca), sasl=sasl
        )
        return Context(name=f"sasl-{user}", connection=connection, environment="local", brokers=1)

    @property
    def context(self) -> Context:
        """The cluster as its super user sees it, by SCRAM."""
        return self.context_of("admin")

    @property
    def reader(self) -> Context:
        """The cluster as one who may describe everything and change nothing."""
        return self.context_of("reader")

    @property
    def nobody(self) -> Context:
        """The cluster as one with a password and no rights."""
        return self.context_of("nobody")

    def password_file(self, user: str) -> Path:
        """A file that holds the user's password, for contexts that refer to it."""
        return self.folder / f"{user}.password"

    def allow(self, user: str, operation: str, resource: str, name: str) -> None:
        """
        Give a user one more right.

        `operation` and `resource` are Kafka's names (`WRITE`, `TOPIC`); `name` `*` is all.
        """
        from kafka.admin import (
            ACL,
            ACLOperation,
            ACLPermissionType,
            KafkaAdminClient,
            ResourcePattern,
            ResourceType,
        )

        admin = KafkaAdminClient(bootstrap_servers=self.internal)
        try:
            admin.create_acls(
                [
                    ACL(
                        f"User:{user}",
                        "*",
                        ACLOperation[operation],
                        ACLPermissionType.ALLOW,
                        ResourcePattern(ResourceType[resource], name),
                    )
                ]
            )
        finally:
            admin.close()


def started(folder: Path, runtime: LocalRuntime) -> Iterator[SaslKafka]:
    """Start the secured broker in the folder, yield it, end it."""
    engine, _ = runtime.engine(Mode.KRAFT)
    port = free_ports(3)
    ca = _certificates(folder)
    _write_passwords(folder)
    (folder / "logs").mkdir()
    (folder / "log4j2.properties").write_text(config.LOG4J2)
    properties = folder / "server.properties"
    properties.write_text(config.as_properties(_properties(folder, port, ca)))
    _format(engine, properties)
    running = processes.spawn(_command(engine, folder, properties), folder)
    try:
        _await(port + 1, running, folder)
        made = SaslKafka(f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}", str(ca), folder)
        made.allow("reader", "DESCRIBE", "TOPIC", "*")
        made.allow("reader", "DESCRIBE_CONFIGS", "TOPIC", "*")
        made.allow("reader", "DESCRIBE", "GROUP", "*")
        made.allow("reader", "DESCRIBE", "CLUSTER", "kafka-cluster")
        made.allow("reader", "DESCRIBE_CONFIGS", "CLUSTER", "kafka-cluster")
        yield made
    finally:
        _end(running)


def _certificates(folder: Path) -> Path:
    """The authority's file; beside it the broker's key, as PKCS #8, and certificate."""
    authority = trustme.CA()
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    key = serialization.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    chain = b"".join(part.bytes() for part in leaf.cert_chain_pems)
    (folder / "broker.pem").write_bytes(pem + chain)
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    return ca


def _write_passwords(folder: Path) -> None:
    for user, password in USERS.items():
        (folder / f"{user}.password").write_text(f"{password}\n")


def _properties(folder: Path, port: int, ca: Path) -> dict[str, str]:
    plain = " ".join(f'user_{name}="{password}"' for name, password in USERS.items())
    module = "org.apache.kafka.common.security"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{port + 2}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"SECURE://127.0.0.1:{port},INTERNAL://127.0.0.1:{port + 1},"
        f"CONTROLLER://127.0.0.1:{port + 2}",
        "advertised.listeners": f"SECURE://127.0.0.1:{port},INTERNAL://127.0.0.1:{port + 1}",
        "listener.security.protocol.map": "SECURE:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INTERNAL",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.secure.plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule "
        f"required {plain};",
        "listener.name.secure.scram-sha-512.sasl.jaas.config": f"{module}.scram.ScramLoginModule "
        "required;",
        "listener.name.secure.ssl.keystore.type": "PEM",
        "listener.name.secure.ssl.keystore.location": str(folder / "broker.pem"),
        "listener.name.secure.ssl.truststore.type": "PEM",
        "listener.name.secure.ssl.truststore.location": str(ca),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:admin",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "5",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "offsets.retention.minutes": "43200",
    }


def _format(engine: Engine, properties: Path) -> None:
    scram = []
    for name, password in USERS.items():
        scram += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
    subprocess.run(
        [
            str(engine.java.executable),
            *launch.QUICK_START,
            "-cp",
            engine.distribution.class_path,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            storage.new_id(),
            "-c",
            str(properties),
            *scram,
        ],
        check=True,
        capture_output=True,
    )


def _command(engine: Engine, folder: Path, properties: Path) -> list[str]:
    return [
        str(engine.java.executable),
        "-Xmx512m",
        *launch.QUICK_START,
        processes.mark(folder),
        *launch.log_flags(engine.distribution, folder),
        "-cp",
        engine.distribution.class_path,
        launch.BROKER,
        str(properties),
    ]


def _await(port: int, running: processes.Running, folder: Path) -> None:
    deadline = time.monotonic() + 180
    while probe.alive_brokers(port) != frozenset({1}):
        assert processes.alive(running), (folder / "logs" / config.LOG_FILE).read_text()[-3000:]
        assert time.monotonic() < deadline, "the secured broker did not get ready in three minutes"
        time.sleep(0.05)


def _end(running: processes.Running) -> None:
    processes.terminate(running)
    deadline = time.monotonic() + 20
    while processes.alive(running):
        if time.monotonic() > deadline:
            processes.terminate(running, by_force=True)
        time.sleep(0.05)
