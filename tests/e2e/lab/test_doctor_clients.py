"""
The doctor on a real cluster: pods of clients, looked from beside a broker's.

One broker, and in another namespace a pod for each client that sees it differently.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.doctor import (
    PAUSE,
    Patient,
    admit_all,
    discharge_all,
    proves,
    unique,
)
from tests.support.kafka_pods import broker, client
from tests.support.lab import until

from learnflow_kafka.core.diagnosis.causes import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.lab import Lab

pytestmark = pytest.mark.timeout(900)
MINE = unique()
KAFKA_SPACE, CLIENTS = f"doctor-asked-{MINE}", f"doctor-asking-{MINE}"
BROKER = f"app-0.app.{KAFKA_SPACE}.svc.cluster.local"
FEW = (
    "/bin/busybox mkdir /tmp/bin; "
    "for a in sh sleep nc nslookup; do /bin/busybox ln -s /bin/busybox /tmp/bin/$a; done; "
    "exec sleep 3600"
)
NO_BASH = {
    "command": ["/bin/sh", "-c", FEW],
    "env": [{"name": "PATH", "value": "/tmp/bin"}],
    "readinessProbe": {
        "exec": {"command": ["sh", "-c", "[ -x /tmp/bin/nslookup ]"]},
        "periodSeconds": 1,
    },
}
SILENT_SERVER: dict[str, Any] = {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.53"]}}
PODS = (
    client("well"),
    client("busybox", NO_BASH),
    client("nameless", **SILENT_SERVER),
    client("nameless-busybox", NO_BASH, **SILENT_SERVER),
    client("astray", hostAliases=[{"ip": "127.0.0.1", "hostnames": [BROKER]}]),
    client("bare", {"image": PAUSE}),
)


@pytest.fixture(scope="module")
def kafka(lab: Lab) -> Iterator[Patient]:
    """A healthy broker, and every client running."""
    healthy = Patient(lab, KAFKA_SPACE, "", broker())
    clients = Patient(lab, CLIENTS, "", PODS)
    try:
        admit_all([healthy, clients])
        until(lambda: healthy.diagnose().healthy(), "nothing is wrong with Kafka", 240, pause=1.0)
        clients.kubectl("wait", "--for=condition=Ready", "pod", "--all", "--timeout=120s")
        yield healthy
    finally:
        discharge_all([healthy, clients])


def asked(kafka: Patient, name: str) -> Patient:
    """The same Kafka, for somebody who asks about this client."""
    return replace(kafka, asker=(CLIENTS, name))


def only(kafka: Patient, name: str) -> Cause:
    """The one cause that the doctor names for a client."""
    (found,) = asked(kafka, name).diagnose().causes
    return found.cause


@pytest.mark.parametrize("name", ["well", "busybox"])
def test_a_client_that_reaches_kafka_is_silent(kafka: Patient, name: str):
    """With bash, and with nothing but busybox, nothing is found and nothing unjudged."""
    assert asked(kafka, name).diagnose().healthy()


@proves("dns.broken")
@pytest.mark.parametrize("name", ["nameless", "nameless-busybox"])
def test_a_name_server_that_does_not_answer_is_the_clients_own_fault(kafka: Patient, name: str):
    """The names resolve in the broker's pod, and both name servers are the proof."""
    cause = only(kafka, name)
    proof = {(p.object, p.field): p.value for p in cause.proof}

    assert cause.rule == "dns.broken"
    assert f"in {CLIENTS}/{name} names do not resolve, and do in app-0" in cause.detail
    assert proof[f"pod {CLIENTS}/{name}", "spec.dnsPolicy"] == "None"
    assert proof[f"pod {CLIENTS}/{name}", "resolv.conf nameserver"] == "192.0.2.53"


@proves("connect.client")
def test_a_name_that_the_clients_own_aliases_lead_astray_is_named(kafka: Patient):
    """The bootstrap is reached and the broker is not, which the broker's own pod reaches."""
    cause = only(kafka, "astray")

    assert cause.rule == "connect.client"
    assert f"{CLIENTS}/astray has no connection to broker 0, which app-0 reaches" in cause.detail
    assert f"spec.hostAliases[{BROKER}]" in {p.field for p in cause.proof}


def test_a_client_without_a_shell_is_not_judged(kafka: Patient):
    """It is said, with the way to look from beside it, and counts as no fault."""
    found = asked(kafka, "bare").diagnose()
    (skipped,) = {u.skipped for u in found.unchecked}

    assert found.causes == ()
    assert {u.rule for u in found.unchecked} == {"dns.broken", "connect.client"}
    assert f"{CLIENTS}/bare" in skipped.reason
    assert f"kubectl debug -n {CLIENTS} bare" in (skipped.fix or "")
