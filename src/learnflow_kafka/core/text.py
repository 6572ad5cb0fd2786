"""Sentences for people: the small parts that many of them share."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """
    A number with its noun, in the plural where it is not one.

    >>> counted(2, "broker")
    '2 brokers'
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
