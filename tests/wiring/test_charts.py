"""The chart comes with the package, however that was installed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import learnflow_kafka
from learnflow_kafka.errors import KubernetesError
from learnflow_kafka.wiring.charts import chart_path

ROOT = Path(__file__).parents[2]


def test_an_editable_install_finds_the_chart_beside_the_source():
    """The same files that are edited."""
    assert chart_path() == ROOT / "charts" / "learnflow-kafka"


def test_a_built_wheel_holds_the_whole_chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What a user installs deploys without the repository: every file, byte by byte."""
    built = next(
        iter(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    )
    with zipfile.ZipFile(built) as wheel:
        wheel.extractall(tmp_path / "site")
    package = tmp_path / "site" / "learnflow_kafka"
    monkeypatch.setattr(learnflow_kafka, "__file__", str(package / "__init__.py"))

    found = chart_path()
    source = ROOT / "charts" / "learnflow-kafka"
    wanted = {p.relative_to(source) for p in source.rglob("*") if p.is_file()}

    assert found == package / "charts" / "learnflow-kafka"
    assert {p.relative_to(found) for p in found.rglob("*") if p.is_file()} >= {
        path for path in wanted if "__pycache__" not in path.parts
    }
    assert (found / "values.yaml").read_bytes() == (source / "values.yaml").read_bytes()


def test_an_install_without_a_chart_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A broken install is named, with what mends it."""
    monkeypatch.setattr(learnflow_kafka, "__file__", str(tmp_path / "a" / "b" / "__init__.py"))

    with pytest.raises(KubernetesError, match="holds no Helm chart"):
        chart_path()
