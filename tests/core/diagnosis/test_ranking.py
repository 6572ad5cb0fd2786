"""Several faults at once: causes before what follows from them."""

from dataclasses import replace

from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.findings import Status


def test_an_unbound_claim_comes_before_the_pod_that_waits_for_it():
    """The claim is the cause; the pod, the broker and the service are its consequences."""
    found = diagnose(faults.no_default_class())

    assert g.rules(found)[0] == "claim.no_volume"
    following = {r.cause.rule: r.of for r in found.causes[1:]}
    assert following["pending.other"] == found.root
    assert following["brokers.missing"] == found.root
    assert following["partitions.offline"] == found.root


def test_dns_comes_before_the_time_out():
    """Names that do not resolve explain addresses that cannot be reached, and the quorum."""
    base = faults.no_dns()
    named = g.probes()
    broken = replace(
        base, probes=(named[0], *(replace(p, unresolved="Try again") for p in named[1:]))
    )
    found = diagnose(replace(broken, kafka=faults.leaderless().kafka))

    assert g.rules(found)[0] == "dns.broken"
    assert {r.cause.rule for r in found.causes if r.of == found.root} >= {
        "quorum.no_leader",
        "connect.advertised",
    }


def test_a_broker_that_is_down_explains_topics_that_cannot_be_created():
    """Replication that does not fit the brokers alive is a consequence of the pod."""
    refusal = (
        "Unable to replicate the partition 3 time(s): the target replication factor of 3 cannot "
        "be reached because only 2 broker(s) are registered. (INVALID_REPLICATION_FACTOR)"
    )
    base = faults.bitnami()
    view = replace(
        base.kafka, topics=(g.live(g.WANTED[0]),), refusals={"progress.updated": refusal}
    )
    found = diagnose(replace(base, kafka=view))

    assert g.rules(found)[0] == "image.pull"
    topics = next(r for r in found.causes if r.cause.rule == "topics.missing")
    assert topics.of == found.root


def test_two_faults_that_have_nothing_to_do_with_each_other_are_both_roots():
    """A drifted topic is no consequence of a service's typing mistake."""
    both = replace(faults.mistyped(), kafka=faults.drifted().kafka)
    roots = [r.cause.rule for r in diagnose(both).causes if r.of is None]

    assert set(roots) == {"service.no_endpoints", "topics.different"}


def test_three_faults_stand_before_all_of_their_consequences():
    """Every consequence stands after the cause that it follows from."""
    base = faults.no_default_class()
    waiting = g.crashed(1)
    many = replace(
        base,
        pods=(base.pods[0], waiting, base.pods[2]),
        logs=(replace(faults.lost_found().logs[0], pod="kafka-1"),),
        policies=faults.denied().policies,
    )
    found = diagnose(many)
    order = {id(r.cause): n for n, r in enumerate(found.causes)}

    assert {r.cause.rule for r in found.causes if r.of is None} >= {
        "claim.no_volume",
        "crash.lost_found",
        "network.blocked",
    }
    assert all(order[id(r.of)] < order[id(r.cause)] for r in found.causes if r.of is not None)


def test_what_works_today_comes_last():
    """A warning stands below every failure."""
    both = replace(faults.mistyped(), kafka=faults.disk_tight().kafka)
    found = diagnose(both)

    assert [r.cause.status for r in found.causes] == [Status.FAILED, Status.WARNING]


def test_zookeeper_comes_before_the_sessions_and_the_brokers():
    """An ensemble without a majority explains lost sessions and missing brokers."""
    base = faults.no_majority()
    logs = (*base.logs, *faults.sessions().logs)
    found = diagnose(replace(base, logs=logs, kafka=replace(base.kafka, cluster=g.cluster(0))))

    assert g.rules(found)[0] == "zookeeper.not_serving"
    assert {r.cause.rule for r in found.causes if r.of == found.root} == {
        "zookeeper.sessions",
        "brokers.missing",
    }


def test_a_namespace_that_goes_explains_its_pods():
    """Nothing in a namespace that is being deleted is a cause of its own."""
    base = faults.over_quota()
    found = diagnose(replace(base, namespace_state=faults.terminating().namespace_state))

    assert g.rules(found)[0] == "namespace.terminating"
    assert next(r for r in found.causes if r.cause.rule == "pods.not_created").of == found.root


def test_a_release_that_waited_in_vain_follows_from_its_pods():
    """Helm's time-out is no cause where a pod does not start."""
    text = 'Release "kafka" failed: context deadline exceeded'
    found = diagnose(replace(faults.bitnami(), releases=faults.failed(text).releases))

    assert g.rules(found)[0] == "image.pull"
    assert next(r for r in found.causes if r.cause.rule == "release.failed").of == found.root
