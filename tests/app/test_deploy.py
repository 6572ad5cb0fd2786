"""Deploy: look, install, apply, verify, in that order; and what happens when one of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from tests.app.test_verify import FastClock
from tests.support.kubernetes import (
    GIB,
    FakeHelm,
    FakePlatform,
    FakeReleases,
    healthy,
    nothing,
    pod,
    workload,
)

from learnflow_kafka.adapters.memory import MemoryKafka
from learnflow_kafka.app.deploy import (
    Deployed,
    DeployEvent,
    Diagnosed,
    HelmStarted,
    Installed,
    Ready,
    Replaced,
    Unlocked,
    WaitingFor,
    deploy,
)
from learnflow_kafka.app.events import Proved
from learnflow_kafka.app.prospect import Prospect, Request, World, prospect
from learnflow_kafka.core.catalog import Catalog, Environment, Topic
from learnflow_kafka.core.checks.evidence import Expectation
from learnflow_kafka.core.checks.preflight import MAKE_NAMESPACE
from learnflow_kafka.core.connection import Connection, Context, Kubernetes
from learnflow_kafka.core.findings import Finding, Report, Status
from learnflow_kafka.core.kubernetes import NodeRoom, Revision
from learnflow_kafka.core.ports import KafkaAdmin
from learnflow_kafka.errors import (
    HelmError,
    KubeconfigError,
    RefusedError,
    RolloutError,
    TimedOutError,
)

DAY = 86_400_000
PLACE = Kubernetes(namespace="shop")
ENVIRONMENTS = {"local": Environment("local", 1), "production": Environment("production", 3)}
CATALOG = Catalog(
    "shop",
    {"orders": Topic("orders", partitions=3, retention_ms=40 * DAY, replication=3)},
    environments=ENVIRONMENTS,
)
FINE = Report((Finding("all", Status.OK, "fine"),))
SICK = Report((Finding("image.pull", Status.FAILED, "the image does not come"),))
STARTING = replace(healthy(), pods=(pod(0), pod(1, ready=False, trouble="starting"), pod(2)))


@dataclass
class Around:
    """The world of a deploy, and what it was asked."""

    platform: FakePlatform
    releases: FakeReleases = field(default_factory=FakeReleases)
    kafka: MemoryKafka = field(default_factory=lambda: MemoryKafka(3))
    verdicts: list[Report] = field(default_factory=lambda: [FINE])
    diagnosed: int = 0
    silences: int = 0
    strangers: int = 0
    """So many times the cluster knows of no broker."""
    doctor_fails: bool = False

    def world(self) -> World:
        return World(
            platform=self.platform,
            releases=self.releases,
            clock=FastClock(),
            catalog=lambda _path: CATALOG,
            reached=lambda c: replace(c, connection=Connection(("localhost:19092",))),
            admin=self._admin,
            verify=self._verify,
            diagnose=self._diagnose,
        )

    @contextmanager
    def _admin(self, context: Context) -> Iterator[KafkaAdmin]:
        if self.silences:
            self.silences -= 1
            raise TimedOutError("the broker did not answer in time")
        if self.strangers:
            self.strangers -= 1
            yield MemoryKafka(0)
            return
        yield self.kafka

    def _verify(self, context: Context, expected: Expectation) -> Report:
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]

    def _diagnose(self) -> Report:
        self.diagnosed += 1
        if self.doctor_fails:
            raise KubeconfigError("no cluster")
        return SICK


def foresee(around: Around, request: Request | None = None) -> Prospect:
    return prospect(request or Request(PLACE), around.world())


def carried_out(around: Around, request: Request | None = None) -> list[DeployEvent]:
    request = request or Request(PLACE)
    world = around.world()
    return list(deploy(prospect(request, world), request, world))


def end(events: list[DeployEvent]) -> Deployed:
    assert isinstance(events[-1], Deployed)
    return events[-1]


def test_a_deploy_installs_applies_verifies_and_gives_a_context():
    """From nothing: namespace, Helm, topics, proof, and a context that pins the cluster."""
    around = Around(FakePlatform([nothing(), STARTING, healthy()]))

    events = carried_out(around)
    context = end(events).context

    assert around.platform.made
    assert [type(e) for e in events if isinstance(e, HelmStarted | Installed | Proved | Deployed)]
    assert isinstance(events[0], HelmStarted)
    assert events[0].fresh
    assert end(events).ok
    assert set(around.kafka.topics()) >= {"orders"}
    assert context.kubernetes == PLACE
    assert context.name == "shop.kafka"
    assert context.environment == "production"
    assert context.brokers == 3
    assert context.cluster_id == around.kafka.cluster().cluster_id


def test_what_is_waited_for_is_said_once_and_its_end_too():
    """One event a change: the reason, then that the pod is ready."""
    around = Around(
        FakePlatform([nothing(), STARTING, STARTING, healthy()]),
        FakeReleases(helm=FakeHelm(looks=3)),
    )

    events = carried_out(around)
    waited = [e.objects for e in events if isinstance(e, WaitingFor)]

    assert waited == [(("kafka-1", "starting"),)]
    assert Ready("kafka-1") in events


def test_a_namespace_that_is_there_is_not_made():
    """A user without that right deploys into a namespace that somebody made."""
    around = Around(FakePlatform([nothing("Active"), healthy()], missing=(MAKE_NAMESPACE,)))

    events = carried_out(around)

    assert not around.platform.made
    assert end(events).ok


def test_what_speaks_against_it_is_found_before_anything_is_changed():
    """A prospect is a look: no namespace, no Helm, and all reasons at once."""
    around = Around(
        FakePlatform(
            [nothing()],
            missing=(MAKE_NAMESPACE,),
            classes=(),
            nodes=(NodeRoom("small", 100, GIB, 5),),
        )
    )

    found = foresee(around)
    failed = {f.name for f in found.report.findings if f.status is Status.FAILED}

    assert not found.ok
    assert failed == {"deploy.rights", "deploy.storage", "deploy.room"}
    assert not around.platform.made
    assert not around.releases.wishes


def test_topics_are_planned_for_the_brokers_that_the_chart_makes():
    """Replication is capped by the values, whoever set them."""
    around = Around(FakePlatform([nothing()]))

    one = foresee(around, Request(PLACE, brokers=1))

    assert one.wish.settings == ("replicas=1", "controllers.replicas=1",
                                 "offsetsRetentionMinutes=57600")  # fmt: skip
    assert one.desired.topics["orders"].replication == 1
    assert foresee(around).desired.topics["orders"].replication == 3


def test_values_of_the_last_deploy_hold_unless_files_say_all():
    """A second `learnflow deploy` without flags changes nothing by accident."""
    releases = FakeReleases(tries=[Revision(1, "deployed", 0)], given="replicas: 5\n")
    around = Around(FakePlatform([healthy()]), releases)

    again = foresee(around)
    with_files = foresee(around, Request(PLACE, values=("values.yaml",)))

    assert again.wish.kept == "replicas: 5\n"
    assert with_files.wish.kept is None
    assert again.revision == releases.tries[0]


def test_flags_of_the_user_win_over_ours():
    """`--set` comes last."""
    found = foresee(
        Around(FakePlatform([nothing()])), Request(PLACE, brokers=2, sets=("replicas=4",))
    )

    assert found.wish.settings[-1] == "replicas=4"


def test_a_try_that_was_cut_off_is_unlocked_and_taken_up():
    """Helm refuses a pending release for ever; we mark it as failed once its time is over."""
    old = Revision(2, "pending-upgrade", updated_ms=-700_000)
    around = Around(FakePlatform([healthy()]), FakeReleases(tries=[old]))

    events = carried_out(around)

    assert events[0] == Unlocked(old)
    assert around.releases.unlocked == [2]
    assert end(events).ok


def test_a_helm_that_may_still_run_is_left_alone():
    """Somebody else's deploy is not broken; --take-over says that nobody is there."""
    now = FastClock().now_ms()
    fresh = Revision(2, "pending-install", updated_ms=now)
    around = Around(FakePlatform([healthy()]), FakeReleases(tries=[fresh]))

    with pytest.raises(RefusedError, match="pending-install"):
        carried_out(around)

    assert not around.releases.unlocked
    assert end(carried_out(around, Request(PLACE, take_over=True))).ok
    assert around.releases.unlocked == [2]


def test_helm_begins_when_the_pods_of_a_removed_release_have_ended():
    """A new pod of their name would be refused, and be missed for minutes."""
    old = tuple(pod(n, revision="old", deleting=True) for n in range(2))
    left = [replace(nothing("Active"), pods=pods) for pods in (old, old, old[:1])]
    around = Around(FakePlatform([*left, nothing("Active"), healthy()]))

    events = carried_out(around)
    begun = next(n for n, event in enumerate(events) if isinstance(event, HelmStarted))
    told = [e.objects for e in events[:begun] if isinstance(e, WaitingFor)]

    assert [[name for name, _ in objects] for objects in told] == [
        ["kafka-0", "kafka-1"],
        ["kafka-0"],
    ]
    assert end(events).ok


def test_a_pod_that_blocks_its_own_repair_is_replaced_once():
    """The old pod goes; the new one, whatever it does, is Kubernetes' business."""
    broken = pod(1, ready=False, hopeless=True, revision="old", uid="bad", trouble="ErrImagePull")
    stuck = replace(healthy(), workloads=(workload(ready=2),), pods=(pod(0), broken, pod(2)))
    gone = replace(stuck, pods=(pod(0), replace(broken, deleting=True), pod(2)))
    around = Around(
        FakePlatform([stuck, stuck, gone, healthy()]), FakeReleases(helm=FakeHelm(looks=3))
    )

    events = carried_out(around)

    assert around.platform.deleted == ["bad"]
    assert Replaced("kafka-1", "ErrImagePull") in events


def test_pods_that_do_not_get_ready_end_in_the_doctors_cause():
    """Helm's `timed out` is not the reason: the pod's is, and the doctor comes before the error."""
    never = replace(STARTING, pods=(pod(0), pod(1, ready=False, trouble="no node takes it")))
    around = Around(
        FakePlatform([nothing(), never]),
        FakeReleases(helm=FakeHelm(fault=HelmError("context deadline exceeded"))),
    )
    events: list[DeployEvent] = []
    world, request = around.world(), Request(PLACE)

    with pytest.raises(RolloutError, match="kafka-1: no node takes it") as caught:
        events.extend(deploy(prospect(request, world), request, world))

    assert caught.value.fix
    assert "doctor" in caught.value.fix
    assert around.diagnosed == 1
    assert around.releases.helm.stopped


def test_a_refusal_of_helms_own_is_its_own_error():
    """Values that the chart's schema refuses are no matter of pods."""
    around = Around(
        FakePlatform([nothing()]),
        FakeReleases(helm=FakeHelm(fault=HelmError("replicas: must be a number"))),
    )

    with pytest.raises(HelmError, match="must be a number"):
        carried_out(around)


def test_a_doctor_that_fails_hides_nothing():
    """The error that he was called for is the one that is raised."""
    around = Around(
        FakePlatform([nothing()]),
        FakeReleases(helm=FakeHelm(fault=HelmError("no"))),
        doctor_fails=True,
    )

    with pytest.raises(HelmError, match="no"):
        carried_out(around)


def test_an_unhealthy_cluster_is_not_ok_and_is_diagnosed():
    """Installed is not enough: what verify does not pass is not done."""
    around = Around(FakePlatform([nothing(), healthy()]), verdicts=[SICK])

    events = carried_out(around)

    assert not end(events).ok
    assert Diagnosed(SICK) in events


def test_a_cluster_that_needs_a_moment_is_waited_for():
    """The first verification after a start may come too early."""
    around = Around(FakePlatform([nothing(), healthy()]), verdicts=[SICK, SICK, FINE])

    assert end(carried_out(around)).ok


def test_brokers_that_have_just_started_are_asked_again():
    """Ready, and busy with their start: a request that times out is no end."""
    around = Around(FakePlatform([nothing(), healthy()]), silences=2)

    events = carried_out(around)

    assert end(events).ok
    assert WaitingFor((("the brokers", "the broker did not answer in time"),)) in events


def test_brokers_that_do_not_know_each_other_yet_are_asked_again():
    """With ZooKeeper a broker knows of none until a controller has told it; no topic is missing."""
    around = Around(FakePlatform([nothing(), healthy()]), strangers=2)

    events = carried_out(around)

    assert end(events).ok
    assert WaitingFor((("the brokers", "the cluster knows of 0 of 3 brokers"),)) in events


def test_brokers_that_never_answer_are_diagnosed():
    """After two minutes of asking the doctor is called, and Kafka's own error raised."""
    around = Around(FakePlatform([nothing(), healthy()]), silences=10_000)

    with pytest.raises(TimedOutError):
        carried_out(around)

    assert around.diagnosed == 1


def test_whoever_stops_a_deploy_stops_helm():
    """Ctrl-C reaches Helm, so that it writes down that it failed."""
    around = Around(FakePlatform([nothing(), STARTING]), FakeReleases(helm=FakeHelm(looks=1_000)))
    world, request = around.world(), Request(PLACE)
    running = deploy(prospect(request, world), request, world)
    next(running)
    next(running)

    running.close()

    assert around.releases.helm.stopped
