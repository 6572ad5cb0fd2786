from __future__ import annotations

import pytest

from learnflow_kafka.core.plans.removals import Figures, Removal, refuse_growth
from learnflow_kafka.core.plans.retention import Removed
from learnflow_kafka.errors import PlanStaleError

GREW = Removal("a", Figures(10, (Removed(0, 0, 10),)), Figures(5_010, (Removed(0, 0, 5_010),)))


def cut(*ranges: tuple[int, int, int]) -> Figures:
    """What a shorter life removes, by partition, first offset and end."""
    removed = tuple(Removed(*one) for one in ranges)
    return Figures(sum(gone.until - gone.first for gone in removed), removed)


@pytest.mark.parametrize(
    ("shown", "now", "grew"),
    [
        (cut((0, 0, 10)), cut((0, 0, 10)), False),
        (cut((0, 0, 10)), cut((0, 4, 10)), False),
        (cut((0, 0, 10)), cut((0, 0, 11)), True),
        (cut((0, 0, 10)), cut((0, 10, 15)), True),
        (cut((0, 0, 10)), cut((0, 0, 9), (1, 0, 1)), True),
        (cut(), cut((0, 0, 1)), True),
        (cut((0, 0, 10)), cut(), False),
        (cut((0, 0, 10)), Figures(None), True),
        (Figures(None), cut((0, 0, 10)), False),
        (Figures(None), Figures(None), False),
    ],
)
def test_a_cut_grew_where_an_offset_goes_that_was_not_shown(
    shown: Figures, now: Figures, *, grew: bool
):
    """Offsets count, not their number: other records in place of the shown ones are more."""
    assert Removal("a", shown, now).grew is grew


@pytest.mark.parametrize(
    ("shown", "now", "grew"),
    [
        (Figures(5, last_write_ms=7), Figures(5, last_write_ms=7), False),
        (Figures(5, last_write_ms=7), Figures(3, last_write_ms=7), False),
        (Figures(5, last_write_ms=7), Figures(6, last_write_ms=7), True),
        (Figures(5, last_write_ms=7), Figures(5, last_write_ms=9), True),
        (Figures(0), Figures(1, last_write_ms=9), True),
        (Figures(5), Figures(5, last_write_ms=9), False),
    ],
)
def test_a_deletion_grew_where_something_was_written(shown: Figures, now: Figures, *, grew: bool):
    """More records, or a later one where the oldest have gone meanwhile."""
    assert Removal("a", shown, now).grew is grew


def test_growth_is_refused_with_both_figures_and_the_flag():
    """The message names what was shown, what goes now, and how to accept it."""
    with pytest.raises(PlanStaleError) as caught:
        refuse_growth([GREW], ())

    assert "a: up to 10 records when the plan was made, up to 5,010 records now" in str(
        caught.value
    )
    assert caught.value.fix is not None
    assert "--remove-anyway a" in caught.value.fix


def test_growth_is_accepted_by_name():
    """Only the named topic's."""
    refuse_growth([GREW], ("a",))
    with pytest.raises(PlanStaleError):
        refuse_growth([GREW], ("b",))
