"""
Clients that know no broker any more: each is told the addresses that it began with.

librdkafka (from 2.13 on, 2.16 too; its issue 5301) can forget every broker for good. It takes one
answer that names none, from a broker that has just started with ZooKeeper or a single one that
stops, and a connection that ends at the same moment: the client has just planned to go back to its
bootstrap addresses, drops the plan for the answer's sake, and never plans it again, whatever
`metadata.recovery.*` says.

So each client of ours says in intervals which brokers it knows, in its statistics, on the thread
that polls it. Where there is none, it is given its addresses again. It is the same client as
before, so nothing that it holds is lost, doubled or reordered: its queue, its place in a
sequence, its transaction, its group.

librdkafka's function for that is not in its Python binding and is called through ctypes. It
wants librdkafka's own handle, which stands first in the binding's object; that the handle leads
back to this very object is asked before it is used.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import cimpl

if TYPE_CHECKING:
    from collections.abc import Mapping

log: Final = logging.getLogger("learnflow_kafka.sdk")

EVERY: Final = 10.0
"""Seconds between two looks."""
_KNOWN: Final = re.compile(r'"source": ?"(?:configured|learned)"')
"""A broker that a client can ask; its statistics also name a group's coordinator without one."""
_ISSUE: Final = "https://github.com/confluentinc/librdkafka/issues/5301"


class WayBack:
    """Looks after one client: made with `added_to` its settings, and named to `lead`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config`: the client's. Raises TypeError for statistics told to no function."""
        self._addresses = str(config.get("bootstrap.servers", ""))
        self._reader = config.get("stats_cb")
        if self._reader is not None and not callable(self._reader):
            raise TypeError("stats_cb is no function")
        self._client = 0

    def added_to(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The settings and what this needs; who has statistics told to himself gets them too."""
        every = {"statistics.interval.ms": round(EVERY * 1_000)}
        return {**every, **config, "stats_cb": self._look}

    def lead(self, client: Any) -> None:
        """Look after this client. It is not kept alive: it is looked at while it is polled."""
        self._client = id(client)

    def _look(self, statistics: str) -> None:
        if self._client and not _KNOWN.search(statistics):
            self._lead_back()
        if self._reader is not None:
            self._reader(statistics)

    def _lead_back(self) -> None:
        try:
            name = _add_brokers(self._client, self._addresses)
        except (AttributeError, LookupError, OSError) as error:
            log.error(  # noqa: TRY400 - what it was is said
                "a client has forgotten every broker and cannot be led back (%s): end this "
                "process and start it again; see %s", error, _ISSUE,
            )  # fmt: skip
        else:
            log.warning(
                "%s had forgotten every broker, and begins again at %s; see %s",
                name, self._addresses, _ISSUE,
            )  # fmt: skip


def _add_brokers(client: int, addresses: str) -> str:
    """
    Tell the client at this place in memory of brokers; its name.

    Raises OSError or AttributeError without librdkafka, LookupError without its handle.
    """
    import ctypes  # noqa: PLC0415 - only lost clients need it

    library = ctypes.CDLL(cimpl.__file__)
    owner, named, add = (
        library.rd_kafka_opaque,
        library.rd_kafka_name,
        library.rd_kafka_brokers_add,
    )
    owner.restype, owner.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    named.restype, named.argtypes = ctypes.c_char_p, (ctypes.c_void_p,)
    add.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    handle = ctypes.c_void_p.from_address(client + object.__basicsize__).value
    if not handle or owner(handle) != client:
        raise LookupError("confluent-kafka keeps its handle elsewhere")
    add(handle, addresses.encode())
    return bytes(named(handle)).decode()
