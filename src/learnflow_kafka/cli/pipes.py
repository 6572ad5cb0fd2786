"""The reader at the other end of our standard output."""

from __future__ import annotations

import os
import select
import sys
from typing import Final

_GONE: Final = select.POLLERR | select.POLLHUP if hasattr(select, "poll") else 0


def reader_gone() -> bool:
    """
    Whether the reader of our pipe has gone (`| head`).

    Asking tells it at once; writing would tell it only with the next output, which a follower
    may never have.
    """
    if not _GONE:
        return False
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(event & _GONE for _, event in poll.poll(0))


def let_go() -> None:
    """Send what remains in the buffer nowhere, so that it does not complain at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
