"""Configs of topics and brokers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.core.observed import ConfigSource, ConfigValue
from learnflow_kafka.core.plans.changes import AlterConfig, ConfigEdit
from learnflow_kafka.core.ports import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.backends import Backend


def configs(backend: Backend, topic: str) -> Mapping[str, ConfigValue]:
    """The topic's configs."""
    found = backend.admin.topic_configs([topic])[topic]
    assert not isinstance(found, Fault)
    return found


def edit(topic: str, key: str, after: str | None) -> AlterConfig:
    """One edit of one topic."""
    return AlterConfig(topic, (ConfigEdit(key, None, after),))


def test_a_topics_own_config_is_told_from_a_default(backend: Backend):
    """Set values come from the topic, the others from where they are."""
    found = configs(backend, backend.new_topic(config={"retention.ms": "1234"}))

    assert found["retention.ms"] == ConfigValue("1234", ConfigSource.TOPIC)
    assert found["max.message.bytes"].value == "1048588"
    assert found["max.message.bytes"].source is not ConfigSource.TOPIC


def test_unknown_topics_have_no_configs(backend: Backend):
    """A missing topic is a fault of its own beside the others."""
    name, never = backend.new_topic(), backend.new_name("never")
    found = backend.admin.topic_configs([name, never])
    missing = found[never]

    assert isinstance(missing, Fault)
    assert missing.code == "UNKNOWN_TOPIC_OR_PARTITION"
    assert not isinstance(found[name], Fault)


def test_an_edit_touches_its_key_alone(backend: Backend):
    """Another key's value stays as it was, and the next read shows the new one."""
    name = backend.new_topic(config={"retention.ms": "1000", "segment.ms": "2000"})

    assert backend.admin.alter_configs([edit(name, "retention.ms", "5000")]) == {name: None}
    found = configs(backend, name)
    assert found["retention.ms"].value == "5000"
    assert found["segment.ms"] == ConfigValue("2000", ConfigSource.TOPIC)


def test_a_removed_value_falls_back_to_the_brokers(backend: Backend):
    """To remove a topic's own value lets the default hold again."""
    name = backend.new_topic(config={"retention.ms": "1000"})
    backend.admin.alter_configs([edit(name, "retention.ms", None)])
    found = configs(backend, name)["retention.ms"]

    assert found.source is not ConfigSource.TOPIC


def test_to_remove_what_is_not_set_is_no_fault(backend: Backend):
    """Nothing to remove is nothing to complain about."""
    name = backend.new_topic()

    assert backend.admin.alter_configs([edit(name, "retention.ms", None)]) == {name: None}


@pytest.mark.parametrize(
    ("key", "value"),
    [("retention.ms", "soon"), ("no.such.config", "1"), ("segment.bytes", "1")],
)
@pytest.mark.parametrize("validate_only", [True, False])
def test_bad_values_are_refused(
    backend: Backend,
    key: str,
    value: str,
    validate_only: bool,  # noqa: FBT001 - a parameter of the test
):
    """What Kafka does not take is INVALID_CONFIG, asked or done, and nothing changes."""
    name = backend.new_topic()
    before = configs(backend, name)
    answers = backend.admin.alter_configs([edit(name, key, value)], validate_only=validate_only)
    refused = answers[name]

    assert refused is not None
    assert refused.code == "INVALID_CONFIG"
    assert configs(backend, name) == before


def test_validate_only_edits_nothing(backend: Backend):
    """The broker's consent to an edit changes nothing."""
    name = backend.new_topic()
    answers = backend.admin.alter_configs([edit(name, "retention.ms", "7")], validate_only=True)

    assert answers == {name: None}
    assert configs(backend, name)["retention.ms"].source is not ConfigSource.TOPIC


def test_unknown_topics_cannot_be_edited(backend: Backend):
    """An edit of nothing is UNKNOWN_TOPIC_OR_PARTITION."""
    name = backend.new_name()
    refused = backend.admin.alter_configs([edit(name, "retention.ms", "7")])[name]

    assert refused is not None
    assert refused.code == "UNKNOWN_TOPIC_OR_PARTITION"


def test_brokers_tell_their_configs(backend: Backend):
    """A living broker has its configs, one that does not exist a fault."""
    living = backend.admin.cluster().brokers[0].id
    found = backend.admin.broker_configs([living, 99])
    here, missing = found[living], found[99]

    assert not isinstance(here, Fault)
    assert int(here["offsets.retention.minutes"].value or 0) > 0
    assert isinstance(missing, Fault)
    assert missing.code == "BROKER_NOT_AVAILABLE"
