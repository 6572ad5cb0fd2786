"""Opening a context's cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.errors import WrongClusterError
from learnflow_kafka.wiring import kafka

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.support.clusters import LocalKafka

    from learnflow_kafka.core.connection import Context

    Opening = Callable[[Context], AbstractContextManager[object]]

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("opening", [kafka.admin, kafka.data])
def test_another_cluster_than_the_pinned_one_is_refused(opening: Opening, kafka1: LocalKafka):
    """A context that pins its cluster never talks to another."""
    other = replace(kafka1.context, cluster_id="AAAAAAAAAAAAAAAAAAAAAA")

    with pytest.raises(WrongClusterError, match="AAAAAAAAAAAAAAAAAAAAAA"), opening(other):
        pass


@pytest.mark.parametrize("opening", [kafka.admin, kafka.data])
def test_the_pinned_cluster_is_opened(opening: Opening, kafka1: LocalKafka):
    """The local cluster's context pins its id, and opens."""
    assert kafka1.context.cluster_id is not None

    with opening(kafka1.context) as port:
        assert port is not None
