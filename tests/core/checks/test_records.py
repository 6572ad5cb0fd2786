import pytest
from tests.core.checks.samples import finding, healthy

from learnflow_kafka.core.checks.evidence import BrokerProof, Records
from learnflow_kafka.core.checks.records import skew_ms
from learnflow_kafka.core.findings import Status

GOOD = BrokerProof(0, write_ms=2.0, sent_ms=1_000, acked_ms=1_010, appended_ms=1_005)


def proofs(second: BrokerProof) -> Records:
    """Broker 1 proved, broker 2 as given."""
    return Records({1: GOOD, 2: second}, read_ms=1.0)


def stamped(at: int) -> BrokerProof:
    """A record sent at 1,000 ms, acknowledged at 1,010 ms and stamped at `at`."""
    return BrokerProof(0, write_ms=2.0, sent_ms=1_000, acked_ms=1_010, appended_ms=at)


def test_a_record_back_from_every_broker_passes_with_its_time():
    """The evidence tells the time of each write."""
    found = finding("records.round_trip", healthy(records=proofs(GOOD)))

    assert found.status is Status.OK
    assert "broker 2: partition 0: written in 2.0 ms, read back" in found.evidence


def test_a_broker_that_takes_no_record_fails_and_is_named():
    """One broker's fault fails the check and names the broker."""
    found = finding("records.round_trip", healthy(records=proofs(BrokerProof(0, fault="late"))))

    assert found.status is Status.FAILED
    assert "broker 2" in found.detail
    assert "broker 2: late" in found.evidence


def test_a_broker_that_leads_nothing_is_never_silently_fine():
    """A broker that could not be tried makes the check not checked."""
    idle = BrokerProof(skipped="leads no partition of _learnflow.verify")
    found = finding("records.round_trip", healthy(records=proofs(idle)))

    assert found.status is Status.NOT_CHECKED
    assert "broker 2: leads no partition of _learnflow.verify" in found.evidence


def test_no_broker_at_all_is_not_checked():
    """An empty proof proves nothing."""
    assert finding("records.round_trip", healthy(records=Records({}))).status is Status.NOT_CHECKED


@pytest.mark.parametrize(
    ("stamp", "skew"), [(1_005, 0), (1_000, 0), (1_010, 0), (3_010, 2_000), (0, -1_000)]
)
def test_skew_is_what_cannot_be_explained_by_the_way(stamp: int, skew: int):
    """A stamp between sending and acknowledgement proves nothing wrong."""
    assert skew_ms(stamped(stamp)) == skew


@pytest.mark.parametrize(
    ("stamp", "status"),
    [
        (1_005, Status.OK),
        (2_010, Status.OK),
        (2_011, Status.WARNING),
        (31_010, Status.WARNING),
        (31_011, Status.FAILED),
        (-30_000, Status.FAILED),
    ],
)
def test_clocks_warn_beyond_a_second_and_fail_beyond_thirty(stamp: int, status: Status):
    """One second is allowed, thirty are a warning, more is a failure, either way."""
    found = finding("brokers.clocks", healthy(records=proofs(stamped(stamp))))

    assert found.status is status


def test_a_topic_that_keeps_the_senders_time_tells_no_clock():
    """Without the broker's stamp its clock is not checked."""
    blind = BrokerProof(0, write_ms=2.0, sent_ms=1_000, acked_ms=1_010)
    found = finding("brokers.clocks", healthy(records=proofs(blind)))

    assert found.status is Status.NOT_CHECKED
