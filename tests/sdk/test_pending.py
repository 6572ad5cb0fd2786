from __future__ import annotations

import pytest

from learnflow_kafka.errors import ClosedError, EventError
from learnflow_kafka.sdk import pending as module
from learnflow_kafka.sdk.pending import AskCounts, Fit, Outcome, Pending


@pytest.fixture
def told() -> list[Outcome[str]]:
    """What the one who asked was told."""
    return []


@pytest.fixture
def pending(told: list[Outcome[str]]) -> Pending[str]:
    """One request waits: header `id`, field `f`."""
    made: Pending[str] = Pending()
    made.open("id", "f", told.append)
    return made


def test_a_header_beats_the_field(pending: Pending[str], told: list[Outcome[str]]) -> None:
    """A reply with somebody else's header is foreign, whatever its field says."""
    fits = [
        pending.reply("other", "f", Outcome("theirs")),
        pending.reply("id", "anything", Outcome("ours")),
    ]

    assert fits == [Fit.FOREIGN, Fit.ANSWER]
    assert told == [Outcome("ours")]


def test_without_a_header_the_field_decides(
    pending: Pending[str], told: list[Outcome[str]]
) -> None:
    """So responders need to know nothing of headers; a reply with neither is foreign."""
    fits = [
        pending.reply(None, None, Outcome("?")),
        pending.reply(None, "g", Outcome("theirs")),
        pending.reply(None, "f", Outcome("ours")),
        pending.reply(None, "f", Outcome("again")),
    ]

    assert fits == [Fit.FOREIGN, Fit.FOREIGN, Fit.ANSWER, Fit.REPEATED]
    assert told == [Outcome("ours")]
    assert pending.counts() == AskCounts(answered=1, repeated=1)


def test_after_its_timeout_a_reply_is_late(pending: Pending[str], told: list[Outcome[str]]) -> None:
    """Whoever gave up is told nothing more, and gives up once."""
    gave_up = (pending.give_up("id"), pending.give_up("id"))
    fit = pending.reply(None, "f", Outcome("late"))

    assert gave_up == (True, False)
    assert (fit, told) == (Fit.LATE, [])
    assert pending.counts() == AskCounts(timed_out=1, late=1)


def test_a_second_try_with_the_same_field_gets_its_reply(
    pending: Pending[str], told: list[Outcome[str]]
) -> None:
    """After a timeout the same question may be asked again; the old one's reply is late."""
    pending.give_up("id")
    pending.open("second", "f", told.append)
    fits = [
        pending.reply("id", "f", Outcome("old")),
        pending.reply("second", "f", Outcome("new")),
    ]

    assert fits == [Fit.LATE, Fit.ANSWER]
    assert told == [Outcome("new")]


def test_two_with_one_field_cannot_wait(pending: Pending[str], told: list[Outcome[str]]) -> None:
    """Nobody could say whose a reply without a header is."""
    with pytest.raises(EventError, match="waits for a reply already"):
        pending.open("second", "f", told.append)

    assert len(pending) == 1


def test_closing_tells_everybody(pending: Pending[str], told: list[Outcome[str]]) -> None:
    """And nobody waits after it."""
    pending.close(ClosedError("closed"))
    with pytest.raises(ClosedError):
        pending.open("second", "g", told.append)

    assert [type(outcome.error) for outcome in told] == [ClosedError]
    assert pending.counts() == AskCounts(failed=1)


def test_only_so_many_ended_requests_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ended long ago is foreign: memory does not grow with the number of asks."""
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    made: Pending[str] = Pending()
    for number in range(5):
        made.open(f"id{number}", f"f{number}", lambda _: None)
        made.give_up(f"id{number}")
    fits = [made.reply(f"id{number}", None, Outcome("late")) for number in range(5)]

    assert fits == [Fit.FOREIGN] * 3 + [Fit.LATE] * 2
    assert len(made._ended) == 4
