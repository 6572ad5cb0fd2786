"""What a service may do, and what it is told when it does something else."""

from __future__ import annotations

from typing import Any

import pytest

from learnflow_kafka.core.catalog import Place
from learnflow_kafka.errors import ContractError
from learnflow_kafka.events import CONTRACT, LEARNING_QUERY, PROGRESS_UPDATED, LearningQuery
from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.asking import Asker
from learnflow_kafka.sdk.contract import Contract, Service, Subscription


def test_things_are_found_by_name() -> None:
    """Topics, services and the topics of a class are looked up in the contract."""
    assert CONTRACT.topic("learning.query") is LEARNING_QUERY
    assert CONTRACT.service("tutor").source == "/learnflow/tutor"
    assert CONTRACT.carrying(LearningQuery) == (LEARNING_QUERY,)
    assert LEARNING_QUERY.classes == (LearningQuery,)


@pytest.mark.parametrize(
    ("name", "words"),
    [("tutr", "did you mean 'tutor'"), ("payments", "it has gateway, tutor")],
)
def test_an_undeclared_service_is_told(name: str, words: str) -> None:
    """A service that the catalog does not know is refused, with what it does know."""
    with pytest.raises(ContractError, match=words) as caught:
        CONTRACT.service(name)

    assert "learnflow codegen" in (caught.value.fix or "")


def test_an_undeclared_topic_of_an_empty_contract_is_told() -> None:
    """Also where nothing at all was declared."""
    with pytest.raises(ContractError, match="declares no topic 'x'; it has none"):
        Contract.of("empty", "").topic("x")


def test_a_declared_direction_is_let_through() -> None:
    """What the catalog declares is allowed, and the subscription comes back."""
    tutor = CONTRACT.service("tutor")
    tutor.producing(CONTRACT.topic("learning.response"))

    assert tutor.consuming(LEARNING_QUERY).group == "tutor"


def test_producing_elsewhere_names_the_catalogs_line() -> None:
    """A service that writes to a topic of others learns where it would be declared."""
    with pytest.raises(ContractError) as caught:
        CONTRACT.service("tutor").producing(PROGRESS_UPDATED)

    assert "'tutor' does not produce 'progress.updated'; it produces learning.response" in str(
        caught.value
    )
    assert (caught.value.where or "").startswith("services.yaml:")


def test_a_topics_name_is_nothing_to_produce() -> None:
    """`App(sends=["progress.updated"])` is refused with what to write."""
    name: Any = PROGRESS_UPDATED.name
    with pytest.raises(ContractError, match="is of type str and no topic") as caught:
        CONTRACT.service("tutor").producing(name)

    assert (caught.value.where or "").startswith("services.yaml:")


@pytest.mark.parametrize("given", ["learning.query", PROGRESS_UPDATED, None])
def test_what_is_no_exchange_is_refused_with_what_to_write(given: Any) -> None:
    """Who asks and who answers give the exchange itself, not its name and not a topic."""
    with pytest.raises(ContractError, match="and no exchange") as asking:
        Asker("gateway", CONTRACT, given, bootstrap="localhost:1")
    with pytest.raises(ContractError, match="and no exchange") as answering:
        App("tutor", CONTRACT, bootstrap="localhost:1").answers(given)

    assert "LEARNING_QUERY_EXCHANGE" in str(asking.value.fix)
    assert (answering.value.where or "").startswith("services.yaml:")


def test_consuming_elsewhere_names_the_catalogs_line() -> None:
    """A service that reads a topic undeclared learns what it does read."""
    with pytest.raises(
        ContractError, match=r"consumes learning\.query, struggle\.detected"
    ) as caught:
        CONTRACT.service("tutor").consuming(PROGRESS_UPDATED)

    assert (caught.value.where or "").startswith("services.yaml:")


def test_of_several_groups_one_must_be_named() -> None:
    """A service that reads one topic in two groups says which it means."""
    two = tuple(Subscription(LEARNING_QUERY, group) for group in ("fast", "slow"))
    service = Service("s", "/s", consumes=two, place=Place("c.yaml", 7))

    assert service.consuming(LEARNING_QUERY, "slow") is two[1]
    with pytest.raises(ContractError, match=r"several groups \(fast, slow\): name one"):
        service.consuming(LEARNING_QUERY)
    with pytest.raises(ContractError, match="in group 'none'"):
        service.consuming(LEARNING_QUERY, "none")


def test_topics_are_cheap_keys() -> None:
    """Equal topics are one key, found by the name's hash."""
    assert hash(LEARNING_QUERY) == hash("learning.query")
    assert {LEARNING_QUERY: 1}[CONTRACT.topic("learning.query")] == 1
