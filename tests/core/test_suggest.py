from __future__ import annotations

import pytest

from learnflow_kafka.core.suggest import Hints, did_you_mean, nearest

KEYS = ["partitions", "replication", "min_insync_replicas", "retention", "retention_bytes"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("partions", "partitions"),
        ("minInsyncReplicas", "min_insync_replicas"),
        ("min.insync.replicas", "min_insync_replicas"),
        ("RETENTION", "retention"),
        ("retention-bytes", "retention_bytes"),
        ("zzz", None),
        ("", None),
        ("x" * 10_000, None),
    ],
)
def test_the_nearest_word_is_found_or_none(word: str, meant: str | None):
    """Another spelling, a slip of the finger, or nothing at all."""
    assert nearest(word, KEYS) == meant


def test_no_candidates_give_no_hint():
    """An empty list has no nearest word."""
    assert nearest("a", []) is None
    assert did_you_mean("a", []) is None


def test_the_hint_is_a_question():
    """The phrase can follow any problem."""
    assert did_you_mean("partions", KEYS) == "did you mean 'partitions'?"


def test_hints_end_when_they_would_cost_too_much():
    """Thousands of mistakes against thousands of names cost no more than some."""
    known = [f"topic.{n}" for n in range(5_000)]
    hints = Hints(known)
    found = [hints.did_you_mean(f"topik.{n}") for n in range(1_000)]

    assert found[0] == "did you mean 'topic.0'?"
    assert 1 <= sum(hint is not None for hint in found) <= 10
