"""The API's JSON as values: a client's pod."""

from typing import Any

import pytest

from learnflow_kafka.adapters.kubernetes.objects import client

DEFAULT = "kubectl.kubernetes.io/default-container"


def pod(default: str | None = None, **spec: Any) -> dict[str, Any]:
    """A pod of a mesh: a sidecar that began first, a container that waits, and two that run."""
    running: dict[str, Any] = {"state": {"running": {}}}
    names = ("waits", "app", "other")
    return {
        "metadata": {
            "name": "orders-0",
            "namespace": "shop",
            "annotations": {} if default is None else {DEFAULT: default},
        },
        "spec": {
            "initContainers": [{"name": "istio-proxy"}],
            "containers": [{"name": name} for name in names],
            **spec,
        },
        "status": {
            "initContainerStatuses": [{"name": "istio-proxy", **running}],
            "containerStatuses": [{"name": name, **running} for name in names[1:]],
        },
    }


@pytest.mark.parametrize(
    ("default", "runs"), [(None, "app"), ("other", "other"), ("waits", "app"), ("gone", "app")]
)
def test_a_client_is_looked_from_by_its_default_container(default: str | None, runs: str):
    """It is the annotation's where that runs, else the first that runs and is no sidecar."""
    found = client(pod(default))

    assert found.runs == runs
    assert found.containers == ("istio-proxy", "app", "other")


def test_what_leads_a_clients_names_is_read():
    """DNS policy, the node's network, and every name of its own `hosts` file."""
    aliases = [{"ip": "10.9.9.9", "hostnames": ["kafka-0.kafka", "kafka-1.kafka"]}]
    found = client(pod(dnsPolicy="None", hostNetwork=True, hostAliases=aliases))

    assert (found.name, found.dns_policy, found.host_network) == ("shop/orders-0", "None", True)
    assert found.aliases == {"kafka-0.kafka": "10.9.9.9", "kafka-1.kafka": "10.9.9.9"}


def test_a_client_that_does_not_run_has_no_container():
    """Nobody can look from there."""
    still = {**pod(), "status": {}}

    assert client(still).runs is None
