from __future__ import annotations

from fractions import Fraction

import pytest

from learnflow_kafka.core.partitioners import PARTITIONERS
from learnflow_kafka.core.plans.policy import ago, moving_share, percent

KEYS = [f"student-{n}".encode() for n in range(20_000)]


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [(3, 6, "1/2"), (2, 3, "2/3"), (1, 4, "3/4"), (4, 6, "2/3"), (6, 4, "2/3"), (5, 5, "0")],
)
def test_the_share_of_moving_keys_is_exact(before: int, after: int, share: str):
    """1 - min/lcm."""
    assert moving_share(before, after) == Fraction(share)


@pytest.mark.parametrize("before", range(1, 13))
def test_the_share_counts_every_hash_of_a_period(before: int):
    """Brute force over all residues gives the same share, whatever the two numbers."""
    for after in range(1, 25):
        period = before * after
        moved = sum(h % before != h % after for h in range(period))

        assert moving_share(before, after) == Fraction(moved, period)


@pytest.mark.parametrize("name", PARTITIONERS)
@pytest.mark.parametrize(("before", "after"), [(3, 6), (2, 3), (3, 5), (12, 16)])
def test_real_keys_move_as_the_share_says(name: str, before: int, after: int):
    """Murmur2, CRC-32 and FNV-1a of 20,000 keys agree with the formula to a percent."""
    place = PARTITIONERS[name]

    moved = sum(place(key, before) != place(key, after) for key in KEYS) / len(KEYS)

    assert moved == pytest.approx(float(moving_share(before, after)), abs=0.015)


def test_shares_and_ages_are_readable():
    """Exact where two decimals suffice; ages to the minute."""
    assert [percent(Fraction(1, 2)), percent(Fraction(2, 3))] == ["50 %", "66.67 %"]
    assert [ago(59_999), ago(3_720_000)] == ["less than a minute ago", "1h2m ago"]
