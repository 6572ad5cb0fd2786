"""Following logs: through restarts, without a gap and without a line twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

import pytest
from tests.support.api_server import ApiServer, Asked, status

from learnflow_kafka.adapters.kubernetes import logs
from learnflow_kafka.adapters.kubernetes.client import Client
from learnflow_kafka.adapters.kubernetes.kubeconfig import Access
from learnflow_kafka.adapters.kubernetes.login import FixedToken
from learnflow_kafka.core.kubernetes import PodLine
from learnflow_kafka.errors import ApiForbiddenError


class Pods:
    """Gives the answers one after the other; text is a log, a number a refusal."""

    def __init__(self, *answers: str | int) -> None:
        self.answers = [*answers]

    def __call__(self, asked: Asked) -> tuple[int, object]:
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, int):
            return status(found, "Reason", "words")
        return 200, found.encode()


@contextmanager
def serving(*answers: str | int) -> Iterator[tuple[Client, ApiServer]]:
    with ApiServer(Pods(*answers)).running() as server:
        client = Client(Access(server.url, None, FixedToken(None)), "shop")
        yield client, server
        client.close()


def followed(client: Client, count: int, *, lines: int | None = 5) -> list[str]:
    running = logs.follow(client, [("kafka-0", "kafka")], lines=lines, since=None)
    found = [line.text for line in islice(running, count)]
    running.close()  # type: ignore[attr-defined] # a generator
    return found


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause between two looks."""
    monkeypatch.setattr(logs, "AGAIN", 0.01)


FIRST = "2026-01-01T00:00:01.5Z one\n2026-01-01T00:00:01.69Z two\n"
SECOND = "2026-01-01T00:00:01.69Z two\n2026-01-01T00:00:01.691Z three\n"


def test_a_log_that_ends_is_taken_up_where_it_was():
    """A restarted container has the next lines; those that were shown come once."""
    with serving(FIRST, 404, 400, SECOND) as (client, server):
        found = followed(client, 3)

    asked = [a.target for a in server.asked]
    assert found == ["one", "two", "three"]
    assert "tailLines=5" in asked[0]
    assert "sinceTime=2026-01-01T00%3A00%3A01.69Z" in asked[3]


def test_a_silent_log_is_asked_for_as_at_first():
    """Nothing was seen yet, so nothing can come twice."""
    with serving("", FIRST) as (client, server):
        found = followed(client, 2)

    assert found == ["one", "two"]
    assert "tailLines=5" in server.asked[1].target


def test_only_new_lines_are_not_lost_between_two_looks():
    """`-n 0`: what was written since the start, however often the log is asked for."""
    with serving("", FIRST) as (client, server):
        found = followed(client, 2, lines=0)

    assert found == ["one", "two"]
    assert "sinceSeconds=1" in server.asked[1].target


def test_a_missing_right_ends_it():
    """Waiting would not mend it."""
    with serving(403) as (client, _), pytest.raises(ApiForbiddenError):
        followed(client, 1)


def test_several_pods_are_one_stream():
    """Each line names its pod."""
    pods = [("kafka-0", "kafka"), ("kafka-1", "kafka")]
    with serving(FIRST) as (client, _):
        running = logs.follow(client, pods, lines=None, since=60.0)
        found = {next(running) for _ in range(4)}
        running.close()  # type: ignore[attr-defined] # a generator

    assert found == {PodLine(f"kafka-{n}", text) for n in (0, 1) for text in ("one", "two")}


def test_a_log_is_read_once_without_following():
    """And of the container before, where that is asked for."""
    with serving("one\ntwo\n") as (client, server):
        found = list(logs.read(client, "kafka-0", "kafka", lines=2, since=None, previous=True))

    assert [line.text for line in found] == ["one", "two"]
    assert "previous=true" in server.asked[0].target
