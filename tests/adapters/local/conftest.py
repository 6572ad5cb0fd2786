"""A runtime of its own for each test; whatever it started is ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support import clusters

from learnflow_kafka.adapters.local.client import LocalRuntime
from learnflow_kafka.wiring.paths import paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[LocalRuntime]:
    """Clusters below the test's folder, Kafka from the shared cache."""
    yield LocalRuntime(data=tmp_path / "data", cache=paths().cache)
    clusters.end_all_below(tmp_path)
