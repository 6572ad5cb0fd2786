"""Whole stories on a real Kubernetes and a real terminal: `make e2e`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

LONGEST: Final = (
    "test_deploy_release",
    "test_deploy_zookeeper",
    "test_chart_modes",
    "test_doctor_objects",
    "test_chart",
    "test_seed_commands",
    "test_doctor_brokers",
    "test_doctor_kafka",
)
"""Modules of minutes, the longest first."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers beside each other take modules in this order, so that none ends long after others."""
    here = Path(__file__).parent
    place = {name: at for at, name in enumerate(LONGEST)}
    items.sort(
        key=lambda item: place.get(item.path.stem, len(place)) if here in item.path.parents else -1
    )
