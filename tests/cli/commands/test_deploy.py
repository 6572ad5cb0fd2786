"""Deploy, undeploy, connect and logs on Kubernetes, on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.app.test_deploy import CATALOG, FINE, SICK
from tests.app.test_verify import FastClock
from tests.support.kubernetes import FakePlatform, FakeReleases, healthy, nothing, workload

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.app.prospect import World
from learnflow_kafka.cli.main import run
from learnflow_kafka.core.connection import Connection, Context, Kubernetes
from learnflow_kafka.core.findings import Report
from learnflow_kafka.core.kubernetes import Revision
from learnflow_kafka.core.ports import KafkaAdmin
from learnflow_kafka.errors import HelmError
from learnflow_kafka.wiring import contexts, deployment, kubernetes


@dataclass
class Stage:
    """The world that commands find, and the places that they asked for."""

    platform: FakePlatform = field(default_factory=lambda: FakePlatform([nothing(), healthy()]))
    releases: FakeReleases = field(default_factory=FakeReleases)
    verdict: Report = FINE
    places: list[Kubernetes] = field(default_factory=list)

    def world(self, place: Kubernetes) -> World:
        self.places.append(place)
        kafka = MemoryKafka(3)

        @contextmanager
        def admin(context: Context) -> Iterator[KafkaAdmin]:
            yield kafka

        return World(
            platform=self.platform,
            releases=self.releases,
            clock=FastClock(),
            catalog=lambda _path: CATALOG,
            reached=lambda c: replace(c, connection=Connection(("localhost:19092",))),
            admin=admin,
            verify=lambda _context, _expected: self.verdict,
        )

    def there(self) -> None:
        """A release that was deployed before."""
        self.platform.scenes = [healthy()]
        self.releases.tries = [Revision(1, "deployed", 0)]


@pytest.fixture
def stage(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A cluster without a release."""
    found = Stage()
    monkeypatch.setattr(deployment, "build", found.world)
    monkeypatch.setattr(kubernetes, "platform", lambda _place: found.platform)
    monkeypatch.setattr(kubernetes, "releases", lambda _place: found.releases)
    return found


def test_a_deploy_tells_its_steps_and_saves_a_context(
    stage: Stage, capsys: pytest.CaptureFixture[str]
):
    """What it waits for, the verdict, how to go on; and a context for every other command."""
    code = run(["deploy", "--namespace", "shop", "--use"])
    said = capsys.readouterr().out

    assert code == 0
    assert "Helm installs release kafka: 2 objects" in said
    assert "kafka-0 is ready" in said
    assert "healthy: 1 ok; deployed after" in said
    assert "learnflow connect -c shop.kafka" in said
    assert contexts.book().current == "shop.kafka"
    assert contexts.named("shop.kafka").kubernetes == Kubernetes(namespace="shop")


def test_a_deploy_speaks_json_on_one_stream(stage: Stage, capsys: pytest.CaptureFixture[str]):
    """Progress goes beside it."""
    code = run(["deploy", "--json"])
    told = capsys.readouterr()
    said = json.loads(told.out)

    assert code == 0
    assert (said["kind"], said["version"], said["ok"]) == ("deploy", 1, True)
    assert said["context"] == "kafka"
    assert said["bootstrap"] == "localhost:19092"
    assert "Helm installs" in told.err


def test_an_unhealthy_end_is_exit_one(stage: Stage, capsys: pytest.CaptureFixture[str]):
    """Installed and not working is not done."""
    stage.verdict = SICK

    assert run(["deploy"]) == 1
    assert "the image does not come" in capsys.readouterr().out


def test_an_error_is_part_of_the_one_json_object(stage: Stage, capsys: pytest.CaptureFixture[str]):
    """Programs read one object, however it ends."""
    stage.releases.helm.fault = HelmError("values do not meet the schema")

    code = run(["deploy", "--json"])
    said = json.loads(capsys.readouterr().out)

    assert code == 1
    assert not said["ok"]
    assert said["error"]["name"] == "HelmError"
    assert "schema" in said["error"]["what"]


def test_what_speaks_against_it_changes_nothing(stage: Stage, capsys: pytest.CaptureFixture[str]):
    """The reason and the next step, and no Helm."""
    stage.platform.classes = ()

    code = run(["deploy"])
    said = capsys.readouterr().out

    assert code == 1
    assert "FAILED" in said
    assert "no default storage class" in said
    assert not stage.releases.wishes
    assert not stage.platform.made


def test_a_release_that_is_there_is_asked_about(stage: Stage, capsys: pytest.CaptureFixture[str]):
    """Without a terminal --yes is needed; a protected context wants its name."""
    stage.there()

    assert run(["deploy"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert run(["deploy", "--yes"]) == 0
    contexts.save_place(
        "kafka", Kubernetes(), ("localhost:1",), like=Context("x", Connection(()), protected=True)
    )
    contexts.edit(lambda b: b.with_context(replace(b.get("kafka"), protected=True)))
    assert run(["deploy", "--yes"]) == 2
    assert "LEARNFLOW_CONFIRM=kafka" in capsys.readouterr().err


def test_a_rehearsal_shows_objects_and_topics(stage: Stage, capsys: pytest.CaptureFixture[str]):
    """Both forms; nothing is changed."""
    assert run(["deploy", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert run(["deploy", "--dry-run", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)

    assert "StatefulSet" in shown
    assert "orders" in shown
    assert said["objects"][0] == {"kind": "Service", "name": "kafka"}
    assert said["topics"] == [{"name": "orders", "partitions": 3, "replication": 3}]
    assert not stage.releases.wishes


def test_flags_reach_helm_in_their_order(stage: Stage, tmp_path: Path):
    """Files as absolute paths, our settings, then the user's."""
    values = tmp_path / "values.yaml"
    values.write_text("a: 1\n")

    run(["deploy", "-f", str(values), "--brokers", "1", "--set", "x=y", "--timeout", "2m"])
    wish = stage.releases.wishes[0]

    assert wish.values == (str(values),)
    assert wish.settings[:2] == ("replicas=1", "controllers.replicas=1")
    assert wish.settings[-1] == "x=y"
    assert wish.timeout == 120.0


def test_the_place_comes_from_flags_then_from_the_context(stage: Stage):
    """A chosen context on Kubernetes is the place, until a flag says another."""
    contexts.save_place("staging", Kubernetes(namespace="staging"), ("localhost:1",), use=True)

    run(["deploy"])
    run(["deploy", "--namespace", "other"])
    run(["deploy", "--context", "kubernetes/third/events"])

    assert stage.places == [
        Kubernetes(namespace="staging"),
        Kubernetes(namespace="other"),
        Kubernetes(namespace="third", release="events"),
    ]


@pytest.mark.parametrize("flag", ["--namespace", "--release", "--kube-context", "--kubeconfig"])
def test_an_empty_name_chooses_no_place(
    stage: Stage, capsys: pytest.CaptureFixture[str], flag: str
):
    """An unset variable of a script must not deploy somewhere else."""
    assert run(["deploy", flag, ""]) == 2
    assert "the name is empty" in capsys.readouterr().err


def test_a_context_of_addresses_is_no_place(stage: Stage, capsys: pytest.CaptureFixture[str]):
    """Bare Kafka cannot be deployed to."""
    contexts.edit(lambda b: b.with_context(Context("prod", Connection(("kafka:9092",)))))

    assert run(["deploy", "--context", "prod"]) == 2
    assert "no release on Kubernetes" in capsys.readouterr().err


def test_undeploy_asks_and_keeps_the_data(stage: Stage, capsys: pytest.CaptureFixture[str]):
    """Both the question and the answer name what stays."""
    stage.there()

    assert run(["undeploy"]) == 2
    assert not stage.releases.uninstalled
    assert run(["undeploy", "--yes"]) == 0
    assert "kept the data: claims data-kafka-0" in capsys.readouterr().out
    assert stage.releases.uninstalled == ["kafka"]
    assert stage.platform.deleted == []


def test_undeploy_can_be_rehearsed_and_speaks_json(
    stage: Stage, capsys: pytest.CaptureFixture[str]
):
    """What would go and what would stay."""
    stage.there()

    assert run(["undeploy", "--dry-run", "--wipe"]) == 0
    assert "data-kafka-2 would be removed; nothing was changed" in capsys.readouterr().out
    assert run(["undeploy", "--yes", "--wipe", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["removed"]
    assert len(said["claims"]) == len(stage.platform.deleted) == 3


def test_where_nothing_is_deployed_undeploy_says_so(
    stage: Stage, capsys: pytest.CaptureFixture[str]
):
    """Run again, it is fine."""
    assert run(["undeploy", "--yes"]) == 0
    assert "there is no release kafka in kafka" in capsys.readouterr().out


def test_connect_refuses_where_brokers_have_no_local_listener(
    stage: Stage, capsys: pytest.CaptureFixture[str]
):
    """With the reason, and the command that adds it."""
    stage.platform.scenes = [replace(healthy(), workloads=(workload(local_base=None),))]

    code = run(["connect"])
    said = capsys.readouterr().err

    assert code == 1
    assert "no LOCAL listener" in said
    assert "listeners.local.enabled=true" in said


def test_logs_name_the_pod_of_each_line(stage: Stage, capsys: pytest.CaptureFixture[str]):
    """People and programs see which broker wrote it."""
    stage.there()

    assert run(["logs", "--namespace", "kafka", "--broker", "1"]) == 0
    assert capsys.readouterr().out == "kafka-1  hello\n"
    assert run(["logs", "--context", "kubernetes", "--broker", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pod"] == "kafka-1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--name", "x", "--namespace", "y"], "--name is a cluster of this machine"),
        (["--context", "local"], "named with --name"),
        (["--previous"], "are for pods"),
        (["--namespace", "kafka", "--previous", "--follow"], "cannot be followed"),
    ],
)
def test_logs_of_two_worlds_are_not_mixed(
    stage: Stage, capsys: pytest.CaptureFixture[str], words: list[str], said: str
):
    """Flags of one place do not go with another."""
    assert run(["logs", *words]) == 2
    assert said in capsys.readouterr().err


def test_without_a_kubeconfig_every_command_says_what_to_name(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    """One clear error, no traceback; nothing of the user's home is read."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    for words in (["deploy"], ["undeploy"], ["connect"], ["logs", "--namespace", "x"]):
        assert run(words) == 1
        assert "there is no kubeconfig" in capsys.readouterr().err
