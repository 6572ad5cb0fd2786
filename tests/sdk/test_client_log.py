"""librdkafka's log lines: what is new at once, what repeats itself twice a minute."""

from __future__ import annotations

import logging
import time

import pytest
from tests.sdk.notes import Note, world

from learnflow_kafka.errors import DeliveryError
from learnflow_kafka.sdk import Producer
from learnflow_kafka.sdk._client_log import ClientLog
from learnflow_kafka.sdk.settings import Settings

REFUSED = (
    "[thrd:one:9092/1]: one:9092/1: Connect failed: Connection refused (after %dms in state X)"
)


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """This moment."""
        return self.now


def say(log: ClientLog, text: str, *, level: int = logging.ERROR, facility: str = "FAIL") -> None:
    log.log(level, "%s [%s] %s", facility, "writer#producer-1", text)


def test_the_same_line_passes_twice_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """Its times do not make it another; the next that passes counts those left out."""
    clock = Clock()
    log = ClientLog(now=clock)
    for second in range(61):
        clock.now = 1000.0 + second
        say(log, REFUSED % second)
    shown = [record.getMessage() for record in caplog.records]

    assert len(shown) == 3
    assert shown[0] == f"FAIL [writer#producer-1] {REFUSED % 0}"
    assert shown[1].endswith("(and 29 lines like it were left out)")


def test_what_is_new_passes_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Another broker, another reason, another facility."""
    log = ClientLog(now=Clock())
    for text in (REFUSED % 1, REFUSED.replace("one", "two") % 1, "one:9092/1: No route to host"):
        say(log, text)
        say(log, text)
    say(log, REFUSED % 1, facility="REQTMOUT")

    assert len(caplog.records) == 4


def test_debug_lines_all_pass(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever sets `debug` wants each of them."""
    log = ClientLog(now=Clock())
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            say(log, "the same", level=logging.DEBUG, facility="METADATA")

    assert len(caplog.records) == 3


def test_lines_without_end_are_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    """Memory is bounded where every line is another."""
    log = ClientLog(now=Clock())
    for number in range(1000):
        say(log, f"broker-{number}: refused")

    assert len(caplog.records) == 1000
    assert len(log._passed) <= 200


def test_a_broker_that_is_away_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Nor is a consumer's setting a warning of a producer: settings are one value for both."""
    place = world()
    settings = Settings(linger_ms=0, delivery_timeout=1.5, extra={"session.timeout.ms": 6000})
    producer = Producer("writer", place.contract, bootstrap="127.0.0.1:1", settings=settings)
    with pytest.raises(DeliveryError):
        producer.send(place.notes, Note(student="ada", number=1))
    time.sleep(0.5)
    producer.close(1)
    shown = [record.getMessage() for record in caplog.records]

    assert len([line for line in shown if line.startswith("FAIL")]) == 1
    assert not [line for line in shown if "CONFWARN" in line]
