"""What a verification puts together, on Kubernetes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.checks.samples import healthy as evidence_of
from tests.support.kubernetes import FakePlatform, healthy, workload

from learnflow_kafka.core.checks.evidence import Expectation, known
from learnflow_kafka.core.connection import Connection, Context, Kubernetes
from learnflow_kafka.core.findings import Status
from learnflow_kafka.core.kubernetes import ZOOKEEPER
from learnflow_kafka.core.observed import Metadata
from learnflow_kafka.wiring import kubernetes, verification


@pytest.mark.parametrize(("answer", "status"), [(" leader", Status.OK), ("", Status.FAILED)])
def test_a_release_with_zookeeper_is_judged_by_what_its_pods_see(
    monkeypatch: pytest.MonkeyPatch, answer: str, status: Status
):
    """Kafka's own finding takes ZooKeeper's word, as its pods heard it."""
    servers = workload(1, name="kafka-zookeeper", component=ZOOKEEPER, service="kafka-zk")
    platform = FakePlatform([replace(healthy(1), workloads=(workload(1), servers))])
    asked = "kafka-zookeeper-0.kafka-zk.kafka.svc:2181"
    platform.answers = lambda _words: f"{asked}{answer}\n"
    base = evidence_of(quorum=None)
    evidence = replace(base, cluster=replace(known(base.cluster), metadata=Metadata.ZOOKEEPER))
    monkeypatch.setattr(kubernetes, "platform", lambda _place: platform)
    monkeypatch.setattr(kubernetes, "reached", lambda context: context)
    monkeypatch.setattr(verification, "gather", lambda *_args, **_more: evidence)
    context = Context("k", Connection(("localhost:1",)), kubernetes=Kubernetes())

    report = verification.report(context, Expectation())
    found = {f.name: f.status for f in report.findings}

    assert found["cluster.metadata"] is status
    assert (found["kubernetes.zookeeper"] is Status.OK) is (status is Status.OK)
