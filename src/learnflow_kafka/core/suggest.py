"""The nearest known word to a mistyped one."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_MANY: Final = 10_000
"""Beyond so many candidates a similarity search takes longer than the hint is worth."""

_COMPARISONS: Final = 50_000
"""How many words one `Hints` compares, about half a second's worth."""

_SLIP: Final = 2
"""Letters that one slip changes: one that is wrong, missing or too many, or two swapped."""


def nearest(word: str, known: Collection[str]) -> str | None:
    """
    The known word that was probably meant, or None.

    Spelling apart (case, `-`, `_`, `.`) comes first, then similarity.

    >>> nearest("minInsyncReplicas", ["partitions", "min_insync_replicas"])
    'min_insync_replicas'
    """
    bare = _bare(word)
    for candidate in known:
        if _bare(candidate) == bare:
            return candidate
    if len(known) > _MANY or len(word) > len(max(known, key=len, default="")) * 2:
        return None
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return close[0] if close else None


def mistyped(word: str, meant: str) -> bool:
    """
    Whether two words differ by a slip of the hand: at one place, by two letters, by no digit.

    Stricter than `nearest`: for what is done on this word alone, and not only shown.

    >>> mistyped("kafak", "kafka"), mistyped("kafka-1", "kafka-2"), mistyped("qa", "ci")
    (True, False, False)
    """
    ahead = _common(word, meant)
    behind = _common(word[ahead:][::-1], meant[ahead:][::-1])
    apart = (word[ahead : len(word) - behind], meant[ahead : len(meant) - behind])
    longest = max(map(len, apart))
    return longest <= _SLIP and longest < ahead + behind and not re.search(r"\d", "".join(apart))


def did_you_mean(word: str, known: Collection[str]) -> str | None:
    """The hint as a phrase, or None where nothing is near."""
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else None


class Hints:
    """
    Hints for many words against one list of known ones.

    The work is bounded: after enough comparisons there is no hint any more, so that a file
    full of mistakes is reported as fast as one with few.
    """

    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._left = _COMPARISONS

    def did_you_mean(self, word: str) -> str | None:
        """The hint as a phrase, or None."""
        self._left -= len(self._known)
        return did_you_mean(word, self._known) if self._left > 0 else None


def _common(one: str, other: str) -> int:
    """How many letters two words begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _bare(word: str) -> str:
    return word.replace("-", "").replace("_", "").replace(".", "").lower()
