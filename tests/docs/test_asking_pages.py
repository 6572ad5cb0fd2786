"""The programs on the pages about asking, tracing and metrics run as they stand."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sdk.notes import until
from tests.support.ports import free_ports

from learnflow_kafka.events import CONTRACT
from learnflow_kafka.testing import mock as mock_kafka

if TYPE_CHECKING:
    from collections.abc import Iterator

    from learnflow_kafka.testing import MockKafka

PAGES = Path(__file__).parent.parent.parent / "docs/how-to"
PROGRAM = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def mock() -> Iterator[MockKafka]:
    """LearnFlow's topics, with the tutor's dead letters, on a mock."""
    tutor = CONTRACT.service("tutor")
    letters = {s.dead_letter_topic for s in tutor.consumes if s.dead_letter_topic}
    with mock_kafka.started() as cluster:
        cluster.fast_rebalance()
        for topic in sorted({*CONTRACT.topics} | letters):
            cluster.create(topic, partitions=3)
        yield cluster


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The programs of the page that the test names, as files."""
    page = PAGES / request.param
    for name, text in PROGRAM.findall(page.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def environment(mock: MockKafka) -> dict[str, str]:
    return {**os.environ, "LEARNFLOW_BOOTSTRAP": mock.bootstrap, "PYTHONUNBUFFERED": "1"}


def printed(program: str, mock: MockKafka, folder: Path) -> list[str]:
    """What a program prints; again while the service on a busy machine begins too late for it."""
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-W", "error", program], cwd=folder, env=environment(mock),
            capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        if "no reply" not in done.stdout + done.stderr:
            break
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@contextmanager
def running(program: str, mock: MockKafka, folder: Path) -> Iterator[Path]:
    """A service as a process; the file with what it prints. SIGTERM must end it with 0."""
    output = folder / "output"
    with output.open("wb") as file:
        service = subprocess.Popen(
            [sys.executable, "-W", "error", program], cwd=folder, env=environment(mock),
            stdout=file, stderr=file,
        )  # fmt: skip
    try:
        yield output
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0, output.read_text()
    finally:
        if service.poll() is None:
            service.kill()
            service.wait()


@pytest.mark.parametrize("folder", ["request-reply.md"], indirect=True)
def test_the_page_about_asking_asks_and_is_answered(mock: MockKafka, folder: Path) -> None:
    """A question is answered, an empty one is a remote error, on a thread it is the same."""
    with running("tutor.py", mock, folder):
        asked = printed("ask.py", mock, folder)
        asked_plain = printed("ask_plain.py", mock, folder)

    assert asked == [
        "You asked: What is a loop?",
        "tutor gave up after 1 try: learnflow_kafka.sdk.failures.Reject",
    ]
    assert asked_plain == ["You asked: And a list?", "1"]


@pytest.mark.parametrize("folder", ["tracing.md"], indirect=True)
def test_the_page_about_tracing_traces(mock: MockKafka, folder: Path) -> None:
    """The spans that the page names are printed."""
    with running("tutor.py", mock, folder) as output:
        asked = printed("ask.py", mock, folder)
        until(lambda: '"name": "process learning.query"' in output.read_text())

    assert asked == ["Good question!"]
    assert '"name": "send learning.response"' in output.read_text()


@pytest.mark.parametrize("folder", ["metrics.md"], indirect=True)
def test_the_page_about_metrics_counts(mock: MockKafka, folder: Path) -> None:
    """The page of numbers is where the page says, and has every name of its table."""
    port = free_ports(1)
    tutor = folder / "tutor.py"
    tutor.write_text(tutor.read_text().replace("8080", str(port)))
    printed("shouting.py", mock, folder)

    def page() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                text: str = answer.read().decode()
                return text
        except OSError:
            return ""

    with running("tutor.py", mock, folder):
        until(lambda: 'learnflow_service_ready{service="tutor"} 1.0' in page())
        text = page()
    named = re.findall(r"`(learnflow_\w+)`", (PAGES / "metrics.md").read_text(encoding="utf-8"))
    counted = {name.removesuffix("_total") for name in named}

    assert len(counted) == 16
    assert not [name for name in counted if f"# HELP {name}" not in text]
