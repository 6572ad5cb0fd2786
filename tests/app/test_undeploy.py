"""Undeploy: the release goes, the data stays unless it is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.kubernetes import UNREADABLE, FakePlatform, FakeReleases, healthy, nothing

from learnflow_kafka.app.undeploy import Kept, Uninstalling, Wiped, leaving, undeploy
from learnflow_kafka.core.connection import Kubernetes
from learnflow_kafka.core.kubernetes import Revision
from learnflow_kafka.errors import KubernetesError

PLACE = Kubernetes()
CLAIMS = ("data-kafka-0", "data-kafka-1", "data-kafka-2")


def there() -> FakeReleases:
    return FakeReleases(tries=[Revision(1, "deployed", 0)])


def test_data_stays_where_nobody_names_it():
    """Claims are left, and told."""
    platform, releases = FakePlatform([healthy()]), there()

    events = list(undeploy(leaving(PLACE, platform, releases), platform, releases, wipe=False))

    assert events == [Uninstalling("kafka"), Kept(CLAIMS)]
    assert releases.uninstalled == ["kafka"]
    assert platform.deleted == []


def test_wiped_data_is_named_claim_by_claim():
    """Only claims of this release go."""
    platform, releases = FakePlatform([healthy()]), there()

    events = list(undeploy(leaving(PLACE, platform, releases), platform, releases, wipe=True))

    assert events[-1] == Wiped(CLAIMS)
    assert platform.deleted == [*CLAIMS]


def test_what_an_earlier_undeploy_kept_can_be_wiped():
    """No release any more, but its claims: the second run removes them."""
    platform, releases = FakePlatform([healthy()]), FakeReleases()
    found = leaving(PLACE, platform, releases)

    events = list(undeploy(found, platform, releases, wipe=True))

    assert not found.release
    assert events == [Wiped(CLAIMS)]
    assert releases.uninstalled == []


def test_where_nothing_is_nothing_is_done():
    """Run again, it is fine."""
    platform, releases = FakePlatform([nothing()]), FakeReleases()

    found = leaving(PLACE, platform, releases)

    assert list(undeploy(found, platform, releases, wipe=True)) == []


def test_data_is_never_removed_on_a_guess():
    """Claims that may not be listed end it before anything is removed."""
    platform = FakePlatform([replace(healthy(), claims=UNREADABLE)])

    with pytest.raises(KubernetesError, match="may not read"):
        leaving(PLACE, platform, there())
