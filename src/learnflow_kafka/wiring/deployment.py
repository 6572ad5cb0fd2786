"""What `learnflow deploy` and `undeploy` work with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learnflow_kafka.app.prospect import World
from learnflow_kafka.wiring import catalogs, doctor, kafka, kubernetes, system, verification

if TYPE_CHECKING:
    from learnflow_kafka.core.connection import Kubernetes


def build(place: Kubernetes) -> World:
    """
    The world of one release.

    Raises KubeconfigError where no API server is known.
    """
    return World(
        platform=kubernetes.platform(place),
        releases=kubernetes.releases(place),
        clock=system.clock(),
        catalog=catalogs.load,
        reached=kubernetes.reached,
        admin=kafka.admin,
        verify=verification.report,
        diagnose=doctor.report_of(place),
    )
