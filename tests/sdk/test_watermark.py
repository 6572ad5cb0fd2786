from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.sdk.watermark import Watermark

if TYPE_CHECKING:
    from random import Random


def test_the_position_waits_for_the_oldest() -> None:
    """What finished after an open event is not committed."""
    mark = Watermark()
    mark.deliver([5, 6, 9])
    mark.finish([9, 6])

    assert mark.position is None
    assert mark.oldest == 5


def test_gaps_between_offsets_are_passed() -> None:
    """Offsets that Kafka left out (compaction, markers) do not hold the position."""
    mark = Watermark()
    mark.deliver([5, 9])
    mark.finish([9])
    mark.finish([5])

    assert mark.position == 10
    assert len(mark) == 0


@given(
    st.sets(st.integers(0, 1_000), min_size=1),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_the_position_never_passes_an_open_event(
    offsets: set[int], step: int, random: Random
) -> None:
    """In any order of finishing, in steps of any size, all below the position is finished."""
    mark = Watermark()
    mark.deliver(sorted(offsets))
    still_open = set(offsets)
    order = sorted(offsets)
    random.shuffle(order)
    for start in range(0, len(order), step):
        finished = order[start : start + step]
        mark.finish(finished)
        still_open.difference_update(finished)

        assert mark.position is None or not any(o < mark.position for o in still_open)
        assert mark.oldest == min(still_open, default=None)
    assert mark.position == max(offsets) + 1
