"""What a deploy decides: values, locks of Helm's, and pods that block their own repair."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.kubernetes import UNREADABLE, healthy, pod, workload

from learnflow_kafka.core.connection import Kubernetes
from learnflow_kafka.core.deploying import blocking, cut_off, installed, settings, waiting
from learnflow_kafka.core.kubernetes import (
    CONTROLLER,
    Claim,
    Door,
    Pod,
    Revision,
    bootstrap,
    context_name,
    doors,
    named_pods,
)
from learnflow_kafka.errors import KubernetesError

BROKEN = pod(1, ready=False, hopeless=True, revision="old", trouble="ImagePullBackOff")


def test_flags_become_values_and_few_brokers_one_voter():
    """Voters are fixed at the first install, so an upgrade never names them."""
    first = settings(mode="zookeeper", brokers=2, fresh=True, offsets_minutes=60)
    later = settings(mode=None, brokers=2, fresh=False, offsets_minutes=99_999)

    assert first == ("mode=zookeeper", "replicas=2", "controllers.replicas=1")
    assert later == ("replicas=2", "offsetsRetentionMinutes=99999")
    assert settings(mode=None, brokers=None, fresh=True, offsets_minutes=43_200) == ()


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback"])
def test_a_last_try_that_is_not_finished_is_a_lock(status: str):
    """Only the last try counts: Helm refuses while it is pending."""
    tries = (Revision(1, "deployed", 0), Revision(2, status, 0))

    assert cut_off(tries) == tries[1]
    assert cut_off((tries[1], Revision(3, "deployed", 0))) is None
    assert cut_off(()) is None


def test_an_uninstalled_release_is_not_there():
    """Helm may keep the history of what it removed."""
    assert installed((Revision(1, "failed", 0),))
    assert not installed((Revision(1, "uninstalled", 0),))
    assert not installed(())


def test_a_hopeless_pod_of_an_older_revision_blocks():
    """A StatefulSet waits for it for ever, and it can never get ready."""
    seen = replace(healthy(), pods=(pod(0), BROKEN, pod(2)))

    assert blocking(seen) == (BROKEN,)


@pytest.mark.parametrize(
    "spared",
    [
        replace(BROKEN, revision="new"),
        replace(BROKEN, ready=True),
        replace(BROKEN, hopeless=False),
        replace(BROKEN, deleting=True),
        replace(BROKEN, revision=None),
    ],
)
def test_no_other_pod_is_ever_deleted(spared: Pod):
    """The new revision's pod, a ready, a starting and a leaving one are left alone."""
    assert blocking(replace(healthy(), pods=(pod(0), spared))) == ()


def test_nothing_is_deleted_on_a_guess():
    """What cannot be read blocks nothing."""
    assert blocking(replace(healthy(), workloads=UNREADABLE)) == ()
    assert blocking(replace(healthy(), pods=UNREADABLE)) == ()


def test_what_is_waited_for_is_said_with_its_reason():
    """Workloads, claims and pods; a claim that waits for its pod is as it should be."""
    seen = replace(
        healthy(),
        workloads=(workload(trouble="FailedCreate: exceeded quota"),),
        pods=(pod(0), BROKEN),
        claims=(
            Claim("a", "Pending", trouble="WaitForFirstConsumer: waiting for first consumer"),
            Claim("b", "Pending", trouble="ProvisioningFailed: no class"),
        ),
    )

    assert waiting(seen) == (
        ("kafka", "FailedCreate: exceeded quota"),
        ("claim b", "ProvisioningFailed: no class"),
        ("kafka-1", "ImagePullBackOff"),
    )
    assert waiting(healthy()) == ()


def test_every_broker_has_the_port_that_it_advertises():
    """Base port plus the pod's number, on this machine's loopback."""
    found = doors(workload(2, local_base=29092))

    assert found == (Door("kafka-0", 29092, 9095), Door("kafka-1", 29093, 9095))
    assert bootstrap(found) == ("localhost:29092", "localhost:29093")
    assert doors(workload(local_base=None)) == ()


def test_a_place_gets_a_name_that_a_context_may_have():
    """The usual place is `kafka`; others say where they are."""
    assert context_name(Kubernetes()) == "kafka"
    assert context_name(Kubernetes(namespace="shop", release="events")) == "shop.events"


def test_pods_are_named_in_the_order_of_their_numbers():
    """Ten comes after nine, and a number that is not there is an error that names the others."""
    seen = replace(healthy(), pods=tuple(pod(n) for n in (10, 9, 2)))

    assert named_pods(seen, Kubernetes(), "broker") == ["kafka-2", "kafka-9", "kafka-10"]
    assert named_pods(seen, Kubernetes(), "broker", [9]) == ["kafka-9"]
    with pytest.raises(KubernetesError, match=r"number 7; there are kafka-2, kafka-9, kafka-10"):
        named_pods(seen, Kubernetes(), "broker", [7])
    with pytest.raises(KubernetesError, match="no controller pods"):
        named_pods(seen, Kubernetes(), CONTROLLER)
