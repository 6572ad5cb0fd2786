"""Helm, where it is built or installed."""

from __future__ import annotations

import pytest
from tests.support.rendering import Helm, helms

HELMS = helms()
BOTH = ("helm", "helm3")


def _found(name: str) -> Helm:
    if name not in HELMS:
        pytest.skip(f"{name} is not here: make lab-build builds it, or install it")
    return HELMS[name]


@pytest.fixture
def helm() -> Helm:
    """Helm 4, or 3 where 4 is not."""
    return _found(next(iter(HELMS), "helm"))


@pytest.fixture(params=BOTH)
def each_helm(request: pytest.FixtureRequest) -> Helm:
    """Helm 4, then Helm 3."""
    return _found(request.param)
