"""`learnflow demo`, as far as it goes without a show."""

from __future__ import annotations

import pytest
from tests.support.commands import Learnflow

from learnflow_kafka.adapters.memory import MemoryKafka

pytestmark = pytest.mark.usefixtures("memory")


def test_a_cluster_that_was_not_named_is_refused(learnflow: Learnflow):
    """The chosen context may be anything; only the Kafka of this machine is played on unasked."""
    done = learnflow("demo", "--json")

    assert (done.code, done.json["error"]) == (1, "RefusedError")
    assert "--context mem" in done.json["fix"]


def test_a_named_cluster_is_asked_about(learnflow: Learnflow):
    """Without a terminal there is nobody to ask, and nothing is written."""
    assert learnflow("demo", "--context", "mem").code == 2


def test_missing_topics_are_named_with_what_creates_them(learnflow: Learnflow):
    """An empty cluster has none of the nine, nor their dead letters."""
    done = learnflow("demo", "--context", "mem", "--yes", "--json")

    assert done.code == 1
    assert "learning.query.tutor.dlt" in done.json["what"]
    assert done.json["fix"] == "learnflow apply -c mem"


def test_a_rehearsal_says_what_students_would_write(learnflow: Learnflow, memory: MemoryKafka):
    """--dry-run counts the scripts and touches nothing."""
    rehearsed = learnflow("demo", "--context", "mem", "--dry-run", "--students", "6", "--json")
    text = learnflow("demo", "--context", "mem", "--dry-run", "--students", "6").text

    assert rehearsed.json["events"] == {
        "learning.query": 3,
        "code.execution.request": 10,
        "exercise.submitted": 7,
    }
    assert len(rehearsed.json["planted"]) == 5
    assert "6 students would write 20 events to mem (m:1)" in text
    assert not memory.topics()
