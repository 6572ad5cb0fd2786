from __future__ import annotations

import pytest
from tests.support.letters import DLT, GROUP, OWN, SOURCE, letter, write

from learnflow_kafka.adapters.memory import MemoryKafka, Moment
from learnflow_kafka.app.dead_letters import boxes, cuts, prepare, purge, replay, show
from learnflow_kafka.core.observed import Record, TopicPartition
from learnflow_kafka.core.ports import NewRecord
from learnflow_kafka.core.replaying import Identity, Selection
from learnflow_kafka.errors import RefusedError, RequestError, TimedOutError, UsageError

ALL = Selection()


@pytest.fixture
def kafka() -> MemoryKafka:
    """A source topic of two partitions and its group's dead letters."""
    cluster = MemoryKafka(1)
    cluster.put_topic(SOURCE, 2)
    cluster.put_topic(DLT, 2)
    return cluster


def back(kafka: MemoryKafka) -> list[Record]:
    """What stands in the source topic."""
    places = [TopicPartition(SOURCE, n) for n in range(2)]
    ends = {p: len(kafka._state.topics[SOURCE].logs[p.partition].records) for p in places}
    return list(kafka.read(dict.fromkeys(places, 0), until=ends))


def send(kafka: MemoryKafka, selection: Selection = ALL) -> int:
    """Replay; how many letters went."""
    return sum(e.letters for e in replay(kafka, kafka, prepare(kafka, kafka, selection)))


def test_events_go_back_as_they_were(kafka: MemoryKafka):
    """Value, key, headers and partition are those of the event that failed."""
    write(kafka, [letter(5, partition=1)])
    send(kafka)
    [event] = back(kafka)

    assert (event.value, event.key, event.headers) == (b"event 5", b"key 5", OWN)
    assert event.partition == 1


def test_a_second_replay_sends_nothing(kafka: MemoryKafka):
    """The marks say what went back; letters stay where they are."""
    write(kafka, [letter(n, at=n % 2) for n in range(450)])

    assert send(kafka) == 450
    assert send(kafka) == 0
    assert len(back(kafka)) == 450
    assert [len(b.letters) for b in boxes(kafka, kafka, ALL)] == [450]


def test_a_copy_that_arrives_later_does_not_go_back_again(kafka: MemoryKafka):
    """One letter with two places is one event, in two runs as well."""
    write(kafka, [letter(5)])
    send(kafka)
    write(kafka, [letter(5, at=1), letter(6, at=1)])

    assert send(kafka) == 1
    assert sorted(r.value or b"" for r in back(kafka)) == [b"event 5", b"event 6"]


def test_chosen_letters_go_and_the_others_wait(kafka: MemoryKafka):
    """What was passed over goes later, what went does not go again."""
    write(kafka, [letter(n, failed_at_ms=n) for n in range(10)])
    one = Selection(identities=frozenset({Identity(GROUP, SOURCE, 0, 3)}))

    assert send(kafka, one) == 1
    assert send(kafka, Selection(since_ms=6)) == 4
    assert send(kafka) == 5
    assert sorted(r.value or b"" for r in back(kafka)) == [b"event %d" % n for n in range(10)]


@pytest.mark.parametrize("moment", list(Moment))
@pytest.mark.parametrize("nth", range(1, 6))
def test_a_replay_that_ends_anywhere_goes_on_where_it_was(
    kafka: MemoryKafka, nth: int, moment: Moment
):
    """Whichever request is the last, in the end each event is there once."""
    write(kafka, [letter(n) for n in range(700)])
    kafka.fail(nth, TimedOutError("gone"), moment=moment, mutating_only=True)
    with pytest.raises(TimedOutError):
        send(kafka)
    send(kafka)

    assert sorted(r.value or b"" for r in back(kafka)) == sorted(
        b"event %d" % n for n in range(700)
    )


def test_a_replay_without_an_answer_says_what_is_not_known(kafka: MemoryKafka):
    """Its letters are named, and that the same command settles it."""
    write(kafka, [letter(n) for n in range(2)])
    kafka.fail(2, TimedOutError("gone"), moment=Moment.AFTER, mutating_only=True)
    with pytest.raises(TimedOutError) as caught:
        send(kafka)

    assert caught.value.what == (
        "gone: whether 2 letters from billing/orders/0/0 to billing/orders/0/1 "
        "went back is not known"
    )
    assert "replay the same again" in str(caught.value.fix)


def test_a_second_replay_beside_the_first_ends_it(kafka: MemoryKafka):
    """The first learns that it was fenced, and nothing goes twice."""
    write(kafka, [letter(n) for n in range(500)])
    first = replay(kafka, kafka, prepare(kafka, kafka, ALL))
    next(first)
    second = send(kafka)

    with pytest.raises(RequestError) as caught:
        next(first)
    assert caught.value.code == "PRODUCER_FENCED"
    assert second == 300
    assert len(back(kafka)) == 500


def test_an_event_that_its_topic_refuses_is_named_with_its_neighbours(kafka: MemoryKafka):
    """Nothing of its transaction is seen; what went before is noted."""
    write(kafka, [letter(n) for n in range(201)])
    delivery = prepare(kafka, kafka, ALL)
    events = replay(kafka, kafka, delivery)
    next(events)
    kafka._state.topics[SOURCE].config["max.message.bytes"] = "50"

    with pytest.raises(RequestError, match=r"letter billing/orders/0/200 did not go back"):
        next(events)
    assert len(back(kafka)) == 200
    assert len(prepare(kafka, kafka, ALL).letters) == 1


def test_a_source_that_is_gone_is_refused(kafka: MemoryKafka):
    """Before anything is written, all of them are named."""
    write(kafka, [letter(1)])
    kafka.delete_topics([SOURCE])

    with pytest.raises(RefusedError, match=f"gone.*{SOURCE}"):
        prepare(kafka, kafka, ALL)


def test_an_identity_that_is_not_there_is_an_error(kafka: MemoryKafka):
    """It is not passed over in silence, by replay or by show."""
    missing = Identity(GROUP, SOURCE, 0, 99)

    with pytest.raises(RequestError, match="no dead letter"):
        prepare(kafka, kafka, Selection(identities=frozenset({missing})))
    with pytest.raises(RequestError, match="no dead letter"):
        show(kafka, kafka, missing)


def test_brokers_that_forget_too_soon_are_told(kafka: MemoryKafka):
    """Marks of a resting group live for offsets.retention.minutes; letters may live longer."""
    write(kafka, [letter(1)])
    kafka.put_topic("payments.billing.dlt", config={"retention.ms": "-1"})
    write(kafka, [letter(1, source="payments")])
    kafka.put_topic("payments")
    brief, long = (
        prepare(kafka, kafka, Selection(topic=name)).forgets_after_ms
        for name in (SOURCE, "payments")
    )

    assert brief is None
    assert long == 7 * 86_400_000


def test_a_letter_is_shown_with_its_record_and_stack(kafka: MemoryKafka):
    """The list leaves stacks out; show reads the record."""
    write(kafka, [letter(4), letter(5)])
    [shown] = show(kafka, kafka, Identity(GROUP, SOURCE, 0, 5))

    assert shown.record.value == b"event 5"
    assert dict(shown.record.headers)["dlt-exception-stacktrace"] == b"Traceback: line 1"
    assert shown.letter.says.failure.stack == ""


def test_a_purge_removes_the_beginning_as_far_as_it_said(kafka: MemoryKafka):
    """The preview counts what goes and what never went back; what came after stays."""
    write(kafka, [letter(n) for n in range(5)])
    send(kafka, Selection(identities=frozenset({Identity(GROUP, SOURCE, 0, 1)})))
    [cut] = cuts(kafka, kafka, DLT)
    write(kafka, [letter(9)])
    [done] = purge(kafka, DLT, [cut])
    [box] = boxes(kafka, kafka, ALL)

    assert (cut.start, cut.before, cut.letters, cut.waiting, cut.left) == (0, 5, 5, 4, 0)
    assert done.fault is None
    assert [x.identity.offset for x in box.letters] == [9]


def test_a_purge_up_to_an_offset_keeps_the_rest(kafka: MemoryKafka):
    """Partition and offset are of the dead-letter topic."""
    write(kafka, [letter(n) for n in range(5)])
    [cut] = cuts(kafka, kafka, DLT, partitions=[0], before=2)

    assert (cut.letters, cut.left) == (2, 3)
    assert cuts(kafka, kafka, DLT, partitions=[1]) == ()


def test_only_dead_letters_are_purged(kafka: MemoryKafka):
    """Another topic, partition or offset is refused."""
    with pytest.raises(RefusedError, match="not a dead-letter topic"):
        cuts(kafka, kafka, SOURCE)
    with pytest.raises(UsageError, match="no partition 7"):
        cuts(kafka, kafka, DLT, partitions=[7])
    with pytest.raises(UsageError, match="beyond the end"):
        cuts(kafka, kafka, DLT, partitions=[0], before=1)


def test_marks_of_a_topic_that_was_made_anew_are_refused(kafka: MemoryKafka):
    """A mark beyond the end would hide new letters."""
    write(kafka, [letter(1)])
    send(kafka)
    kafka.put_topic(DLT, 2)

    with pytest.raises(RefusedError, match="beyond the partition's end"):
        boxes(kafka, kafka, ALL)


def test_records_that_are_no_letters_are_counted(kafka: MemoryKafka):
    """They are neither replayed nor in the way."""
    write(kafka, [NewRecord(DLT, b"?", partition=0), letter(1)])
    [box] = boxes(kafka, kafka, ALL)

    assert box.strangers == 1
    assert send(kafka) == 1
