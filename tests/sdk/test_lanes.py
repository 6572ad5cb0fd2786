from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.sdk.lanes import Lanes, Turn


def test_a_lane_has_one_turn_at_a_time() -> None:
    """While a lane is being handled, its next items wait and other lanes go on."""
    lanes: Lanes[str, int] = Lanes()
    lanes.put("a", [1, 2])
    lanes.put("b", [3])
    first = lanes.take(0, limit=1)
    second = lanes.take(0, limit=1)

    assert first is not None
    assert second is not None
    assert (first.lane, second.lane) == ("a", "b")
    assert lanes.take(0, limit=1) is None


def test_a_parked_lane_keeps_its_order() -> None:
    """What is given back comes first again, and not before its time."""
    lanes: Lanes[str, int] = Lanes()
    lanes.put("a", [1, 2, 3])
    turn = lanes.take(0, limit=2)
    assert turn is not None
    lanes.park("a", turn.items, until=5)
    lanes.put("a", [4])
    later = lanes.take(5, limit=9)

    assert lanes.due() is None
    assert later is not None
    assert list(later.items) == [1, 2, 3, 4]


def test_a_parked_lane_is_not_taken_early() -> None:
    """Before its time a parked lane has no turn, and `due` says when it has."""
    lanes: Lanes[str, int] = Lanes()
    lanes.put("a", [1])
    turn = lanes.take(0, limit=1)
    assert turn is not None
    lanes.park("a", turn.items, until=5)

    assert lanes.take(4.9, limit=1) is None
    assert lanes.due() == 5


def test_dropped_lanes_are_forgotten_also_when_parked() -> None:
    """A lane that was dropped and comes again starts afresh, whatever it had waited for."""
    lanes: Lanes[str, int] = Lanes()
    lanes.put("a", [1])
    turn = lanes.take(0, limit=1)
    assert turn is not None
    lanes.park("a", turn.items, until=99)
    dropped = lanes.drop(lambda lane: lane == "a")
    lanes.put("a", [2])
    again = lanes.take(0, limit=1)

    assert dropped == 1
    assert again is not None
    assert list(again.items) == [2]
    assert lanes.due() is None


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "take", "release", "park"]), st.integers(0, 3)), max_size=200
)


@given(STEPS)
def test_each_item_is_handled_once_and_in_the_order_of_its_lane(
    steps: list[tuple[str, int]],
) -> None:
    """Whatever happens, lanes hand out every item once and in order, one turn at a time."""
    lanes: Lanes[int, int] = Lanes()
    put: dict[int, list[int]] = defaultdict(list)
    handled: dict[int, list[int]] = defaultdict(list)
    turns: list[Turn[int, int]] = []
    for now, (step, number) in enumerate(steps):
        if step == "put":
            items = [now * 3 + place for place in range(now % 3 + 1)]
            lanes.put(number, items)
            put[number] += items
        elif step == "take":
            turn = lanes.take(now, limit=number + 1)
            assert turn is None or turn.lane not in {t.lane for t in turns}
            turns += [turn] if turn else []
        elif turns and step == "release":
            turn = turns.pop(number % len(turns))
            handled[turn.lane] += turn.items
            lanes.release(turn.lane)
        elif turns:
            turn = turns.pop(number % len(turns))
            lanes.park(turn.lane, turn.items, until=now + number)
    for turn in turns:
        handled[turn.lane] += turn.items
        lanes.release(turn.lane)
    while turn := lanes.take(10_000, limit=3):
        handled[turn.lane] += turn.items
        lanes.release(turn.lane)

    assert handled == {lane: items for lane, items in put.items() if items}
    assert len(lanes) == 0
