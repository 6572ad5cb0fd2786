"""Real clients of librdkafka at a release on the lab, and what became of their records."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import history, rollcall
from tests.support.lab import until

from lab import node
from lab.places import DNS_SERVICE, SERVICE_NETWORK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.deployed import Deployed
    from tests.support.lab import Lab

TOPIC = "test.connect"
PARTITIONS = 6


@dataclass(frozen=True, slots=True)
class Fate:
    """What the producer was promised, and what the consumer saw: number, partition, offset."""

    acked: tuple[history.Place, ...]
    seen: tuple[history.Place, ...]
    failed: Mapping[str, int]
    ends: tuple[int, ...]

    @classmethod
    def of(cls, file: Path) -> Fate:
        """As `history.py` wrote it."""
        told = json.loads(file.read_text(encoding="utf-8"))
        acked, seen = (tuple((n, p, at) for n, p, at in told[k]) for k in ("acked", "seen"))
        return cls(acked, seen, told["failed"], tuple(told["ends"]))

    def faults(self) -> list[str]:
        """What was broken of: all is acknowledged, and read once, at the promised place."""
        few = [f"only {len(self.acked)} records"] * (len(self.acked) <= 100)
        failed = [f"{count} records were refused: {why}" for why, count in self.failed.items()]
        twice = [f"{len(self.seen) - len({*self.seen})} were read twice"]
        return few + failed + self._lost() + twice * (len(self.seen) != len({*self.seen}))

    def _lost(self) -> list[str]:
        lost: dict[int, list[int]] = {}
        for _, partition, offset in sorted({*self.acked} - {*self.seen}):
            lost.setdefault(partition, []).append(offset)
        return [
            f"{len(offsets)} acknowledged records of partition {partition} were not read, from "
            f"offset {min(offsets)} to {max(offsets)}; logs end at {self.ends or 'unknown offsets'}"
            for partition, offsets in lost.items()
        ]


@contextmanager
def running(lab: Lab, namespace: str, topic: str, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """
    A producer and a consumer inside the lab's network, with the pods' DNS; see `history.py`.

    They come to their end with the context; then `out` holds their `Fate`.
    """
    words = [history.__file__, f"{_service(namespace)}:9092", topic, str(out)]
    with _inside(lab, out.parent, words) as process:
        yield process
        process.communicate(timeout=400)  # closes its input: it comes to its end


@dataclass(slots=True)
class Told:
    """How often each ready broker, and the Service, named so many brokers (see `rollcall.py`)."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def nobody(self) -> list[str]:
        """Those that named no broker at all."""
        return [who for who, counts in self.counts.items() if "0" in counts]


@contextmanager
def asking(lab: Lab, namespace: str, folder: Path) -> Iterator[Told]:
    """Ask ready brokers and their Service, again and again, what they know of their cluster."""
    service, seen = _service(namespace), Told()
    names = [f"kafka-{n}.{service.replace('kafka', 'kafka-headless', 1)}" for n in range(3)]
    with _inside(lab, folder, [rollcall.__file__, service, *names]) as process:
        yield seen
        assert process.poll() is None, "who asks died"
        seen.counts = json.loads(process.communicate(timeout=60)[0])


def _service(namespace: str) -> str:
    return f"kafka.{namespace}.svc.cluster.local"


@contextmanager
def _inside(lab: Lab, folder: Path, words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program of Python in the lab's network, with the pods' DNS, once it said `going`."""
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {DNS_SERVICE}\n", encoding="utf-8")
    # The node itself has no way to Services, as it needs none; this gives its network one.
    script = (
        f"ip route replace {SERVICE_NETWORK} dev cni0 && "
        'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    )
    inside = ["unshare", "--mount", "sh", "-c", script, str(resolver), sys.executable, *words]
    command = node.enter(lab.places, inside)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"going\n"
            yield process
        finally:
            process.kill()


def make_topics(release: Deployed, *names: str) -> None:
    """Topics of six partitions on three brokers, made through the tunnels."""
    from confluent_kafka.admin import AdminClient, NewTopic

    with release.connected() as connection:
        admin = AdminClient({"bootstrap.servers": connection.bootstrap})
        config = {"min.insync.replicas": "2"}
        made = admin.create_topics(
            [NewTopic(name, PARTITIONS, 3, config=config) for name in names],
            operation_timeout=60,
            request_timeout=60,
        )
        for name in names:
            made[name].result(60)


@dataclass(frozen=True, slots=True)
class Restarted:
    """What a writer and a reader at the tunnels have to say after a broker's restart."""

    acked: set[str]
    refused: list[str]
    read: set[str]
    code: int
    """How `learnflow connect` ended."""


def through_a_restart(release: Deployed, pod: str) -> Restarted:
    """Write to every partition through the tunnels while a broker restarts, and read it all."""
    with release.connected() as connection:
        writer = Writer(connection.bootstrap)
        with writer.running():
            until(lambda: writer.partitions() == PARTITIONS, "a record in each partition")
            release.restart(pod)
            seen = len(writer.acked)
            until(lambda: len(writer.acked) > seen + 200, "records after the restart")
        read = read_all(connection.bootstrap)
        assert connection.process.poll() is None
    return Restarted({*writer.acked}, writer.refused, read, connection.process.returncode)


def kcat(release: Deployed) -> set[str]:
    """Write a record `from-kcat-N` to each partition, then read all; skips without kcat."""
    if shutil.which("kcat") is None:
        pytest.skip("kcat is not installed (Debian: kcat)")
    write = (
        "for p in 0 1 2 3 4 5; do echo from-kcat-$p | kcat -b $KAFKA_BOOTSTRAP_SERVERS "
        f"-P -t {TOPIC} -p $p || exit 1; done"
    )
    return read_by_kcat(release, write)


def read_by_kcat(release: Deployed, before: str = ":") -> set[str]:
    """All records of the topic by `connect -- kcat`, after another line of shell."""
    read = f"kcat -b $KAFKA_BOOTSTRAP_SERVERS -C -t {TOPIC} -o beginning -e -q"
    return set(
        release.run("connect", *release.place, "--", "sh", "-c", f"{before}; {read}").split()
    )


class Writer:
    """Writes numbered records to each partition in turn, until it is stopped."""

    def __init__(self, bootstrap: str) -> None:
        from confluent_kafka import Producer

        self.acked: dict[str, int] = {}
        self.refused: list[str] = []
        self._stopped = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "message.timeout.ms": 300_000,
                "topic.metadata.refresh.interval.ms": 2_000,
                "log_level": 0,
            }
        )

    def partitions(self) -> int:
        """How many partitions have taken a record."""
        return len(set(self.acked.values()))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Writes while the context lasts; at its end everything sent has an answer."""
        thread = threading.Thread(target=self._write, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join(60)
            assert self._producer.flush(300) == 0

    def _write(self) -> None:
        number = 0
        while not self._stopped.is_set():
            name, partition = f"n-{number}", number % PARTITIONS
            self._producer.produce(
                TOPIC, name.encode(), partition=partition, on_delivery=self._delivered
            )
            self._producer.poll(0)
            number += 1
            time.sleep(0.01)

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self.refused.append(str(error))
        else:
            self.acked[message.value().decode()] = message.partition()


def read_all(bootstrap: str) -> set[str]:
    """Every record of the topic, from all partitions."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "not-used",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    consumer.assign([TopicPartition(TOPIC, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    found: set[str] = set()
    ended: set[int] = set()
    deadline = time.monotonic() + 180
    while len(ended) < PARTITIONS:
        assert time.monotonic() < deadline, f"only partitions {ended} were read to their end"
        for message in consumer.consume(1000, 1.0):
            if message.error() is not None:
                ended.add(message.partition())
            else:
                found.add(message.value().decode())
    consumer.close()
    return found
