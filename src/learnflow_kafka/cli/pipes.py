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


def open_standard() -> None:
    """
    Give us standard streams where our caller closed them (`>&-`).

    Otherwise the next file that is opened would get the number of standard output.
    """
    from pathlib import Path  # noqa: PLC0415 - costs 5 ms, and hardly anybody closes them

    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - for our whole life
            setattr(sys, name, nowhere)


def let_go() -> None:
    """Send what remains in the buffer nowhere, so that it does not complain at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
