"""How many items go into one request."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from learnflow_kafka.core.requests import by_weight, chunks


@given(st.lists(st.integers()), st.integers(1, 9))
def test_chunks_keep_every_item_in_order(items: list[int], size: int):
    """Nothing is lost, moved or left over, and no chunk is empty or too long."""
    found = list(chunks(items, size))

    assert [x for chunk in found for x in chunk] == items
    assert all(0 < len(chunk) <= size for chunk in found)


@given(st.lists(st.integers(0, 20)), st.integers(1, 30), st.integers(1, 5))
def test_batches_are_never_too_heavy(items: list[int], heaviest: int, longest: int):
    """A batch is within both limits, unless one item alone is heavier."""
    found = list(by_weight(items, lambda n: n, heaviest=heaviest, longest=longest))

    assert [x for batch in found for x in batch] == items
    assert all(len(batch) <= longest for batch in found)
    assert all(sum(batch) <= heaviest or len(batch) == 1 for batch in found)
