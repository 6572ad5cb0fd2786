"""How long a deploy and a diagnosis take; each goal is for a machine that does nothing else."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.deployed import Deployed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.lab import Lab

pytestmark = [pytest.mark.timed, pytest.mark.timeout(600)]

DEPLOY = (90, 300)
"""Seconds from nothing to nine verified topics with the images loaded: at rest, and at most."""
DIAGNOSIS = (5, 60)
"""Seconds of a diagnosis from the command's start: at rest, and at most."""


def limit(goal: tuple[int, int], load: float) -> int:
    """Where other programs wait for the cores too, only what would be our own fault counts."""
    return goal[0] if load <= 2 * (os.cpu_count() or 1) else goal[1]


@pytest.fixture(scope="module")
def load(lab: Lab) -> float:
    """How many programs wanted the cores in the minute before the deploy."""
    del lab  # it runs by now
    return os.getloadavg()[0]


def test_a_deploy_from_nothing_takes_at_most_ninety_seconds(
    load: float, deployed: tuple[Deployed, Any], record_property: Callable[[str, object], None]
):
    """Namespace, three brokers, nine topics, and the proof of all of it."""
    _, said = deployed
    record_property("deploy_seconds", said["seconds"])

    assert said["ok"]
    assert said["fresh"]
    assert said["seconds"] <= limit(DEPLOY, load), f"at a load of {load:.0f}"


def test_a_diagnosis_takes_at_most_five_seconds(
    deployed: tuple[Deployed, Any], record_property: Callable[[str, object], None]
):
    """Three brokers, topics and all objects with them, from the command's start to its end."""
    release, _ = deployed
    load = os.getloadavg()[0]
    began = time.monotonic()
    well = release.attempt("doctor", "--context", release.context, "--json")
    seconds = time.monotonic() - began
    record_property("diagnosis_seconds", round(seconds, 1))

    assert well.returncode == 0, well.stdout
    assert seconds <= limit(DIAGNOSIS, load), f"at a load of {load:.0f}"
