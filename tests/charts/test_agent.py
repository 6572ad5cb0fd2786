"""The readiness agent's jar: small, fresh, and the same bytes from the same source."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.support.chart import CHART

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.fixture(scope="module")
def recipe() -> ModuleType:
    """The script that builds the jar."""
    spec = importlib.util.spec_from_file_location("agent_build", CHART / "agent" / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_jar_was_built_from_this_source(recipe: ModuleType):
    """The manifest names the digest of the source beside it."""
    with zipfile.ZipFile(recipe.JAR) as jar:
        told = jar.read("META-INF/MANIFEST.MF").decode()

    assert told == recipe.manifest(), "run: python charts/learnflow-kafka/agent/build.py"


def test_the_jar_is_built_again_to_the_same_bytes(recipe: ModuleType, tmp_path: Path):
    """Whoever has this JDK can check that the jar holds the source and nothing else."""
    if shutil.which("javac") is None:
        pytest.skip("no JDK: there is no javac on the path")
    compiler = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True)
    recipe.build(tmp_path / "once.jar")
    recipe.build(tmp_path / "twice.jar")

    assert (tmp_path / "once.jar").read_bytes() == (tmp_path / "twice.jar").read_bytes()
    if compiler.stdout.startswith("javac 17."):
        assert (tmp_path / "once.jar").read_bytes() == recipe.JAR.read_bytes()


def test_the_jar_is_small_enough_for_a_config_map(recipe: ModuleType):
    """A ConfigMap holds a mebibyte; the agent takes about a hundredth of it."""
    assert recipe.JAR.stat().st_size < 12_000


def test_the_jar_holds_one_class_for_java_11(recipe: ModuleType):
    """Any Java that runs Kafka loads it."""
    with zipfile.ZipFile(recipe.JAR) as jar:
        classes = [name for name in jar.namelist() if name.endswith(".class")]
        version = int.from_bytes(jar.read(classes[0])[6:8], "big")

    assert classes == ["learnflow/agent/Readiness.class"]
    assert version == 55
