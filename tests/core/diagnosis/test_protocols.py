"""What brokers say of clients that speak another protocol than the port."""

from dataclasses import replace

import pytest
from tests.core.diagnosis import faults
from tests.core.diagnosis import graphs as g

from learnflow_kafka.core.diagnosis.causes import Cause
from learnflow_kafka.core.diagnosis.signs import LogSign, Sign
from learnflow_kafka.core.diagnosis.table import diagnose
from learnflow_kafka.core.findings import Status


def told(*signs: Sign) -> list[Cause]:
    """What is found where one broker's log has these signs."""
    logs = tuple(LogSign("kafka-0", sign, "a line") for sign in signs)
    return [r.cause for r in diagnose(g.healthy(logs=logs)).causes]


@pytest.mark.parametrize(
    ("sign", "words", "status"),
    [
        (Sign.SASL_PLAINTEXT, "plaintext to a SASL port of kafka-0", Status.FAILED),
        (Sign.TLS_PLAINTEXT, "plaintext to a TLS port of kafka-0", Status.FAILED),
        (Sign.PLAINTEXT_TLS, "TLS to a plaintext port of kafka-0", Status.FAILED),
        (Sign.SASL_OTHER, "another protocol, TLS perhaps, to a SASL port", Status.WARNING),
        (Sign.TLS_FAILED, "a certificate is not trusted", Status.WARNING),
    ],
)
def test_what_is_certain_fails_and_what_may_be_something_else_warns(
    sign: Sign, words: str, status: Status
):
    """A broken handshake may be a certificate's; plaintext within TLS is nothing else."""
    (cause,) = told(sign)

    assert cause.rule == "connect.protocol"
    assert words in cause.detail
    assert cause.status is status


def test_a_handshake_that_plaintext_broke_is_told_once():
    """Java says both of one connection."""
    assert [c.status for c in told(Sign.TLS_FAILED, Sign.TLS_PLAINTEXT)] == [Status.FAILED]


def test_two_mistakes_are_told_apart():
    """A client without SASL and one with TLS too many need different settings."""
    settings = [c.remedy.manifest for c in told(Sign.SASL_PLAINTEXT, Sign.PLAINTEXT_TLS)
                if c.remedy is not None]  # fmt: skip

    assert len(set(settings)) == 2


def test_a_process_on_this_machine_is_called_by_its_name():
    """There are no pods there."""
    logs = (replace(faults.plaintext().logs[0], pod="broker-0"),)
    root = diagnose(g.local(logs=logs)).root

    assert root is not None
    assert root.proof[0].object == "broker-0"
