"""Where the Helm chart lies: in the package, or beside the source of an editable install."""

from __future__ import annotations

from pathlib import Path

import learnflow_kafka
from learnflow_kafka.core.kubernetes import CHART
from learnflow_kafka.errors import KubernetesError


def chart_path() -> Path:
    """
    The chart's folder.

    Raises KubernetesError where this installation has none.
    """
    package = Path(learnflow_kafka.__file__).parent
    shipped = package / "charts" / CHART
    source = package.parent.parent / "charts" / CHART
    for folder in (shipped, source):
        if (folder / "Chart.yaml").is_file():
            return folder
    raise KubernetesError(
        "this installation holds no Helm chart",
        where=str(shipped),
        fix="install learnflow-kafka anew, from its wheel or its repository",
    )
