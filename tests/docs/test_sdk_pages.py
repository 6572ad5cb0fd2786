"""The programs on the pages about the SDK run as they stand."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from tests.docs.snippets import snippets
from tests.sdk.notes import reading, settled

from learnflow_kafka.core.dead_letters import parse
from learnflow_kafka.events import CONTRACT

if TYPE_CHECKING:
    from tests.support.clusters import LocalKafka

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/how-to/first-service.md"
ONCE = ROOT / "docs/how-to/exactly-once.md"
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


ORDERS = """
import sys
from shop_events import CONTRACT, SHOP_ORDERS, OrderPlaced
from learnflow_kafka.sdk import Producer

with Producer("shop", CONTRACT) as producer:
    for total in (0, 5, 7):
        producer.send(SHOP_ORDERS, OrderPlaced(customer_id="ada", total=total))
"""


@pytest.mark.kafka
def test_the_exactly_once_service_runs_as_the_page_says(kafka1: LocalKafka, tmp_path: Path) -> None:
    """Catalog, contract and service as written: an invoice for each order, none for nothing."""
    page = ONCE.read_text(encoding="utf-8")
    for snippet in snippets(page):
        if snippet.relation == "file":
            (tmp_path / snippet.file).write_text(snippet.text, encoding="utf-8")
    for name, text in [*PROGRAM.findall(page), ("shop.py", ORDERS)]:
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = next(s.text for s in snippets(page) if s.language == "sh").split()
    codegen = [sys.executable, "-m", "learnflow_kafka", *command[1:]]
    subprocess.run(codegen, cwd=tmp_path, check=True, capture_output=True)
    admin = AdminClient({"bootstrap.servers": kafka1.bootstrap})
    topics = ("shop.orders", "shop.invoices", "shop.orders.billing.dlt")
    for created in admin.create_topics([NewTopic(n, 3, 1) for n in topics]).values():
        created.result(30)
    service = run(tmp_path, "billing.py", kafka1.bootstrap)
    run(tmp_path, "shop.py", kafka1.bootstrap).communicate(timeout=60)
    letters = settled(kafka1.bootstrap, "shop.orders.billing.dlt", 1)
    invoices = settled(kafka1.bootstrap, "shop.invoices", 2)
    service.send_signal(signal.SIGTERM)
    service.communicate(timeout=60)
    [letter] = [parse(record.headers()) for record in letters]

    assert service.returncode == 0
    assert sorted(json.loads(record.value())["amount"] for record in invoices) == [5, 7]
    assert letter is not None
    assert letter.failure.message == "there is nothing to pay"
