"""
What brokers know of their cluster from the moment that they call themselves ready.

    python rollcall.py SERVICE BROKER...

Asks each broker's agent whether it is ready and then the broker itself for the cluster's brokers,
again and again; and the Service, which leads to the ready ones alone. Says `going` after a first
answer from each, runs until its input is closed, and prints how often each of the ready ones, and
the Service, named so many brokers: {"kafka": {"3": 1200}, ...}. It stands alone: the lab's network,
where it runs, has no project.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import sys
import threading
from collections import Counter
from contextlib import suppress

PAUSE = 0.05
PATIENCE = 5.0
CLIENT, HEALTH = 9092, 9404
METADATA, VERSION = 3, 1
HEAD = 12
READY = 204


def brokers(address: str, port: int = CLIENT) -> int:
    """How many brokers this one knows of; OSError if it does not answer."""
    request = struct.pack(">hhihi", METADATA, VERSION, 1, -1, 0)  # no client id, no topics
    with socket.create_connection((address, port), PATIENCE) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        head = connection.makefile("rb").read(HEAD)
    if len(head) < HEAD:
        raise OSError("it hung up")
    _, _, count = struct.unpack(">iii", head)  # length, the request's number, brokers
    return int(count)


def is_ready(address: str) -> bool:
    """Whether the agent of the broker at this address calls it ready."""
    agent = http.client.HTTPConnection(address, HEALTH, timeout=PATIENCE)
    try:
        agent.request("GET", "/ready")
        return agent.getresponse().status == READY
    finally:
        agent.close()


def look(name: str, seen: Counter[int], *, agent: bool) -> None:
    """Ask once, at one address: a pod that comes instead has another."""
    with suppress(OSError, http.client.HTTPException):
        address = socket.gethostbyname(name)
        if not agent or is_ready(address):
            seen[brokers(address)] += 1


def main(service: str, *names: str) -> None:
    """Ask until the input is closed."""
    seen: dict[str, Counter[int]] = {name: Counter() for name in (service, *names)}
    end = threading.Event()

    def watch(name: str) -> None:
        while not end.wait(PAUSE):
            look(name, seen[name], agent=name != service)

    def announce() -> None:
        while not all(seen.values()):
            if end.wait(PAUSE):
                return
        print("going", flush=True)  # noqa: T201 - whoever started this waits for it

    threads = [threading.Thread(target=watch, args=(name,)) for name in seen]
    threads.append(threading.Thread(target=announce))
    for thread in threads:
        thread.start()
    sys.stdin.read()
    end.set()
    for thread in threads:
        thread.join()
    print(json.dumps({name.partition(".")[0]: counts for name, counts in seen.items()}))  # noqa: T201 - its result


if __name__ == "__main__":
    main(*sys.argv[1:])
