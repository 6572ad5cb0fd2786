"""The programs on the pages about the SDK run as they stand."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from tests.sdk.notes import reading

from learnflow_kafka.core.dead_letters import parse
from learnflow_kafka.events import CONTRACT

if TYPE_CHECKING:
    from tests.support.clusters import LocalKafka

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/how-to/first-service.md"
PROGRAM = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(folder: Path, program: str, bootstrap: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, program],
        cwd=folder,
        env={**os.environ, "LEARNFLOW_BOOTSTRAP": bootstrap},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.kafka
def test_the_first_service_runs_as_the_page_says(kafka1: LocalKafka, tmp_path: Path) -> None:
    """Tutor and gateway as written: a question is answered, an empty one is a dead letter."""
    for name, text in PROGRAM.findall(PAGE.read_text(encoding="utf-8")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    tutor = CONTRACT.service("tutor")
    names = {topic.name for topic in CONTRACT.topics.values()}
    names |= {s.dead_letter_topic for s in tutor.consumes if s.dead_letter_topic}
    admin = AdminClient({"bootstrap.servers": kafka1.bootstrap})
    missing = names - admin.list_topics(timeout=30).topics.keys()
    for created in admin.create_topics([NewTopic(n, 3, 1) for n in missing]).values():
        created.result(30)
    service = run(tmp_path, "tutor.py", kafka1.bootstrap)
    asked, _ = run(tmp_path, "ask.py", kafka1.bootstrap).communicate(timeout=60)
    many, _ = run(tmp_path, "many.py", kafka1.bootstrap).communicate(timeout=60)
    with reading(kafka1.bootstrap, "learning.response") as read:
        answers = read(1_001)
    with reading(kafka1.bootstrap, "learning.query.tutor.dlt") as read:
        [rejected] = read(1)
    service.send_signal(signal.SIGTERM)
    service.communicate(timeout=60)
    letter = parse(rejected.headers())

    assert asked.count("learning.query[") == 2
    assert many == "999\n"
    assert len(answers) == 1_001
    assert b"You asked: What is a loop?" in b"".join(a.value() for a in answers)
    assert letter is not None
    assert letter.failure.message == "an empty question has no answer"
    assert service.returncode == 0
