from dataclasses import replace

import pytest
from tests.core.checks.samples import broker_settings, expectation, finding, healthy

from learnflow_kafka.core.checks.evidence import Evidence, Unknown, known
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.observed import ClusterState, Metadata, QuorumState
from learnflow_kafka.core.ports import Fault


def cluster_of(evidence: Evidence) -> ClusterState:
    """The cluster's state in the evidence."""
    return known(evidence.cluster)


def with_fenced(broker: int) -> Evidence:
    """A cluster whose broker is registered and does not serve."""
    state = cluster_of(healthy())
    brokers = tuple(replace(b, fenced=b.id == broker) for b in state.brokers)
    return healthy(cluster=replace(state, brokers=brokers))


def test_a_cluster_that_answers_is_named_by_its_id():
    """The finding names the cluster that answered."""
    found = finding("bootstrap.reachable", healthy())

    assert found.status is Status.OK
    assert "cluster-1" in found.detail


def test_no_answer_fails_with_each_address_and_its_fault():
    """A bootstrap that does not answer fails, with what each address said."""
    silence = Unknown("no broker answers at localhost:9092", "start it")
    found = finding(
        "bootstrap.reachable",
        healthy(cluster=silence, bootstrap={"localhost:9092": "connection refused"}),
    )

    assert found.status is Status.FAILED
    assert found.evidence == ("localhost:9092: connection refused",)
    assert found.fix == "start it"


def test_another_cluster_than_the_pinned_one_fails():
    """A context that pins a cluster id is not satisfied by another cluster."""
    found = finding("bootstrap.reachable", healthy(expected=expectation(cluster_id="other")))

    assert found.status is Status.FAILED
    assert "another cluster answers: cluster-1" in found.detail


def test_one_dead_bootstrap_address_of_two_is_a_warning():
    """A cluster that answers at one of two addresses works, and the other is named."""
    found = finding("bootstrap.reachable", healthy(bootstrap={"a:1": None, "b:2": "timed out"}))

    assert found.status is Status.WARNING
    assert "b:2: timed out" in found.evidence


def test_advertised_addresses_that_take_connections_pass():
    """All advertised addresses take connections."""
    assert finding("brokers.addresses", healthy()).status is Status.OK


def test_a_dead_advertised_address_is_named_with_its_broker_and_the_trap_explained():
    """The finding names broker and address, and says why bootstrap alone does not help."""
    found = finding("brokers.addresses", healthy(addresses={1: None, 2: "refused", 3: None}))

    assert found.status is Status.FAILED
    assert "localhost:9093 of broker 2" in found.detail
    assert "broker 2 advertises localhost:9093: refused" in found.evidence
    assert found.fix is not None
    assert found.fix.startswith("start the broker where it does not run")
    assert "advertised.listeners" in found.fix


def test_all_brokers_of_the_environment_pass():
    """Three of three brokers serve."""
    assert finding("brokers.registered", healthy()).status is Status.OK


def test_a_fenced_broker_fails_and_is_named():
    """A broker that is registered and fenced does not count as serving."""
    found = finding("brokers.registered", with_fenced(2))

    assert found.status is Status.FAILED
    assert "fenced: 2" in found.detail


@pytest.mark.parametrize(
    ("wanted", "status"),
    [(4, Status.FAILED), (3, Status.OK), (2, Status.WARNING), (None, Status.OK)],
)
def test_brokers_are_counted_against_the_environment(wanted: int | None, status: Status):
    """Fewer brokers than the environment names fail, more are a warning."""
    found = finding("brokers.registered", healthy(expected=expectation(brokers=wanted)))

    assert found.status is status


def test_brokers_that_answer_for_themselves_pass():
    """Every broker answered the request that was sent to it."""
    assert finding("brokers.answering", healthy()).status is Status.OK


def test_a_frozen_broker_is_named_although_it_is_registered():
    """A broker that takes connections and does not answer is told by name."""
    frozen = {**broker_settings(), 2: Fault("BROKER_NOT_AVAILABLE", "did not answer in time")}
    found = finding("brokers.answering", healthy(broker_configs=frozen))

    assert found.status is Status.FAILED
    assert "broker 2: did not answer in time" in found.evidence
    assert "broker 1: answers" in found.evidence


def test_a_refusal_is_an_answer():
    """A broker that does not tell us its configs answers all the same."""
    denied = dict.fromkeys((1, 2, 3), Fault("CLUSTER_AUTHORIZATION_FAILED", "no"))

    assert finding("brokers.answering", healthy(broker_configs=denied)).status is Status.OK


def test_a_quorum_with_a_leader_and_voters_at_its_heels_passes():
    """A voter one record behind the leader keeps up."""
    assert finding("cluster.metadata", healthy()).status is Status.OK


def test_a_quorum_without_a_leader_fails():
    """Without a leader nothing can change, and the finding says so."""
    found = finding("cluster.metadata", healthy(quorum=QuorumState(None, 5, 700, {1: 700})))

    assert found.status is Status.FAILED
    assert "no leader" in found.detail


def test_a_voter_that_stopped_fetching_is_named_by_its_silence():
    """The leader's own clock tells since when a voter misses metadata."""
    quorum = QuorumState(
        1, 5, 700, {1: 700, 2: 695, 3: 700}, caught_up_ms={1: 60_000, 2: 50_000, 3: 59_900}
    )
    found = finding("cluster.metadata", healthy(quorum=quorum))

    assert found.status is Status.FAILED
    assert "voter 2: last caught up 10 s ago" in found.evidence


def test_a_voter_far_behind_is_named_where_no_times_are_told():
    """Without times the offsets decide."""
    found = finding(
        "cluster.metadata", healthy(quorum=QuorumState(1, 5, 700, {1: 700, 2: 500, 3: 700}))
    )

    assert found.status is Status.FAILED
    assert "voter 2: 200 metadata records behind" in found.evidence


@pytest.mark.parametrize(
    ("controller", "servers", "status"),
    [
        (1, {"zk:2181": None}, Status.OK),
        (1, {"zk-0": "does not serve", "zk-1": None}, Status.OK),
        (1, {"zk:2181": "does not serve"}, Status.FAILED),
        (1, {}, Status.NOT_CHECKED),
        (1, Unknown("no pod to look from"), Status.NOT_CHECKED),
        (None, {"zk:2181": None}, Status.FAILED),
    ],
)
def test_zookeeper_serves_where_it_says_so_itself(
    controller: int | None, servers: dict[str, str | None] | Unknown, status: Status
):
    """The brokers' word about a controller proves nothing: they remember one for ever."""
    state = replace(cluster_of(healthy()), metadata=Metadata.ZOOKEEPER, controller=controller)
    found = finding("cluster.metadata", healthy(cluster=state, quorum=None, zookeeper=servers))

    assert found.status is status
