from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.sdk.notes import Note, create, until, world
from tests.sdk.running import QUICK, committed, running

from learnflow_kafka.errors import UsageError
from learnflow_kafka.sdk.app import App
from learnflow_kafka.sdk.producer import Producer
from learnflow_kafka.sdk.protocols import offered, without_asking
from learnflow_kafka.sdk.settings import GROUP_PROTOCOL_VARIABLE, GroupProtocol, Settings
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from tests.support.clusters import LocalKafka


def test_what_the_settings_say_needs_no_question() -> None:
    """A named protocol, or settings that only the classic one knows; else the cluster is asked."""
    named = Settings(group_protocol=GroupProtocol.CONSUMER)

    assert without_asking(Settings()) is None
    assert without_asking(named) is GroupProtocol.CONSUMER
    assert without_asking(QUICK) is GroupProtocol.CLASSIC
    assert without_asking(Settings(group_instance="pod-1")) is GroupProtocol.CLASSIC


def test_the_environment_may_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong name is refused at once."""
    monkeypatch.setenv(GROUP_PROTOCOL_VARIABLE, "classic")
    settings = Settings()
    monkeypatch.setenv(GROUP_PROTOCOL_VARIABLE, "newest")

    assert settings.group_protocol is GroupProtocol.CLASSIC
    with pytest.raises(UsageError, match="'auto', 'classic' or 'consumer'"):
        Settings()


def test_no_answer_is_no_offer() -> None:
    """Where no broker listens, nothing is concluded."""
    assert offered({"bootstrap.servers": "127.0.0.1:1"}, 0.5) is None


@pytest.mark.kafka
def test_a_new_broker_offers_the_new_protocol(kafka1: LocalKafka) -> None:
    """An app with default settings joins its group by it."""
    place = world()
    create(kafka1.bootstrap, place)
    app = App("reader", place.contract, bootstrap=kafka1.bootstrap, settings=Settings())
    app.on(place.notes)(lambda note: None)
    with running(app), kafka.admin(kafka1.context) as admin:
        until(lambda: app.health().ready)
        listed = {listing.name: listing for listing in admin.groups()}

    assert offered({"bootstrap.servers": kafka1.bootstrap}, 30) is GroupProtocol.CONSUMER
    assert listed[place.subscription.group].protocol == "consumer"


@pytest.mark.kafka
@pytest.mark.zookeeper
def test_an_old_broker_gets_the_classic_protocol(kafka39: LocalKafka) -> None:
    """An app with default settings works there too, without being told."""
    place = world()
    create(kafka39.bootstrap, place)
    with Producer("writer", place.contract, bootstrap=kafka39.bootstrap) as producer:
        for number in range(10):
            producer.post(place.notes, Note(student="ada", number=number))
    app = App("reader", place.contract, bootstrap=kafka39.bootstrap, settings=Settings())
    seen: list[int] = []
    app.on(place.notes)(lambda note: seen.append(note.number))
    with running(app):
        until(lambda: len(seen) == 10)

    assert offered({"bootstrap.servers": kafka39.bootstrap}, 30) is GroupProtocol.CLASSIC
    assert committed(kafka39.bootstrap, place) == 10
