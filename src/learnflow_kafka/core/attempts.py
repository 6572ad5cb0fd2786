"""
Addresses tried from a container, by whatever it has: bash, python3 or nc.

A broker's image has bash; an application's often has a POSIX shell and one of the others.
Addresses come from Kafka's own answers, so they go to the shell as arguments and never as text
of a command. All are tried at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from learnflow_kafka.core.shells import LIMITED, NOT_FOUND, TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from learnflow_kafka.core.kubernetes import Ran

PATIENCE: Final = 5
"""Seconds for a name or a connection: one that is refused or answered takes none of them."""

RUNNING: Final = 20.0
"""Seconds for the command in the container, which a busy node may be slow to start."""

_UNNAMED: Final = TIMED_OUT + 1
"""The exit code of an attempt whose name had no answer in time."""

_PYTHON: Final = r"""
import os, socket, sys, threading, time
ends = time.monotonic() + SECONDS
told = {address: "UNNAMED" for address in sys.argv[1:]}
def knock(address):
    host, _, port = address.rpartition(":")
    try:
        socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        told[address] = "TIMED_OUT"
        socket.create_connection((host, port), SECONDS).close()
        told[address] = "0"
    except socket.timeout:
        pass
    except OSError as error:
        told[address] = "1 " + " ".join(str(error).split())
threads = [threading.Thread(target=knock, args=(one,), daemon=True) for one in told]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(max(0.0, ends - time.monotonic()))
for address, words in list(told.items()):
    print("probe", address, words, flush=True)
os._exit(0)
"""
"""One process for all: a container's memory may be small. Nothing ends a name's look-up early."""

_SCRIPT: Final = r"""
export LC_ALL=C
set -f
has() { command -v "$1" >/dev/null 2>&1; }
knock() {
  if [ "$means" = bash ]; then
    limited SECONDS bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2"
  else
    limited SECONDS nc -v -z "$1" "$2"
  fi
}
unnamed() {
  if has getent; then
    ! limited SECONDS getent hosts "$1" >/dev/null 2>&1
  elif has nslookup; then
    # It may know less than programs do (search domains, /etc/hosts): only silence counts.
    case $(limited SECONDS nslookup "$1" 2>&1 || echo "ended $?") in
      *"ended TIMED_OUT"* | *"timed out"* | *"no servers"*) ;;
      *) return 1 ;;
    esac
  else
    return 1
  fi
}
try() {
  host=${1%:*} port=${1##*:}
  said=$(knock "$host" "$port" 2>&1); code=$?
  case $means$said in
    nc*Usage:*) said=$(limited SECONDS nc "$host" "$port" </dev/null 2>&1); code=$? ;;
  esac
  if [ "$code" = TIMED_OUT ] && unnamed "$host"; then code=UNNAMED; fi
  printf 'probe %s %s %s\n' "$1" "$code" "$(echo $said)"
}
means=nothing
for one in bash python3 nc; do
  if has "$one"; then means=$one; break; fi
done
echo "means $means"
while read -r line; do echo "resolv $line"; done </etc/resolv.conf
case $means in
  nothing) ;;
  python3) exec python3 -c 'PYTHON' "$@" ;;
  *) for one in "$@"; do try "$one" & done; wait ;;
esac
"""
_NUMBERS: Final = {"SECONDS": PATIENCE, "TIMED_OUT": TIMED_OUT, "UNNAMED": _UNNAMED}

_UNRESOLVED: Final = re.compile(
    r"(?i)does not resolve|not known|name resolution|no address associated|no usable address|"
    r"bad address|try again|could not resolve|lookup failed|unknown host|invalid argument"
)
_FAULTS: Final = re.compile(
    r"(?i)(connection refused|name does not resolve|name or service not known|"
    r"temporary failure in name resolution|no route to host|network is unreachable|"
    r"try again|host is unreachable|connection timed out|operation timed out|bad address)"
)
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Spot:
    """A container that addresses are tried from."""

    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one address: the fault of its name or of the connection; None: all went well."""

    unresolved: str | None = None
    refused: str | None = None

    @property
    def fault(self) -> str | None:
        """The fault as a sentence about the address ends."""
        if self.unresolved:
            return f"does not resolve ({self.unresolved})"
        if self.refused:
            return f"takes no connection ({self.refused})"
        return None


@dataclass(frozen=True, slots=True)
class Look:
    """
    What a container told: each address that it tried, and its `resolv.conf`.

    `lacking` says what it would need to try any; None where it had that.
    """

    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    lacking: str | None = None


def command(addresses: Sequence[str]) -> list[str]:
    """The command that tries each `host:port`."""
    script = LIMITED + _SCRIPT.replace("PYTHON", _PYTHON)
    for name, number in _NUMBERS.items():
        script = script.replace(name, str(number))
    return ["sh", "-c", script, "learnflow", *addresses]


def heard(ran: Ran) -> Look:
    """What the command said."""
    lines = ran.out.splitlines()
    if ran.code == NOT_FOUND:
        return Look(lacking="it has no shell")
    if not lines:
        return Look(lacking=f"its shell said nothing, and ended with {ran.code}: {ran.err.strip()}")
    return Look(
        dict(_attempts(lines)),
        _resolv(lines, "nameserver"),
        _resolv(lines, "search"),
        "it has neither bash, python3 nor nc" if "means nothing" in lines else None,
    )


def by_hand(spot: Spot, address: str) -> str:
    """How to try an address from a pod whose containers have nothing to do it with."""
    host, _, port = address.rpartition(":")
    return (
        "try it from a container beside it: "
        f"`kubectl debug -n {spot.namespace} {spot.pod} -it --image=busybox -- nc {host} {port}`"
    )


def _attempts(lines: Sequence[str]) -> Iterator[tuple[str, Attempt]]:
    for line in lines:
        kind, address, code, words = (*line.split(" ", 3), "", "", "")[:4]
        if kind == "probe" and code.isdecimal():
            yield address, _attempt(int(code), words.strip())


def _attempt(code: int, words: str) -> Attempt:
    if code == 0:
        return Attempt()
    if code == _UNNAMED:
        return Attempt(unresolved=f"no answer in {PATIENCE} s")
    if code == TIMED_OUT:
        return Attempt(refused=f"no answer in {PATIENCE} s")
    if _UNRESOLVED.search(words):
        return Attempt(unresolved=_short(words))
    return Attempt(refused=_short(words) or "no connection")


def _short(words: str) -> str:
    """The fault in a program's message, without the command that it quotes."""
    found = _FAULTS.search(words)
    return found[0].lower() if found else words[-_LONGEST:]


def _resolv(lines: Sequence[str], key: str) -> tuple[str, ...]:
    words = (line.split()[1:] for line in lines if line.startswith("resolv "))
    return tuple(word for part in words if part[:1] == [key] for word in part[1:])
