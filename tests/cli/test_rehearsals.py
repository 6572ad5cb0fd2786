"""
`--dry-run --yes`, for every command that has it: nothing is sent and no file is changed.

Each rehearsal is followed by the same words without --dry-run, which do change something: a
command that was refused for another reason would prove nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from tests.cli.commands.test_deploy import Stage
from tests.cli.test_command_tree import ADDING, CHANGING, flags
from tests.support.commands import Learnflow
from tests.support.letters import DLT, SOURCE, letter, write

from learnflow_kafka.adapters.local import records
from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.core.connection import Connection, Context
from learnflow_kafka.core.local import Cluster, Mode, Node, Role
from learnflow_kafka.core.observed import TopicPartition
from learnflow_kafka.core.requests import Sent
from learnflow_kafka.wiring import contexts, deployment, kubernetes
from learnflow_kafka.wiring.paths import paths

CATALOG: Final = """\
version: 1
name: shop
topics:
  fresh: {partitions: 2, event: order}
events:
  order:
    versions:
      1: {type: object, properties: {id: {type: string}}}
"""

REHEARSED: Final[Mapping[str, tuple[str, ...]]] = {
    "adopt": ("--out", "adopted.yaml"),
    "apply": ("--catalog", "shop.yaml"),
    "codegen": ("--catalog", "shop.yaml", "--out", "events.py"),
    "context add": ("new", "--bootstrap", "a:9092", "--use"),
    "context remove": ("old",),
    "deploy": ("--namespace", "shop", "--use"),
    "dlt purge": (DLT,),
    "dlt replay": (),
    "down": ("--name", "stopped", "--wipe"),
    "groups delete": ("idle",),
    "groups reset": ("idle", "--to", "earliest", "--execute"),
    "init": ("catalog",),
    "produce": (SOURCE, "--value", "v"),
    "topics delete": ("other",),
    "undeploy": ("--wipe",),
    "validate": ("shop.yaml", "--lock"),
}
"""What each command is given, so that it would change something."""

ONLY_REHEARSED: Final[Mapping[str, tuple[str, ...]]] = {
    "demo": ("--context", "mem", "--students", "6"),
    "up": (),
}
"""These need real brokers when it is not a rehearsal; their own tests run them."""


@dataclass(frozen=True)
class World:
    """Everything that a command could change: files, Kafka, a release on Kubernetes."""

    home: Path
    kafka: MemoryKafka
    stage: Stage

    def traces(self) -> tuple[object, ...]:
        """What was changed so far, and every file as it is."""
        platform, releases = self.stage.platform, self.stage.releases
        files = {path: path.read_bytes() for path in self.home.rglob("*") if path.is_file()}
        released = (releases.wishes, releases.unlocked, releases.uninstalled)
        return (
            files,
            sorted(path for path in self.home.rglob("*") if path.is_dir()),
            self.sent(),
            (platform.made, [*platform.deleted], [[*names] for names in released]),
        )

    def sent(self) -> list[Sent]:
        """Requests that change something."""
        return list(self.kafka.mutations)


@pytest.fixture
def world(memory: MemoryKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A cluster, contexts, a catalog, a stopped local cluster and a release, to be changed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(CATALOG)
    contexts.edit(lambda b: b.with_context(Context("old", Connection(("m:1",)))))
    for topic, partitions in ((SOURCE, 2), (DLT, 1), ("other", 1)):
        memory.put_topic(topic, partitions)
    write(memory, [letter(0), letter(1)])
    memory.commit_offsets("idle", {TopicPartition(DLT, 0): 1})
    _stopped_cluster(paths().data / "clusters" / "stopped")
    stage = Stage()
    stage.there()
    monkeypatch.setattr(deployment, "build", stage.world)
    monkeypatch.setattr(kubernetes, "platform", lambda _place: stage.platform)
    monkeypatch.setattr(kubernetes, "releases", lambda _place: stage.releases)
    memory.requests.clear()
    return World(tmp_path, memory, stage)


def _stopped_cluster(folder: Path) -> None:
    """A local cluster with data and without a process."""
    (folder / "broker-1/data").mkdir(parents=True)
    (folder / "broker-1/data/segment").write_bytes(b"x")
    nodes = (Node(1, (Role.BROKER, Role.CONTROLLER), 9092, 9192),)
    records.write(Cluster("stopped", "id", Mode.KRAFT, "4.3.1", folder, nodes))


def spoken(words: str, given: tuple[str, ...]) -> tuple[str, ...]:
    """The command with --yes, where it has that."""
    yes = ("--yes",) if "--yes" in flags(words) else ()
    return (*words.split(), *given, *yes)


def test_every_command_that_changes_something_is_rehearsed_here():
    """A new one is not forgotten."""
    assert REHEARSED.keys() | ONLY_REHEARSED.keys() == CHANGING | ADDING


@pytest.mark.parametrize(("words", "given"), sorted({**REHEARSED, **ONLY_REHEARSED}.items()))
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_rehearsal_changes_nothing(
    learnflow: Learnflow, world: World, words: str, given: tuple[str, ...], form: tuple[str, ...]
):
    """No request that changes something, no release touched, every file as it was."""
    before = world.traces()
    done = learnflow(*spoken(words, given), "--dry-run", *form)

    assert done.code == 0, done.err
    assert world.traces() == before


@pytest.mark.parametrize(("words", "given"), sorted(REHEARSED.items()))
def test_the_same_words_without_a_rehearsal_change_something(
    learnflow: Learnflow, world: World, words: str, given: tuple[str, ...]
):
    """So that the rehearsal had something to hold back."""
    before = world.traces()
    done = learnflow(*spoken(words, given))

    assert done.code == 0, done.err
    assert world.traces() != before
