"""The committed locks."""

from __future__ import annotations

import pytest

from learnflow_kafka.adapters.local import lock
from learnflow_kafka.core.local import Mode


@pytest.mark.parametrize(("mode", "version"), lock.VERSIONS.items())
def test_a_lock_pins_every_jar_by_digest_and_size(mode: Mode, version: str):
    """Each line has full coordinates, a SHA-256 and a size, and no file twice."""
    found = lock.read(version)

    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in found.jars)
    assert len({jar.file for jar in found.jars}) == len(found.jars) > 90


@pytest.mark.parametrize("version", lock.VERSIONS.values())
@pytest.mark.parametrize("artifact", ["kafka_2.13", "kafka-clients", "kafka-tools", "kafka-server"])
def test_kafkas_own_jars_are_of_one_version(version: str, artifact: str):
    """No older client slipped in beside the broker, as a plain resolve would choose."""
    versions = {jar.version for jar in lock.read(version).jars if jar.artifact == artifact}

    assert versions == {version}


def test_a_jars_place_in_the_repository_follows_its_coordinates():
    """The path is what Maven repositories use."""
    jar = next(j for j in lock.read("4.3.1").jars if j.artifact == "kafka-clients")

    assert jar.path == "org/apache/kafka/kafka-clients/4.3.1/kafka-clients-4.3.1.jar"


def test_the_class_path_does_not_depend_on_the_order_of_lines():
    """The start-up cache is made for one order, so there is one."""
    text = "b.group:zeta:1 aa 1\na.group:alpha:1 bb 2\n"
    swapped = "".join(reversed(text.splitlines(keepends=True)))

    assert lock.parse("1", text).jars == lock.parse("1", swapped).jars
