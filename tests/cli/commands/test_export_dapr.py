"""`learnflow export dapr`: YAML for people's repositories, JSON for programs."""

from __future__ import annotations

import yaml
from tests.support.commands import Learnflow


def test_the_catalog_becomes_dapr_resources(learnflow: Learnflow) -> None:
    """Each subscription of the catalog is one, and names a component that is there."""
    done = learnflow("export", "dapr", "--env", "production", "--bootstrap", "kafka:9092")
    documents = list(yaml.safe_load_all(done.text))
    components = {d["metadata"]["name"] for d in documents if d["kind"] == "Component"}
    subscriptions = [d for d in documents if d["kind"] == "Subscription"]

    assert done.code == 0
    assert components == {"kafka-pubsub", "kafka-pubsub-gateway-latest"}
    assert len(subscriptions) == len({d["metadata"]["name"] for d in subscriptions}) == 13
    assert {d["spec"]["pubsubname"] for d in subscriptions} == components
    assert done.text.startswith("# note: learning.query")


def test_json_holds_the_same(learnflow: Learnflow) -> None:
    """Programs get resources and notices as one object."""
    plain = learnflow("export", "dapr", "--bootstrap", "kafka:9092")
    done = learnflow("export", "dapr", "--bootstrap", "kafka:9092", "--json")

    assert done.json["kind"] == "dapr"
    assert done.json["resources"] == list(yaml.safe_load_all(plain.text))
    assert done.json["notices"]


def test_a_cluster_must_be_named(learnflow: Learnflow) -> None:
    """Components hold the brokers' addresses; other forms hold none."""
    without, needless = learnflow("export", "dapr"), learnflow("export", "json", "-b", "k:1")

    assert (without.code, needless.code) == (2, 2)
    assert "add --context or --bootstrap" in without.err
    assert "json needs no cluster" in needless.err
