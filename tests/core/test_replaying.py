from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.letters import DLT, OWN, letter

from learnflow_kafka.core.dead_letters import parse
from learnflow_kafka.core.observed import Record, TopicPartition
from learnflow_kafka.core.ports import Mark, NewRecord
from learnflow_kafka.core.replaying import (
    Identity,
    Ledger,
    Selection,
    Spot,
    parse_identity,
    returned,
    sort_letters,
)
from learnflow_kafka.errors import RefusedError

ONE = TopicPartition(DLT, 0)


def lying(new: NewRecord, offset: int, partition: int = 0) -> Record:
    """The record as it lies in the dead-letter topic."""
    return Record(new.topic, partition, offset, 0, new.key, new.value, new.headers)


def box(count: int, mark: Mark | None = None):
    """A box with one letter an offset."""
    records = [lying(letter(n), n) for n in range(count)]
    return sort_letters(DLT, records, {} if mark is None else {0: mark})


@pytest.mark.parametrize("text", ["", "a/b/c", "tutor/topic/x/1", "/topic/0/1", "g/t/0/-1"])
def test_what_is_no_identity_is_refused(text: str):
    """The message says how an identity is written."""
    with pytest.raises(ValueError, match="GROUP/TOPIC/PARTITION/OFFSET"):
        parse_identity(text)


def test_an_identity_is_read_back_as_it_is_shown():
    """A group may hold slashes; a topic cannot."""
    identity = Identity("team/tutor", "learning.query", 2, 17)

    assert parse_identity(str(identity)) == identity


def test_a_letter_that_was_written_twice_is_one_letter():
    """It has two places, in whichever partitions they are."""
    found = sort_letters(DLT, [lying(letter(5), 0), lying(letter(5), 9, partition=1)], {})

    assert [x.spots for x in found.letters] == [(Spot(0, 0), Spot(1, 9))]


def test_a_letter_of_which_one_copy_went_back_went_back():
    """A mark on either place counts for both."""
    copies = [lying(letter(5), 0), lying(letter(5), 9, partition=1)]
    found = sort_letters(DLT, copies, {1: Mark(10)})

    assert [x.replayed for x in found.letters] == [True]


def test_events_of_a_topic_that_was_made_anew_are_others():
    """The same place at another time is another event."""
    first = letter(5)
    headers = tuple(
        (name, b"1" if name == "dlt-original-timestamp" else v) for name, v in first.headers
    )
    again = dataclasses.replace(first, headers=headers)
    found = sort_letters(DLT, [lying(first, 0), lying(again, 1)], {})

    assert len(found.letters) == 2


def test_a_record_without_the_headers_is_a_stranger():
    """It is counted, and no letter."""
    found = sort_letters(DLT, [Record(DLT, 0, 3, 0, None, b"?", ())], {})

    assert (found.letters, found.strangers, found.ends) == ((), 1, {0: 4})


def test_an_event_goes_back_as_it_was():
    """Key, value, its own headers and its partition; nothing of ours."""
    record = lying(letter(5, partition=2), 0)
    says = parse(record.headers)
    assert says is not None

    assert returned(record, says, 3) == NewRecord("orders", b"event 5", b"key 5", OWN, 2)
    assert returned(record, says, 2).partition is None


def test_marks_note_what_went_back_out_of_turn():
    """The offset stays before the first that waits; ranges say what went beyond."""
    found = box(6)
    ledger = Ledger(found)

    assert ledger.add(found.letters[3:5]) == {ONE: Mark(0, "1:3-4")}
    assert ledger.add(found.letters[1:2]) == {ONE: Mark(0, "1:1,3-4")}
    assert ledger.add(found.letters[0:1]) == {ONE: Mark(2, "1:3-4")}
    assert ledger.add(found.letters[2:3]) == {ONE: Mark(5)}
    assert ledger.add(found.letters[5:6]) == {ONE: Mark(6)}


@given(st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)))
def test_what_marks_say_is_what_went_back(first: set[int], second: set[int]):
    """Whatever is chosen in two runs: read back, the marks name exactly those letters."""
    mark = None
    for chosen in (first, second):
        found = box(20, mark)
        waiting = [x for x in found.letters if x.spots[0].offset in chosen and not x.replayed]
        mark = Ledger(found).add(waiting).get(ONE, mark)
    gone = {x.spots[0].offset for x in box(20, mark).letters if x.replayed}

    assert gone == first | second


def test_letters_too_scattered_for_a_mark_are_refused():
    """A note has 4,000 characters; the way out is named."""
    found = box(4_000)

    with pytest.raises(RefusedError, match="separate ranges"):
        Ledger(found).add(found.letters[1::2])


def test_a_note_of_another_version_is_refused():
    """What it says is not guessed."""
    with pytest.raises(RefusedError, match="cannot read"):
        box(3, Mark(0, "2:1-2"))


def test_a_selection_chooses_by_group_topic_time_and_identity():
    """A letter is meant where everything that was said holds."""
    [found] = sort_letters(DLT, [lying(letter(5), 0)], {}).letters

    assert Selection().means(found)
    assert Selection("billing", "orders", 1_700_000_000_000).means(found)
    assert not Selection("shipping").means(found)
    assert not Selection(since_ms=1_700_000_000_001).means(found)
    assert Selection(identities=frozenset({Identity("billing", "orders", 0, 5)})).means(found)
    assert not Selection(identities=frozenset({Identity("billing", "orders", 0, 6)})).means(found)


def test_a_selection_knows_which_topics_to_read():
    """Only dead-letter topics, and of those the ones whose names fit."""
    assert Selection().may_hold(DLT)
    assert not Selection().may_hold("orders")
    assert Selection("billing", "orders").may_hold(DLT)
    assert not Selection("shipping").may_hold(DLT)
    assert not Selection(topic="payments").may_hold(DLT)
